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
        ]

    def __str__(self):
        return self.kind
