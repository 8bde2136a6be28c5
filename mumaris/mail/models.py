"""The outbox: rows written inside the business transaction are the queue of record.

A row holds whom, which kind and ids. Never a code, a link or a body; only what a library hands
over already rendered lies here, sealed, and is wiped when sent.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Lane(models.IntegerChoices):
    """What leaves first."""

    CODE = 0, _("codes and links")
    SECURITY = 1, _("security notices")
    DECISION = 2, _("decisions")
    OTHER = 3, _("other")


class OutboxQuerySet(models.QuerySet):
    def waiting(self):
        return self.filter(state=Outbox.State.WAITING)

    def due(self, now, *, or_after: str | None = None):
        """Rows that may be claimed: no sender holds a lease on them and their time has come.

        ``or_after`` begins the error of those that are taken before it.
        """
        ripe = Q(next_at__lte=now) | (Q(error__startswith=or_after) if or_after else Q())
        return self.waiting().filter(ripe).filter(Q(leased_until=None) | Q(leased_until__lte=now))


class Outbox(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        SENT = "sent", _("sent")
        DROPPED = "dropped", _("no longer needed")
        REFUSED = "refused", _("refused by the mailbox")
        GIVEN_UP = "given_up", _("given up")

    # Also the Message-ID: stable over retries, so that a double is recognisable.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=40)
    lane = models.PositiveSmallIntegerField(_("lane"), choices=Lane)
    recipient = models.CharField(_("recipient"), max_length=254)
    language = models.CharField(_("language"), max_length=2, choices=settings.LANGUAGES)
    references = models.JSONField(_("references"), default=dict)
    sealed_message = models.BinaryField(null=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(_("error class"), max_length=60, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, db_index=True)
    next_at = models.DateTimeField(_("next try"), default=timezone.now)
    leased_until = models.DateTimeField(null=True, editable=False)
    lease = models.UUIDField(null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("outbox")
        indexes = [
            models.Index(fields=["lane", "next_at"], condition=Q(state="waiting"), name="outbox_waiting"),
            models.Index(fields=["recipient"], name="outbox_recipient"),
        ]

    def __str__(self):
        return f"{self.kind} {self.id}"
