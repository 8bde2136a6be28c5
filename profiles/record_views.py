"""Who on the staff has looked at whose record."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.events import record_event, record_events
from accounts.models import User
from profiles.models import Member, RecordView

# As long as the history of accounts.
VIEWS_KEPT = timedelta(days=730)
# Rows that one run of the clock looks at.
BATCH = 5_000


def record_view(member: Member, user: User, what: str) -> None:
    """Record a view of a member's data: "member", "request", "claim", "file" or "identity".

    The event is for the owner, who reads that somebody on the staff has looked; the row beside it finds the
    views of a member that has no account.
    """
    with transaction.atomic():
        RecordView.objects.create(member=member, viewed_by=user, what=what)
        record_event("record.viewed", user=member.user, actor=user, subject=what)


def purge_views() -> int:
    """Delete the oldest views after their time; by their number, which the table is ordered by."""
    oldest = RecordView.objects.order_by("pk").values_list("pk", flat=True)[:BATCH]
    over = RecordView.objects.filter(pk__in=list(oldest))
    return over.filter(viewed_at__lt=timezone.now() - VIEWS_KEPT).delete()[0]


def record_export(member_ids: list[int], user: User) -> None:
    """Record one view of each of many members, as an export shows them: a row each, and an event for each owner."""
    with transaction.atomic():
        RecordView.objects.bulk_create(
            (RecordView(member_id=member_id, viewed_by=user, what="export") for member_id in member_ids),
            batch_size=1_000,
        )
        owners = Member.objects.filter(pk__in=member_ids, user__isnull=False).order_by("pk")
        record_events("record.exported", users=owners.values_list("user", flat=True), actor=user)
