"""Which browsers an account knows: asked before a password is checked, kept after a sign-in.

A browser holds one random id, signed, in a cookie of its own; several people may be known on it. What
stands here of it is a keyed digest, so that neither the table nor a copy of it lets anybody pass as a
known device. It proves nothing about its owner: it only keeps apart whose wrong passwords count.
"""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts import limits
from accounts.devices import name_device
from accounts.events import record_event
from accounts.models import KnownDevice, SignInName, User
from accounts.session_list import end_sessions_on
from mumaris.keys import current_code_key_id, digest, possible_digests
from mumaris.mail.queue import queue_mail
from mumaris.origin import current_origin

NEW_DEVICE_MAIL = "new_device"
SALT = "known device"


@dataclass(frozen=True, kw_only=True)
class Named:
    """Whom a typed name names, and how this browser stands to that account. ``owner`` is None for an unknown name."""

    name: str
    owner: User | None = None
    # Whether the account has ever been signed in to since devices are known.
    has_devices: bool = False
    # The known device that this browser is.
    device: UUID | None = None

    @property
    def is_known(self) -> bool:
        return self.device is not None


def named_in(request, name: str) -> Named:
    """Look a name up once per request, in one statement that costs the same for known and unknown names."""
    named = getattr(request, "named", None)
    if named is None or named.name != name:
        named = _look_up(request, name)
        if request is not None:
            request.named = named
    return named


def _look_up(request, name: str) -> Named:
    of_owner = KnownDevice.objects.filter(user=OuterRef("user"))
    here = of_owner.known().filter(digest__in=_digests_of(request))
    found = {"has_devices": Exists(of_owner), "device": Subquery(here.values("pk")[:1])}
    rows = SignInName.objects.select_related("user").annotate(**found)
    for row in rows.filter(value=name)[:1]:
        return Named(name=name, owner=row.user, has_devices=row.has_devices, device=row.device)
    return Named(name=name)


def device_id_of(request) -> str:
    """Return the id that this browser holds, or an empty string when it holds none of ours."""
    cookie = {"key": settings.DEVICE_COOKIE_NAME, "salt": SALT, "max_age": settings.DEVICE_COOKIE_AGE}
    return request.get_signed_cookie(default="", **cookie) if request is not None else ""


def give_device_id(response, device_id: str) -> None:
    """Keep the id in the browser for a year from now."""
    response.set_signed_cookie(
        settings.DEVICE_COOKIE_NAME,
        device_id,
        salt=SALT,
        max_age=settings.DEVICE_COOKIE_AGE,
        secure=settings.SECURE_COOKIES,
        httponly=True,
        samesite="Lax",
    )


def device_key(request) -> str:
    """Return what the tries of a known device count by; no network has this name."""
    return f"device {device_id_of(request)}"


def _digests_of(request) -> list[str]:
    device_id = device_id_of(request)
    # An empty list would be taken for a question without an answer, and asked differently.
    return possible_digests("device", device_id) if device_id else [""]


def name_asker(address: str) -> str:
    """Return whose allowance a mail to this address counts to: strangers cannot use up that of a known device."""
    request = current_origin().request
    if not device_id_of(request):
        return "visitor"
    here = KnownDevice.objects.known().filter(digest__in=_digests_of(request), user__sign_in_names__value=address)
    return "device" if here.exists() else "visitor"


# --- After a sign-in --------------------------------------------------------------------------


def remember_device(request, user: User) -> UUID:
    """Know this browser again for this account; tell the owner when another one was known before it.

    Return the id of its row.
    """
    named = getattr(request, "named", None)
    if named is None or named.owner != user:
        # A code or passkey came by a request of its own.
        named = named_in(request, user.email)
    request.device_id = device_id_of(request) or get_random_string(32)
    seen = {
        "digest": digest("device", request.device_id),
        "name": name_device(request.headers.get("User-Agent", "")),
        "network": limits.client_network(request),
        "last_seen_at": timezone.now(),
    }
    if named.is_known:
        user.devices.known().filter(digest__in=_digests_of(request)).update(**seen)
        return named.device
    return _add_device(user, seen, is_told=named.has_devices)


def _add_device(user: User, seen: dict, *, is_told: bool) -> UUID:
    device = KnownDevice(user=user, created_at=seen["last_seen_at"], link_key_id=current_code_key_id(), **seen)
    # A savepoint would cost two statements more, and nothing in here fails and goes on.
    with transaction.atomic(savepoint=False):
        KnownDevice.objects.bulk_create([device], ignore_conflicts=True)
        kept = user.devices.known().values_list("pk", flat=True).get(digest=device.digest)
        if kept != device.pk:
            # Two tabs of one browser sign in at once: the other one has told of it.
            return kept
        record_event("device.added", user=user, actor=user)
        if is_told and limits.allows(limits.NOTICES, NEW_DEVICE_MAIL, user.pk):
            queue_mail(NEW_DEVICE_MAIL, user.email, user=user.pk, device=str(device.pk))
    return device.pk


# --- Revoked ----------------------------------------------------------------------------------


def revoke_device(user: User, device: KnownDevice, *, here: str | None) -> bool:
    """Know a device no more: its next sign-in is one from a new device. Tell whether it was signed in.

    What is signed in on it ends, but for the session that asks (``here`` is its key).
    """
    with transaction.atomic():
        if not user.devices.known().filter(pk=device.pk).update(revoked_at=timezone.now()):
            return False
        record_event("device.revoked", user=user, subject=device.name)
        return end_sessions_on(user=user, device=device, here=here)


def is_here(request, device: KnownDevice) -> bool:
    """Tell whether this browser is the device."""
    return device.digest in _digests_of(request)
