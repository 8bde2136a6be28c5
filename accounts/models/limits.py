"""The counters of the limits, and what has served once."""

from datetime import UTC, datetime

from django.db import models

# No wait at all: far in the past, because the clocks of two processes differ by more than nothing.
FREE = datetime(2000, 1, 1, tzinfo=UTC)


class Throttle(models.Model):
    """One counter of one limit (``accounts/limits.py``): a single indexed row, counted atomically."""

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=64)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField(db_index=True)
    next_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="throttle_kind_key")]
        # The few that hold somebody up: a row that is not locked never enters, and counting it stays as cheap.
        indexes = [
            models.Index(fields=["kind", "next_at"], condition=models.Q(next_at__gt=FREE), name="throttle_held"),
        ]

    def __str__(self):
        return f"{self.kind} {self.count}"


class SpentToken(models.Model):
    """The digest of a captcha answer or pass that has served: inserting it is what spends it."""

    digest = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self):
        return self.digest[:8]
