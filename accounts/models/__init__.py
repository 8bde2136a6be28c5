"""Who a person is and what proves it. Shape and truth only: nothing here sends or sees a request."""

from accounts.models.cases import StaffCase
from accounts.models.challenges import Challenge, ChallengeTries, EmailChange, PendingRegistration, new_nonce
from accounts.models.devices import KnownDevice
from accounts.models.events import AccountEvent, EventSeal
from accounts.models.limits import SpentToken, Throttle
from accounts.models.privacy import ErasureRequest
from accounts.models.sessions import LatePost, Session
from accounts.models.users import ADDRESS_LENGTH, NAME_LENGTH, Consent, SignInName, User

__all__ = [
    "ADDRESS_LENGTH", "NAME_LENGTH", "AccountEvent", "Challenge", "ChallengeTries", "Consent", "EmailChange",
    "ErasureRequest", "EventSeal", "KnownDevice", "LatePost", "PendingRegistration", "Session", "SignInName",
    "SpentToken", "StaffCase", "Throttle", "User", "new_nonce",
]  # fmt: skip
