"""Update requests, their time line and their files."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from profiles.managers import MemberFileQuerySet, UpdateRequestQuerySet
from profiles.models.registry import Member

# "UPD-XXXX-XXXX" (profiles/references.py).
REFERENCE_LENGTH = 13


class UpdateRequest(models.Model):
    """What a member asks to change: new values, and the old ones as they were at the submission.

    Its state moves through ``profiles/services.py`` alone.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SUBMITTED = "submitted", _("Under review")
        RETURNED = "returned", _("Returned for changes")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    OPEN = (State.DRAFT, State.SUBMITTED, State.RETURNED)
    # The reason of a request that touched only at-once fields, and of one closed for its age.
    AUTOMATIC, EXPIRED = "automatic", "expired"

    reference = models.CharField(_("reference number"), max_length=REFERENCE_LENGTH, unique=True)
    member = models.ForeignKey(Member, verbose_name=_("member"), on_delete=models.CASCADE, related_name="requests")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("applicant"),
        on_delete=models.CASCADE,
        related_name="update_requests",
    )
    state = models.CharField(_("request status"), max_length=9, choices=State, default=State.DRAFT)
    # Raised by every save and submission: a decision counts only for what was seen.
    revision = models.PositiveIntegerField(default=1)
    new_values = models.JSONField(default=dict)
    old_values = models.JSONField(default=dict)
    # field → what the reviewer asks for; only these fields are open while the request is returned.
    remarks = models.JSONField(default=dict, blank=True)
    reason = models.CharField(_("reason"), max_length=1000, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    submitted_at = models.DateTimeField(_("date sent"), null=True, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("decided by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    returned_at = models.DateTimeField(_("returned at"), null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    # Who reviews it now, and until when nobody else may.
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("reviewer"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    review_until = models.DateTimeField(_("locked until"), null=True, blank=True)

    objects = UpdateRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("update request")
        verbose_name_plural = _("update requests")
        permissions = [
            ("review_updaterequest", _("Can decide on update requests and claims")),
            ("bulk_review_updaterequest", _("Can decide on several update requests at once")),
            ("break_review_lock", _("Can take over a request that another reviewer holds")),
            ("export_updaterequest", _("Can export update requests")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["member"],
                condition=Q(state__in=["draft", "submitted", "returned"]),
                name="update_request_one_open",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"]) | Q(submitted_at__isnull=False),
                name="update_request_submitted_at",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "submitted", "returned"]) | Q(decided_at__isnull=False),
                name="update_request_decided_at",
            ),
            # Nobody decides on their own request.
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="update_request_not_by_oneself",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "submitted_at", "id"], name="update_request_queue"),
            models.Index(fields=["submitted_at", "id"], name="update_request_by_age"),
            models.Index(fields=["requested_by", "-id"], name="update_request_mine"),
            models.Index(fields=["returned_at"], condition=Q(state="returned"), name="update_request_returned"),
        ]

    def __str__(self):
        return self.reference

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def is_editable(self) -> bool:
        return self.state in {self.State.DRAFT, self.State.RETURNED}


class RequestStep(models.Model):
    """One step on a request's time line; each is mailed to the applicant."""

    class Kind(models.TextChoices):
        SUBMITTED = "submitted", _("Sent")
        APPROVED = "approved", _("Approved")
        RETURNED = "returned", _("Returned for changes")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        REMINDED = "reminded", _("Reminder sent")
        CLOSED = "closed", _("Closed because nobody answered")

    request = models.ForeignKey(UpdateRequest, on_delete=models.CASCADE, related_name="steps")
    kind = models.CharField(_("step"), max_length=9, choices=Kind)
    at = models.DateTimeField(_("time"), auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    note = models.CharField(_("note"), max_length=1000, blank=True)
    # What a reviewer asked for, field by field; the request itself keeps only what is asked now.
    remarks = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("activity log")
        ordering = ["id"]

    def __str__(self):
        return self.kind


class MemberFile(models.Model):
    """An uploaded file, cleaned (``profiles/files.py``); its bytes lie in the file store under ``key``."""

    class Kind(models.TextChoices):
        EVIDENCE = "evidence", _("Evidence")
        PHOTO = "photo", _("Photo")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="member_files")
    request = models.ForeignKey(UpdateRequest, on_delete=models.SET_NULL, null=True, related_name="files")
    key = models.CharField(max_length=100)
    content_type = models.CharField(_("file type"), max_length=20)
    size = models.PositiveIntegerField(_("size"))
    digest = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField(_("uploaded at"), auto_now_add=True)
    # 90 days after the decision; empty while it is needed.
    delete_after = models.DateTimeField(null=True, db_index=True)

    objects = MemberFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")

    def __str__(self):
        return str(self.id)
