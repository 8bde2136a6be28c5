"""The one way to check a user name and a password, at the price of exactly one hash."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.hashers import check_password

from accounts.models import PendingRegistration, SignInName
from mumaris import text


class SignInNameBackend(AuthenticationBackend):
    """Looks the name up in one indexed table; known, unknown, pending and disabled names cost the same."""

    def _authenticate(self, request, **credentials):
        name = text.sign_in_name(credentials.get("email") or credentials.get("username") or "")
        password = credentials["password"]
        try:
            known = SignInName.objects.select_related("user").get(value=name)
        except SignInName.DoesNotExist:
            self._check_pending(request, name, password)
            return None
        return self._check_password(known.user, password)

    def _check_pending(self, request, name: str, password: str) -> None:
        """Recognise somebody who registered in another browser: the newest registration of the address only."""
        pending = PendingRegistration.objects.newest_of_address(name)
        if pending is None:
            return
        self._did_check_password = True
        if request is not None and check_password(password, pending.password):
            request.pending_registration = pending
