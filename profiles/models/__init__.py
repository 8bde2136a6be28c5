"""What the Commission knows about a member, and what members ask to change. Shape and truth only."""

from profiles.models.claims import Claim
from profiles.models.registry import LINE_LENGTH, Member, Rank, RecordView, Specialty
from profiles.models.requests import REFERENCE_LENGTH, MemberFile, RequestStep, UpdateRequest

__all__ = [
    "LINE_LENGTH", "REFERENCE_LENGTH", "Claim", "Member", "MemberFile", "Rank", "RecordView", "RequestStep",
    "Specialty", "UpdateRequest",
]  # fmt: skip
