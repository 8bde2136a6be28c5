"""Querysets of profiles: the questions that other rooms may ask of its tables."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class MemberQuerySet(models.QuerySet):
    def of_user(self, user):
        """Return the member of this account, or None."""
        return self.select_related("specialty", "rank", "photo").filter(user=user).first()


class ClaimQuerySet(models.QuerySet):
    def waiting(self):
        return self.filter(state="waiting")

    def ended(self):
        """Claims that came to nothing, newest first."""
        return self.filter(state__in=["stopped", "refused"]).order_by("-pk")

    def with_doubt(self):
        """Annotate ``is_contested``: another account claims the file, or a claim on it was stopped or refused."""
        others = self.model.objects.filter(member=models.OuterRef("member")).exclude(pk=models.OuterRef("pk"))
        return self.annotate(is_contested=models.Exists(others.filter(state__in=["waiting", "stopped", "refused"])))

    def due(self, now):
        """Waiting claims that need no reviewer: their time is over, nobody contests them, and the owner was warned."""
        warned = Q(member__registry_email="") | Q(warned_at__isnull=False)
        return self.waiting().with_doubt().filter(warned, due_at__lte=now, is_contested=False, user__is_active=True)


class UpdateRequestQuerySet(models.QuerySet):
    def for_user(self, user):
        """The one gate: whatever a page shows of a request it fetches through this."""
        return self.filter(requested_by=user)

    def open(self):
        return self.filter(state__in=self.model.OPEN)

    def queue(self):
        """What reviewers have to decide on, oldest first."""
        return self.filter(state="submitted").order_by("submitted_at", "id")

    def mine_or_free(self, reviewer, now):
        """Not held by another reviewer."""
        return self.filter(Q(review_until=None) | Q(review_until__lte=now) | Q(reviewer=reviewer))

    def to_remind(self, now):
        """Returned and unanswered for RETURNED_REMIND_DAYS, not reminded since."""
        before = now - timedelta(days=settings.RETURNED_REMIND_DAYS)
        return self.filter(state="returned", reminded_at=None, returned_at__lte=before)

    def to_close(self, now):
        """Returned and unanswered for RETURNED_CLOSE_DAYS."""
        return self.filter(state="returned", returned_at__lte=now - timedelta(days=settings.RETURNED_CLOSE_DAYS))


class MemberFileQuerySet(models.QuerySet):
    def kept(self):
        """Files that nobody has deleted and whose time is not over."""
        return self.filter(Q(delete_after=None) | Q(delete_after__gt=timezone.now()))
