"""Who on the staff has looked at whose record."""

from accounts.models import User
from profiles.models import Member, RecordView


def record_view(member: Member, user: User, what: str) -> None:
    """Record a view of a member's data: "member", "request", "claim", "file" or "identity"."""
    RecordView.objects.create(member=member, viewed_by=user, what=what)
