"""The counters of the limits, and what has served once."""

from django.db import models


class Throttle(models.Model):
    """One counter of one limit (``accounts/limits.py``): a single indexed row, counted atomically."""

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=64)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField(db_index=True)
    next_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="throttle_kind_key")]

    def __str__(self):
        return f"{self.kind} {self.count}"


class SpentToken(models.Model):
    """The digest of a captcha answer or pass that has served: inserting it is what spends it."""

    digest = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self):
        return self.digest[:8]
