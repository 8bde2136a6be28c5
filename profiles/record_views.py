"""Who on the staff has looked at whose record."""

from django.db import transaction

from accounts.events import record_event
from accounts.models import User
from profiles.models import Member, RecordView


def record_view(member: Member, user: User, what: str) -> None:
    """Record a view of a member's data: "member", "request", "claim", "file" or "identity".

    The event is for the owner, who reads that somebody on the staff has looked; the row beside it finds the
    views of a member that has no account.
    """
    with transaction.atomic():
        RecordView.objects.create(member=member, viewed_by=user, what=what)
        record_event("record.viewed", user=member.user, actor=user, subject=what)
