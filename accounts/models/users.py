"""Who a person is, and what that person accepted."""

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.db import models
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from accounts.managers import UserManager

# The longest address that SMTP can carry (RFC 5321 4.5.3.1.3).
ADDRESS_LENGTH = 254
NAME_LENGTH = 80


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(_("email address"), max_length=ADDRESS_LENGTH, unique=True)
    first_name = models.CharField(_("first name"), max_length=NAME_LENGTH)
    last_name = models.CharField(_("family name"), max_length=NAME_LENGTH)
    language = models.CharField(_("language"), max_length=2, choices=settings.LANGUAGES, default="ar")
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), db_default=Now())
    # Counted up to end every session of this person, whatever became of the password.
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["first_name", "last_name"]
    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [
            ("view_whole_address", _("Can see whole email addresses")),
            ("send_reset_mail", _("Can send a mail to reset a password")),
            ("close_double_account", _("Can close a double account")),
        ]
        constraints = [models.CheckConstraint(condition=models.Q(language__in=["ar", "en"]), name="user_language")]

    def __str__(self):
        return self.email

    def get_full_name(self):
        return f"{self.first_name} {self.last_name}".strip()

    def _get_session_auth_hash(self, secret=None):
        # Both of Django's public methods ask here. Without an epoch the hash stays Django's own.
        of_password = super()._get_session_auth_hash(secret)
        return f"{of_password}-{self.session_epoch}" if self.session_epoch else of_password

    def is_proved_by(self, auth_hash: str) -> bool:
        """Tell whether a hash was made under the present password and epoch, by a SECRET_KEY that is still good."""
        good = [self.get_session_auth_hash(), *self.get_session_auth_fallback_hash()]
        return any(constant_time_compare(auth_hash, one) for one in good)


class SignInName(models.Model):
    """What may be typed as a user name: the e-mail, written here, and the membership number, by profiles."""

    value = models.CharField(max_length=ADDRESS_LENGTH, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_names")

    class Meta:
        verbose_name = _("sign-in name")
        verbose_name_plural = _("sign-in names")

    def __str__(self):
        return self.value


class Consent(models.Model):
    """What a user accepted: the digest of the exact text shown. Withdrawal is a time, not a deletion."""

    class Kind(models.TextChoices):
        DECLARATION = "declaration", _("New practitioner declaration")
        TERMS = "terms", _("Registration terms")
        EMAIL = "email", _("Mail from the Commission")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="consents")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    version = models.CharField(_("version"), max_length=20)
    digest = models.CharField(_("digest (SHA-256)"), max_length=64)
    language = models.CharField(_("language"), max_length=2, choices=settings.LANGUAGES)
    accepted_at = models.DateTimeField(_("accepted at"))
    ip = models.GenericIPAddressField(_("network address"), null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")

    def __str__(self):
        return f"{self.get_kind_display()} {self.version}"
