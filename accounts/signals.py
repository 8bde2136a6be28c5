"""What happens to the session at every proof of identity, whoever asks for it."""

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import authentication_step_completed
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver

from accounts.events import record_event
from accounts.freshness import SECOND_FACTOR
from accounts.known_devices import remember_device
from accounts.metrics import SIGN_INS
from accounts.session_list import end_sessions_beyond_limit
from accounts.sessions import REMEMBER
from mumaris.origin import current_origin


@receiver(user_logged_in)
def start_session_clocks(sender, request, user, **kwargs):
    remembered = request.session.pop(REMEMBER, False)
    kind = "staff" if user.is_staff else "remembered" if remembered else "normal"
    proofs = {record["method"] for record in get_authentication_records(request, user)}
    request.session.mark_signed_in(kind, second_factor=SECOND_FACTOR in proofs)
    end_sessions_beyond_limit(user, here=request.session.session_key)
    record_event("sign_in.done", user=user, actor=user)
    SIGN_INS.labels("done").inc()
    if current_origin().request is not None:
        request.session.mark_device(remember_device(request, user))


@receiver(user_logged_out)
def record_sign_out(sender, request, user, **kwargs):
    if user is not None:
        record_event("sign_out.done", user=user, actor=user)


@receiver(authentication_step_completed)
def renew_session_id(sender, request, **kwargs):
    """A proof repeated within a session gives it a new id too (ASVS 7.2.4)."""
    if kwargs.get("reauthenticated"):
        request.session.cycle_key()
        if kwargs["method"] == SECOND_FACTOR:
            request.session.mark_second_factor(True)
        record_event("identity.proved", user=request.user, subject=kwargs["method"])
