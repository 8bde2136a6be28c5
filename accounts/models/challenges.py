"""What proves a mailbox: registrations before their code, codes and links, changes of address."""

import secrets
import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.managers import EmailChangeQuerySet, PendingRegistrationQuerySet
from accounts.models.users import ADDRESS_LENGTH, NAME_LENGTH, User


class PendingRegistration(models.Model):
    """A registration before its code: it belongs to address + visitor and reserves nothing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    address = models.CharField(_("email address"), max_length=ADDRESS_LENGTH, db_index=True)
    visitor = models.CharField(max_length=32)
    first_name = models.CharField(_("first name"), max_length=NAME_LENGTH)
    last_name = models.CharField(_("family name"), max_length=NAME_LENGTH)
    password = models.CharField(max_length=128)
    # Four bits of a keyed digest of the password: tell a sign-in whether its one hash is spent here.
    password_hint = models.CharField(max_length=1, blank=True)
    language = models.CharField(_("language"), max_length=2, choices=settings.LANGUAGES)
    ip = models.GenericIPAddressField(_("network address"), null=True)
    # [{"kind", "version", "digest", "language", "accepted_at"}]: becomes Consent rows at completion.
    accepted = models.JSONField(_("accepted texts"), default=list)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True, db_index=True)

    objects = PendingRegistrationQuerySet.as_manager()

    class Meta:
        verbose_name = _("pending registration")
        verbose_name_plural = _("pending registrations")
        constraints = [models.UniqueConstraint(fields=["address", "visitor"], name="pending_address_visitor")]

    def __str__(self):
        return self.address


def new_nonce() -> str:
    return secrets.token_hex(16)


class Challenge(models.Model):
    """The one live code (or link) of a mailbox for a purpose.

    The code itself is stored nowhere: it is a keyed MAC over this row (``accounts/challenges.py``).
    ``accepted_at`` is when the mail server took the mail, and starts the clock.
    ``owner`` is the id of the user who alone may type it, 0 for a code that any visitor may.
    """

    class Purpose(models.TextChoices):
        REGISTRATION = "registration", _("registration")
        RESET = "reset", _("password reset")
        EMAIL_CHANGE = "email_change", _("change of email address")

    purpose = models.CharField(max_length=20, choices=Purpose)
    address = models.CharField(max_length=ADDRESS_LENGTH)
    owner = models.PositiveBigIntegerField(default=0, db_default=0)
    generation = models.PositiveIntegerField(default=1)
    nonce = models.CharField(max_length=32, default=new_nonce)
    key_id = models.CharField(max_length=8)
    started_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    # Why no code will come: "refused" by the mailbox, "given_up", or "ended" with a new password.
    failure = models.CharField(max_length=10, blank=True)
    used_at = models.DateTimeField(null=True)
    # The former code stays good to its end when a new one was made.
    former_nonce = models.CharField(max_length=32, blank=True)
    former_key_id = models.CharField(max_length=8, blank=True)
    former_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["purpose", "address", "owner"], name="challenge_purpose_address_owner")
        ]
        indexes = [models.Index(fields=["started_at"], name="challenge_started")]

    def __str__(self):
        return f"{self.purpose} #{self.pk}"


class ChallengeTries(models.Model):
    """How often one visitor has typed a code against one generation of a challenge."""

    challenge = models.ForeignKey(Challenge, on_delete=models.CASCADE, related_name="tries")
    generation = models.PositiveIntegerField()
    visitor = models.CharField(max_length=32)
    count = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["challenge", "generation", "visitor"], name="tries_challenge_visitor")
        ]

    def __str__(self):
        return f"{self.count}"


class EmailChange(models.Model):
    """A user's wish for another address: open until its code is right, it is cancelled, or a day has passed.

    The link that goes to the old address is stored nowhere (``accounts/email_change.py``); it ends at
    ``undo_until``, or when it has served (``undone_at``).
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="email_changes", verbose_name=_("user"))
    old_address = models.CharField(_("old address"), max_length=ADDRESS_LENGTH, db_index=True)
    new_address = models.CharField(_("new address"), max_length=ADDRESS_LENGTH)
    requested_at = models.DateTimeField(_("requested at"))
    completed_at = models.DateTimeField(_("completed at"), null=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)
    undone_at = models.DateTimeField(_("undone at"), null=True)
    undo_until = models.DateTimeField(_("can be undone until"), db_index=True)
    undo_nonce = models.CharField(max_length=32, default=new_nonce)
    undo_key_id = models.CharField(max_length=8)
    # For somebody who has lost the old mailbox: no code completes it, a second member of staff does.
    asked_by_staff = models.BooleanField(_("asked for by staff"), default=False, db_default=False)

    objects = EmailChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change of email address")
        verbose_name_plural = _("changes of email addresses")
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(completed_at=None, cancelled_at=None, asked_by_staff=False),
                name="email_change_one_unfinished",
            ),
            models.CheckConstraint(
                condition=models.Q(completed_at=None) | models.Q(cancelled_at=None), name="email_change_one_end"
            ),
        ]

    def __str__(self):
        return f"{self.old_address} → {self.new_address}"
