"""The picture and the sound of a visual code. Both are read out of the token in their address: no SQL, no session."""

import re

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from accounts.captcha_media import draw_picture, speak_digits
from accounts.captcha_tokens import read_token


@login_not_required
@require_safe
def picture(request: HttpRequest, token: str) -> HttpResponse:
    code = _read_code(token)
    return _answer(draw_picture(code["digits"], code["nonce"]), "image/png")


@login_not_required
@require_safe
def sound(request: HttpRequest, token: str) -> HttpResponse:
    """Answer the sound in the page's language; whole, or the range asked for: Safari plays nothing else."""
    code = _read_code(token)
    content = speak_digits(code["digits"], code["nonce"], get_language())
    wanted = re.fullmatch(r"bytes=(\d{1,9})-(\d{0,9})", request.headers.get("Range", ""))
    if not wanted or int(wanted[1]) >= len(content):
        response = _answer(content, "audio/wav")
    else:
        first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
        response = _answer(content[first : last + 1], "audio/wav")
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    response["Accept-Ranges"] = "bytes"
    return response


def _read_code(token: str) -> dict:
    try:
        code = read_token(token)
    except ValueError as error:
        raise Http404 from error
    if code["role"] != "visual":
        raise Http404
    return code


def _answer(content: bytes, content_type: str) -> HttpResponse:
    return HttpResponse(content, content_type=content_type, headers={"Cache-Control": "no-store"})
