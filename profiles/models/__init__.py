"""What the Commission knows about a member, and what members ask to change. Shape and truth only."""

from profiles.models.claims import Claim
from profiles.models.registry import Member, Rank, RecordView, Specialty
from profiles.models.requests import REFERENCE_LENGTH, MemberFile, RequestStep, UpdateRequest

__all__ = [
    "REFERENCE_LENGTH", "Claim", "Member", "MemberFile", "Rank", "RecordView", "RequestStep", "Specialty",
    "UpdateRequest",
]  # fmt: skip
