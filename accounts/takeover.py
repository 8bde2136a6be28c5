"""What opens an account besides its password, or waits in it: taken away when its owner brings it back from
somebody who got in, and when it is closed.
"""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.utils import timezone

from accounts.events import record_event
from accounts.models import ErasureRequest, LatePost, User

Type = Authenticator.Type
# Whoever asks for another address may have signed in, and added a passkey, so long before.
EARLIER = timedelta(hours=24)
REMOVED = {
    Type.TOTP: "mfa.totp_removed", Type.WEBAUTHN: "mfa.passkey_removed", Type.RECOVERY_CODES: "mfa.codes_removed",
}  # fmt: skip


def clear_intrusion(user: User, *, since: datetime) -> None:
    """Take away what somebody who got in may have left; second steps that are older than ``since`` stay.

    The caller has the user locked. A passkey opens the account without a password: one that stayed would
    open it to the intruder again.
    """
    _clear(user, since=since, by_link=True)


def clear_closed_account(user: User, *, by: User) -> None:
    """Take away all that would be there again when a closed account is enabled. The caller has the user locked."""
    _clear(user, since=None, actor=by)
    # Ended by the epoch of their user already. Of an intruder's victim they stay: the link may be opened in one.
    user.sessions.all().delete()


def _clear(user: User, *, since: datetime | None, **who) -> None:
    _drop_second_steps(user, since, who)
    user.devices.known().update(revoked_at=timezone.now())
    LatePost.objects.filter(user=user).delete()
    asked = ErasureRequest.objects.filter(user=user, state=ErasureRequest.State.ASKED)
    if asked.update(state=ErasureRequest.State.CANCELLED, decided_at=timezone.now()):
        record_event("erasure.cancelled", user=user, **who)


def _drop_second_steps(user: User, since: datetime | None, who: dict) -> None:
    """Remove the apps, passkeys and recovery codes made since then: all of them when only codes would be left."""
    found = list(user.authenticator_set.order_by("pk"))
    older = [step for step in found if since and step.created_at < since]
    kept = older if any(step.type != Type.RECOVERY_CODES for step in older) else []
    for step in found:
        if step not in kept:
            step.delete()
            record_event(REMOVED[step.type], user=user, **who)
