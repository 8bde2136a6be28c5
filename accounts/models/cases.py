"""What staff ask for on behalf of somebody who is locked out, and a second person decides."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.managers import StaffCaseQuerySet
from accounts.models.challenges import EmailChange
from accounts.models.users import ADDRESS_LENGTH, User

REASON_LENGTH = 500


class StaffCase(models.Model):
    """One request of support about an account. It is decided through ``accounts/cases.py`` alone."""

    class Kind(models.TextChoices):
        CHANGE_EMAIL = "change_email", _("Change of email address: the mailbox is lost")
        CLEAR_MFA = "clear_mfa", _("Removal of two-step sign-in: the device is lost")

    class State(models.TextChoices):
        ASKED = "asked", _("Waits for a second person")
        CONFIRMED = "confirmed", _("Confirmed")
        REFUSED = "refused", _("Refused")
        EXPIRED = "expired", _("Expired")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    user = models.ForeignKey(User, verbose_name=_("account"), on_delete=models.CASCADE, related_name="staff_cases")
    asked_by = models.ForeignKey(
        User, verbose_name=_("asked by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=REASON_LENGTH)
    new_address = models.CharField(_("new address"), max_length=ADDRESS_LENGTH, blank=True)
    # Carries the link of the old address that stops the change before the decision, and undoes it after.
    change = models.OneToOneField(EmailChange, on_delete=models.SET_NULL, null=True, related_name="case")
    asked_at = models.DateTimeField(_("asked at"), auto_now_add=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.ASKED)
    # Nobody when it expired, or when its owner stopped it.
    decided_by = models.ForeignKey(
        User, verbose_name=_("decided by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)

    objects = StaffCaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        permissions = [
            ("ask_staffcase", _("Can ask for a case")),
            ("confirm_staffcase", _("Can decide on cases of others")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind"], condition=Q(state="asked"), name="staff_case_one_asked_of_a_kind"
            ),
            # Two people, always.
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(decided_by=None) | Q(asked_by=None) | ~Q(decided_by=F("asked_by")),
                name="staff_case_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(state="asked") | Q(decided_at__isnull=False), name="staff_case_decided_at"
            ),
        ]

    def __str__(self):
        return f"{self.kind} #{self.pk}"
