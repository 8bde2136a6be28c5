"""Keep, hand out and delete cleaned files. A key is all that the database holds; no name of the sender's is kept."""

import re
import uuid
from pathlib import PurePath
from typing import Literal

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import FileResponse, HttpResponseBase
from django.utils import timezone

from mumaris.stores import StoreAway
from mumaris.views import error_page, page_not_found, permission_denied
from profiles.file_refusals import RefusedFile

KEY = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9a-f]{32}\.(jpg|png|pdf)")
TYPES = {"jpg": "image/jpeg", "png": "image/png", "pdf": "application/pdf"}
RETRY_AFTER = 30
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def store_file(clean) -> str:
    """Keep a cleaned file and return its key. Raises RefusedFile("store_away").

    Call it before the transaction opens: it may wait for another machine.
    """
    key = f"{timezone.now():%Y/%m}/{uuid.uuid4().hex}.{clean.extension}"
    try:
        return storages["files"].save(key, ContentFile(clean.content))
    except StoreAway as error:
        raise RefusedFile("store_away") from error


def open_file(key: str):
    """Return the kept file, open for reading. Raises FileNotFoundError or StoreAway."""
    if not KEY.fullmatch(key):
        raise FileNotFoundError(key)
    return storages["files"].open(key)


def delete_file(key: str) -> None:
    """Delete a kept file; one that is missing is fine. Raises StoreAway."""
    if KEY.fullmatch(key):
        storages["files"].delete(key)


def serve_file(request, key: str, *, kind: Literal["evidence", "photo"]) -> HttpResponseBase:
    """Answer with a kept file. The view has asked already whether this person may see it.

    The type is the one that we wrote, never one that was sent. Pictures may stand in a page; a PDF is saved, because
    browsers run a program of their own on it.
    """
    if is_foreign(request):
        return permission_denied(request)
    try:
        file = open_file(key)
        return attach(file, key, kind)
    except FileNotFoundError:
        return page_not_found(request)
    except StoreAway:
        return store_away(request)


def is_foreign(request) -> bool:
    """Whether another site's page asks for the file; browsers tell since 2019-2023, other clients send nothing."""
    return request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}


def attach(file, key: str, kind: str) -> FileResponse:
    path = PurePath(key)
    extension = path.suffix.removeprefix(".")
    response = FileResponse(
        file,
        as_attachment=extension == "pdf",
        filename=f"{kind}-{path.stem[:8]}.{extension}",
        content_type=TYPES[extension],
    )
    for name, value in HEADERS.items():
        response[name] = value
    return response


def store_away(request):
    """Answer 503: the store cannot be reached, and the page works again when it can."""
    response = error_page(request, 503)
    response["Retry-After"] = RETRY_AFTER
    return response
