"""A signed-in user's word that a member file is theirs."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from profiles.managers import ClaimQuerySet
from profiles.models.registry import Member


class Claim(models.Model):
    """A signed-in user says that a member file is theirs. It is tied after a wait, or by a reviewer."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        TIED = "tied", _("Tied")
        REFUSED = "refused", _("Refused")
        STOPPED = "stopped", _("Stopped by the registry address")

    member = models.ForeignKey(Member, verbose_name=_("member"), on_delete=models.CASCADE, related_name="claims")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("account"), on_delete=models.CASCADE, related_name="claims"
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.WAITING)
    nonce = models.CharField(max_length=32)
    key_id = models.CharField(max_length=8)
    claimed_at = models.DateTimeField(_("claimed at"), auto_now_add=True)
    due_at = models.DateTimeField(_("tied by itself at"))
    # When the mail server took the warning to the registry address: the wait begins there.
    warned_at = models.DateTimeField(_("warned at"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("decided by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True)

    objects = ClaimQuerySet.as_manager()

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(state="waiting"), name="claim_one_waiting_per_user"),
            models.CheckConstraint(condition=Q(state="waiting") | Q(decided_at__isnull=False), name="claim_decided_at"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="claim_due"),
        ]

    def __str__(self):
        return f"{self.member_id} {self.state}"
