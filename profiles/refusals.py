"""Why an act on an update request is refused; each becomes a sentence at the door where it was tried."""

from datetime import datetime

from accounts.models import User


class NoMember(Exception):
    """The account is not tied to a member file yet."""


class WrongMembershipNumber(Exception):
    """The typed number is not the one of this account's member; whether it is another's is not told."""


class StateChanged(Exception):
    """The request is in another state by now: another tab or person was first."""


class ChangedElsewhere(Exception):
    """The request was saved or sent again since it was shown."""


class NothingChanged(Exception):
    """Every wanted value equals the present one."""


class EvidenceMissing(Exception):
    """The request touches who the member is and has no paper that shows it."""


class OwnRequest(Exception):
    """Nobody decides on their own request (ASVS 2.3.5)."""


class HeldByAnother(Exception):
    """Another reviewer holds the request until ``until`` (aware datetime)."""

    def __init__(self, reviewer: User | None, until: datetime):
        super().__init__(until)
        self.reviewer, self.until = reviewer, until


class ChangedMeanwhile(Exception):
    """The member's present values of ``fields`` are not those recorded at the submission."""

    def __init__(self, fields: list[str]):
        super().__init__(fields)
        self.fields = fields


class IdentityTaken(Exception):
    """Another member has this identity number by now."""
