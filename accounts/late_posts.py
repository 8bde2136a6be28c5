"""A long form that was sent after its session had ended is kept for its owner, and shown again.

The form carries a signed ticket that names whose it is: nobody is signed in when it arrives. What is kept
is encrypted, lives half an hour, and is shown to that person alone. Only views marked by
``keeps_late_post`` take part; none of them has a password field.
"""

from datetime import timedelta

from cryptography.fernet import InvalidToken
from django.core import signing
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from accounts.models import LatePost, User
from mumaris.keys import box

FIELD = "late_ticket"
LIFETIME = timedelta(minutes=30)
# No session lives longer without a remembered sign-in.
TICKET_LIFETIME = timedelta(hours=12)
MAX_BYTES = 64 * 1024
NOT_KEPT = {FIELD, "csrfmiddlewaretoken", "action"}


def keeps_late_post(view):
    view.keeps_late_post = True
    return view


def issue_ticket(user: User) -> str:
    """Return what the form carries: whose it is, signed."""
    return signing.dumps(user.pk, salt="late-post")


def keep_late_post(request: HttpRequest) -> bool:
    """Keep the fields of this post for the owner of its ticket; tell whether there was anything to keep."""
    try:
        owner = signing.loads(request.POST.get(FIELD, ""), salt="late-post", max_age=TICKET_LIFETIME)
    except signing.BadSignature:
        return False
    fields = request.POST.copy()
    for name in NOT_KEPT:
        fields.pop(name, None)
    content = fields.urlencode().encode()
    if len(content) > MAX_BYTES or not User.objects.filter(pk=owner, is_active=True).exists():
        return False
    kept = {
        "path": bare_path(request.path),
        "sealed": box("late-post").encrypt(content),
        "expires_at": timezone.now() + LIFETIME,
    }
    LatePost.objects.update_or_create(user_id=owner, defaults=kept)
    return True


def find_late_post(request: HttpRequest) -> QueryDict | None:
    """Return the fields kept for this user and page, or None."""
    live = LatePost.objects.filter(user=request.user, path=bare_path(request.path), expires_at__gt=timezone.now())
    kept = live.first()
    try:
        return kept and QueryDict(box("late-post").decrypt(bytes(kept.sealed)))
    except InvalidToken:
        # Sealed with a key that has been retired.
        return None


def drop_late_post(user: User) -> None:
    """Forget what was kept: the same form has been sent again."""
    LatePost.objects.filter(user=user).delete()


def bare_path(path: str) -> str:
    """Return the path without its language: who signs in again may do so in the other one."""
    return path.removeprefix("/").partition("/")[2]
