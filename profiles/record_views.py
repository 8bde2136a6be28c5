"""Who on the staff has looked at whose record."""

from accounts.models import User
from profiles.models import Member, RecordView


def record_view(member: Member, user: User, what: str) -> None:
    """Record a view of a member's data: "member", "request", "claim", "file" or "identity"."""
    RecordView.objects.create(member=member, viewed_by=user, what=what)


def record_views(member_ids: list[int], user: User, what: str) -> None:
    """Record one view of each of many members, as an export shows them."""
    RecordView.objects.bulk_create(
        (RecordView(member_id=member_id, viewed_by=user, what=what) for member_id in member_ids), batch_size=1_000
    )
