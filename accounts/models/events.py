"""What happened to an account, and who did it."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.users import User


class AccountEvent(models.Model):
    """One fact, written once. Names of fields, never their values; never a code, link or password.

    It outlives its user, and nobody may delete it with the account: its two keys bind nothing.
    ``network`` and ``device`` are taken away after six months, and no seal covers them.
    """

    class Outcome(models.TextChoices):
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    at = models.DateTimeField(_("time"), db_default=Now())
    # A name that accounts/events.py knows.
    kind = models.CharField(_("event"), max_length=40)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, default=Outcome.DONE)
    # Whose account; nobody's when the name that was typed has none.
    user = models.ForeignKey(
        User, verbose_name=_("account"), null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="events",
    )  # fmt: skip
    # Who did it: the owner, staff, or nobody, when time or a stranger did.
    actor = models.ForeignKey(
        User, verbose_name=_("done by"), null=True, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    # On what: a reference, a role, a kind of mail; no personal value.
    subject = models.CharField(_("subject"), max_length=80, blank=True)
    fields = models.JSONField(_("fields"), default=list, blank=True)
    network = models.GenericIPAddressField(_("network address"), null=True)
    device = models.CharField(_("device"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("account event")
        verbose_name_plural = _("account events")
        indexes = [
            models.Index(fields=["user", "-id"], name="event_of_user"),
            models.Index(fields=["at"], name="event_at"),
            models.Index(fields=["kind", "-id"], name="event_of_kind"),
            # What the keeper has still to shorten.
            models.Index(fields=["at"], condition=models.Q(network__isnull=False), name="event_with_network"),
        ]

    def __str__(self):
        return self.kind


class EventSeal(models.Model):
    """A digest over the events from ``first_id`` to ``last_id``, chained with the seal before it.

    ``accounts/seals.py`` makes it. ``rows_digest`` stands apart, so that the chain can still be checked when the
    rows have been dropped.
    """

    first_id = models.BigIntegerField(_("first event"))
    last_id = models.BigIntegerField(_("last event"), unique=True)
    count = models.PositiveIntegerField(_("number of events"))
    # The time of the newest row: a seal is dropped whole, when all its rows are old enough.
    newest_at = models.DateTimeField(_("newest event"))
    rows_digest = models.CharField(max_length=64)
    digest = models.CharField(_("digest (SHA-256)"), max_length=64)
    sealed_at = models.DateTimeField(_("sealed at"), db_default=Now())
    dropped_at = models.DateTimeField(_("dropped at"), null=True)

    class Meta:
        verbose_name = _("seal of events")
        verbose_name_plural = _("seals of events")
        indexes = [
            models.Index(fields=["newest_at"], condition=models.Q(dropped_at=None), name="seal_to_drop"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(first_id__lte=models.F("last_id")), name="seal_in_order"),
        ]

    def __str__(self):
        return f"{self.first_id}–{self.last_id}"
