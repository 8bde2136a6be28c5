"""What somebody who got into an account may have left in it: taken away when its owner brings it back."""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.utils import timezone

from accounts.events import record_event
from accounts.models import ErasureRequest, User

# Whoever asks for another address may have signed in, and added a passkey, so long before.
EARLIER = timedelta(hours=24)
REMOVED = {Authenticator.Type.TOTP: "mfa.totp_removed", Authenticator.Type.WEBAUTHN: "mfa.passkey_removed"}


def clear_intrusion(user: User, *, since: datetime) -> None:
    """Take away second steps added since then, every known device, and a request to erase the account.

    The caller has the user locked. A passkey opens the account without a password: one that stayed would
    open it to the intruder again.
    """
    _drop_second_steps(user, since)
    user.devices.known().update(revoked_at=timezone.now())
    asked = ErasureRequest.objects.filter(user=user, state=ErasureRequest.State.ASKED)
    if asked.update(state=ErasureRequest.State.CANCELLED, decided_at=timezone.now()):
        record_event("erasure.cancelled", user=user, by_link=True)


def _drop_second_steps(user: User, since: datetime) -> None:
    added = user.authenticator_set.filter(created_at__gte=since)
    kinds = list(added.values_list("type", flat=True))
    added.delete()
    if not user.authenticator_set.exclude(type=Authenticator.Type.RECOVERY_CODES).exists():
        user.authenticator_set.all().delete()
    for kind in kinds:
        if kind in REMOVED:
            record_event(REMOVED[kind], user=user, by_link=True)
