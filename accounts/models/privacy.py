"""What somebody asks for by the Personal Data Protection Law."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models.users import User


class ErasureRequest(models.Model):
    """Somebody asks that their account be erased: the Commission has until ``due_at``.

    It outlives the account that it is about: its key binds nothing, and it holds no personal value.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("Waiting for a decision")
        CANCELLED = "cancelled", _("Cancelled by its owner")
        DONE = "done", _("Carried out")
        REFUSED = "refused", _("Refused")

    user = models.ForeignKey(
        User, verbose_name=_("account"), on_delete=models.DO_NOTHING, db_constraint=False, related_name="erasures"
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.ASKED)
    asked_at = models.DateTimeField(_("asked at"), auto_now_add=True)
    due_at = models.DateTimeField(_("due"))
    decided_at = models.DateTimeField(_("decided at"), null=True)
    decided_by = models.ForeignKey(
        User, verbose_name=_("decided by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # Read by its owner.
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("erasure request")
        verbose_name_plural = _("erasure requests")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(state="asked"), name="erasure_one_waiting"),
            models.CheckConstraint(condition=Q(state="asked") | Q(decided_at__isnull=False), name="erasure_decided_at"),
            models.CheckConstraint(condition=~Q(state="refused") | ~Q(reason=""), name="erasure_refused_with_a_reason"),
            # Nobody decides on their own request.
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("user")), name="erasure_not_by_oneself"
            ),
        ]
        indexes = [models.Index(fields=["state", "due_at", "id"], name="erasure_queue")]

    def __str__(self):
        return f"{self.user_id} {self.state}"
