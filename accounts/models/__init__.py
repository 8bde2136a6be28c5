"""Who a person is and what proves it. Shape and truth only: nothing here sends or sees a request."""

from accounts.models.cases import StaffCase
from accounts.models.challenges import Challenge, ChallengeTries, EmailChange, PendingRegistration, new_nonce
from accounts.models.events import AccountEvent
from accounts.models.limits import SpentToken, Throttle
from accounts.models.users import ADDRESS_LENGTH, NAME_LENGTH, Consent, SignInName, User

__all__ = [
    "ADDRESS_LENGTH", "NAME_LENGTH", "AccountEvent", "Challenge", "ChallengeTries", "Consent", "EmailChange",
    "PendingRegistration", "SignInName", "SpentToken", "StaffCase", "Throttle", "User", "new_nonce",
]  # fmt: skip
