"""«This was not me»: what the owner of an account can do about a sign-in from a device that it did not know.

The link is stored nowhere: it is a keyed MAC over the row of the device.
"""

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import challenges
from accounts.challenges import Purpose
from accounts.email_change import undo_email_change
from accounts.events import record_event
from accounts.models import EmailChange, KnownDevice, User
from accounts.password_reset import LinkSpent, mail_link
from accounts.takeover import clear_intrusion
from mumaris.keys import is_known_key, mac
from mumaris.mail.queue import queue_mail

DISOWNED_MAIL = "sign_in_disowned"
LINK_LIFETIME = timedelta(days=10)


def not_me_token(device: KnownDevice) -> str:
    """Return what stands in the link: the id and a MAC over it. Raises LookupError when its key was retired."""
    return f"{device.pk.hex}-{mac(device.link_key_id, 'not me', device.pk, device.user_id).hex()}"


def find_disownable(token: str) -> KnownDevice | None:
    """Return the device of a genuine link, whether or not it can still serve. Consumes nothing."""
    try:
        device = KnownDevice.objects.filter(pk=UUID(token.partition("-")[0])).first()
    except ValueError:
        return None
    is_genuine = device and is_known_key(device.link_key_id) and hmac.compare_digest(not_me_token(device), token)
    return device if is_genuine else None


def link_ends_at(device: KnownDevice) -> datetime:
    return device.created_at + LINK_LIFETIME


def can_disown(device: KnownDevice) -> bool:
    return device.disowned_at is None and timezone.now() < link_ends_at(device)


def disown_sign_in(device: KnownDevice) -> None:
    """Close the account to everybody but its mailbox: exactly one of any number of callers does. Raises LinkSpent.

    All sessions end, no device is known any more, and the password is none until a link that is mailed
    has set a new one. An address that was changed since then is brought back first: its mailbox may be
    that of whoever signed in. Second steps that are older than the sign-in stay.
    """
    with transaction.atomic():
        if not _bring_address_back(device):
            _close_account(device.user_id)
        # The user is locked by now, as everywhere after the challenges and before the rest.
        now = timezone.now()
        unspent = KnownDevice.objects.filter(pk=device.pk, disowned_at=None, created_at__gt=now - LINK_LIFETIME)
        if not unspent.update(disowned_at=now):
            raise LinkSpent
        user = User.objects.get(pk=device.user_id)
        clear_intrusion(user, since=device.created_at)
        if EmailChange.objects.unfinished().filter(user=user).update(cancelled_at=now):
            record_event("email_change.cancelled", user=user, by_link=True)
        queue_mail(DISOWNED_MAIL, user.email, user=user.pk)
        record_event("sign_in.disowned", user=user, by_link=True, subject=device.name)


def _bring_address_back(device: KnownDevice) -> bool:
    """Undo the changes of address made since the sign-in, and tell whether there were any."""
    since = EmailChange.objects.filter(
        user=device.user_id,
        requested_at__gte=device.created_at,
        completed_at__isnull=False,
        undone_at=None,
        undo_until__gt=timezone.now(),
    )
    first = since.order_by("pk").first()
    if first is None:
        return False
    # It closes the account as we do, and mails the link to the former address.
    undo_email_change(first)
    return True


def _close_account(user_id: int) -> None:
    address = User.objects.values_list("email", flat=True).get(pk=user_id)
    reset = challenges.lock_challenge(Purpose.RESET, address)
    user = User.objects.select_for_update().get(pk=user_id)
    if user.email != address:
        # Changed a moment ago: the next tap finds the change.
        raise LinkSpent
    reset.failure = challenges.ENDED
    reset.save(update_fields=["failure"])
    user.session_epoch += 1
    user.set_unusable_password()
    user.save(update_fields=["session_epoch", "password"])
    mail_link(reset)
