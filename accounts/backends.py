"""The one way to check a user name and a password, at the price of one hash."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.hashers import check_password

from accounts.known_devices import named_in
from accounts.models import PendingRegistration
from accounts.registration import hint_password
from mumaris import text


class SignInNameBackend(AuthenticationBackend):
    """Looks the name up in one indexed table; known, unknown, pending and disabled names cost the same.

    Who registered an address is recognised whether or not somebody else has an account with it:
    a stranger who registers an address and signs in must not learn which.
    """

    def _authenticate(self, request, **credentials):
        name = text.sign_in_name(credentials.get("email") or credentials.get("username") or "")
        password = credentials["password"]
        if request is not None:
            request.pending_registration = find_pending(name, password)
        owner = named_in(request, name).owner
        # Without a user allauth spends the same hash on nothing.
        return self._check_password(owner, password)


def find_pending(name: str, password: str) -> PendingRegistration | None:
    """Return the newest registration of an address that was begun with this password, in another browser.

    Its hash is checked only when its hint agrees, so that others do not pay for it.
    """
    pending = PendingRegistration.objects.newest_of_address(name)
    if pending is None or pending.password_hint != hint_password(password):
        return None
    return pending if check_password(password, pending.password) else None
