"""The registry: members, the words of the Commission's lists, and who has looked at whom."""

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Mod, StrIndex, Substr
from django.db.models.lookups import Exact
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField

from accounts.models import ADDRESS_LENGTH
from profiles.managers import MemberQuerySet

NAME_LENGTH = 120
LINE_LENGTH = 120

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
    birth_typed = models.CharField(_("birth date as typed"), max_length=60, blank=True)
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


class RecordView(models.Model):
    """A member of staff has looked at a member's record."""

    member = models.ForeignKey(Member, verbose_name=_("member"), on_delete=models.CASCADE, related_name="views")
    viewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("viewed by"), on_delete=models.SET_NULL, null=True, related_name="+"
    )
    # "member", "request", "claim", "file", "identity", "export".
    what = models.CharField(_("what"), max_length=10)
    viewed_at = models.DateTimeField(_("viewed at"), auto_now_add=True)

    class Meta:
        verbose_name = _("record view")
        verbose_name_plural = _("record views")
        indexes = [models.Index(fields=["member", "-id"], name="record_view_of_member")]

    def __str__(self):
        return f"{self.what} {self.member_id}"
