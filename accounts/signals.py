"""What happens to the session at every proof of identity, whoever asks for it."""

from allauth.account.signals import authentication_step_completed
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver


@receiver(user_logged_in)
def start_session_clocks(sender, request, user, **kwargs):
    request.session.mark_signed_in("staff" if user.is_staff else "normal")


@receiver(authentication_step_completed)
def renew_session_id(sender, request, **kwargs):
    """A proof repeated within a session gives it a new id too (ASVS 7.2.4)."""
    if kwargs.get("reauthenticated"):
        request.session.cycle_key()
