"""What the Commission knows about a member, and what members ask to change. Shape and truth only."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Mod, StrIndex, Substr
from django.db.models.lookups import Exact
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from accounts.models import ADDRESS_LENGTH
from profiles.managers import ClaimQuerySet, MemberQuerySet, UpdateRequestQuerySet

NAME_LENGTH = 120
LINE_LENGTH = 120
# "UPD-XXXX-XXXX" (profiles/references.py).
REFERENCE_LENGTH = 13

# A digit's place in this string is what it counts, less one, when Luhn doubles it; in the other what it is.
DOUBLED, SINGLE = "0516273849", "0123456789"


def luhn_holds(field: str) -> Exact:
    """Return the condition that the ten digits of ``field`` carry a right check digit (Luhn mod 10).

    By places in a string and not by numbers: a passport's letters must not become an error of the database.
    Ten places, each one too high, leave the sum modulo ten as it is.
    """
    places = [
        StrIndex(Value(DOUBLED if i % 2 else SINGLE), Substr(field, i, 1), output_field=models.IntegerField())
        for i in range(1, 11)
    ]
    total = places[0]
    for place in places[1:]:
        total = total + place
    return Exact(Mod(total, 10), 0)


class Term(models.Model):
    """A word of the Commission's lists, kept by administrators in both languages."""

    code = models.SlugField(_("code"), max_length=30, unique=True)
    name_ar = models.CharField(_("name in Arabic"), max_length=100)
    name_en = models.CharField(_("name in English"), max_length=100)
    is_active = models.BooleanField(_("offered"), default=True)

    class Meta:
        abstract = True

    def __str__(self):
        return self.name_ar if get_language() == "ar" else self.name_en


class Specialty(Term):
    class Meta:
        verbose_name = _("specialty")
        verbose_name_plural = _("specialties")
        ordering = ["name_ar"]


class Rank(Term):
    class Meta:
        verbose_name = _("professional rank")
        verbose_name_plural = _("professional ranks")
        ordering = ["name_ar"]


class Member(models.Model):
    """A practitioner in the registry. Values are written by the import and by ``profiles/services.py`` alone."""

    class IdentityKind(models.TextChoices):
        NATIONAL_ID = "national_id", _("National ID")
        IQAMA = "iqama", _("Iqama")
        PASSPORT = "passport", _("Passport")

    class Calendar(models.TextChoices):
        GREGORIAN = "gregorian", _("Gregorian")
        HIJRI = "hijri", _("Hijri")

    class Gender(models.TextChoices):
        FEMALE = "female", _("Female")
        MALE = "male", _("Male")

    class JobKind(models.TextChoices):
        GOVERNMENT = "government", _("Government")
        PRIVATE = "private", _("Private")
        NONE = "none", _("Not employed")

    membership_number = models.CharField(_("membership number"), max_length=20, unique=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("account"),
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="member",
    )
    tied_at = models.DateTimeField(_("tied at"), null=True, blank=True)
    registry_email = models.CharField(_("registry email"), max_length=ADDRESS_LENGTH, blank=True, db_index=True)
    name_arabic = models.CharField(_("name in Arabic letters"), max_length=NAME_LENGTH, blank=True)
    name_latin = models.CharField(_("name in Latin letters"), max_length=NAME_LENGTH, blank=True)
    identity_kind = models.CharField(_("identity kind"), max_length=11, choices=IdentityKind)
    identity_number = models.CharField(_("identity number"), max_length=20)
    birth_date = models.DateField(_("birth date"))
    # As it was typed or imported, in its own calendar.
    birth_typed = models.CharField(_("birth date as typed"), max_length=30, blank=True)
    birth_calendar = models.CharField(_("calendar"), max_length=9, choices=Calendar, default=Calendar.GREGORIAN)
    gender = models.CharField(_("gender"), max_length=6, choices=Gender, blank=True)
    nationality = CountryField(_("nationality"), blank=True)
    # E.164.
    mobile = models.CharField(_("mobile number"), max_length=16, blank=True)
    city = models.CharField(_("city"), max_length=LINE_LENGTH, blank=True)
    address = models.CharField(_("address"), max_length=LINE_LENGTH, blank=True)
    specialty = models.ForeignKey(
        Specialty, verbose_name=_("specialty"), on_delete=models.PROTECT, null=True, blank=True
    )
    rank = models.ForeignKey(Rank, verbose_name=_("professional rank"), on_delete=models.PROTECT, null=True, blank=True)
    job_kind = models.CharField(_("job kind"), max_length=10, choices=JobKind, blank=True)
    workplace = models.CharField(_("employer"), max_length=LINE_LENGTH, blank=True)
    job_title = models.CharField(_("job title"), max_length=LINE_LENGTH, blank=True)
    photo = models.ForeignKey(
        "MemberFile", verbose_name=_("photo"), on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    registration_expiry = models.DateField(_("registration expiry"), null=True, blank=True)
    # Fields whose value a reviewer approved or the member set: it wins over a later import.
    kept_fields = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [
            ("import_member", _("Can import the registry")),
            ("export_member", _("Can export members")),
            ("view_whole_member", _("Can see whole identity numbers")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["identity_kind", "identity_number"], name="member_identity"),
            models.CheckConstraint(
                condition=Q(identity_kind="passport", identity_number__regex=r"^[A-Z0-9]{5,20}$")
                | Q(identity_kind="national_id", identity_number__regex=r"^1[0-9]{9}$")
                | Q(identity_kind="iqama", identity_number__regex=r"^2[0-9]{9}$"),
                name="member_identity_form",
            ),
            models.CheckConstraint(
                condition=Q(identity_kind="passport") | luhn_holds("identity_number"),
                name="member_identity_check_digit",
            ),
            models.CheckConstraint(condition=Q(birth_date__gte="1850-01-01"), name="member_birth_date"),
            models.CheckConstraint(
                condition=Q(gender__in=["", "female", "male"])
                & Q(job_kind__in=["", "government", "private", "none"])
                & Q(birth_calendar__in=["gregorian", "hijri"]),
                name="member_choices",
            ),
            models.CheckConstraint(condition=Q(user=None) | Q(tied_at__isnull=False), name="member_tied_at"),
        ]

    def __str__(self):
        return self.membership_number

    @property
    def name(self) -> str:
        """The name in the script of the page, or in the other when that one is missing."""
        pair = (self.name_arabic, self.name_latin) if get_language() == "ar" else (self.name_latin, self.name_arabic)
        return pair[0] or pair[1]

    @property
    def is_activated(self) -> bool:
        """Somebody has used its account: a password was set, or they have signed in once."""
        return self.user is not None and (self.user.has_usable_password() or self.user.last_login is not None)


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

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")

    def __str__(self):
        return str(self.id)


class RecordView(models.Model):
    """A member of staff has looked at a member's record."""

    member = models.ForeignKey(Member, verbose_name=_("member"), on_delete=models.CASCADE, related_name="views")
    viewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("viewed by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # "member", "request", "claim", "file", "identity".
    what = models.CharField(_("what"), max_length=10)
    viewed_at = models.DateTimeField(_("viewed at"), auto_now_add=True)

    class Meta:
        verbose_name = _("record view")
        verbose_name_plural = _("record views")
        indexes = [models.Index(fields=["member", "-id"], name="record_view_of_member")]

    def __str__(self):
        return f"{self.what} {self.member_id}"
