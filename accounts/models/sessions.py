"""Sessions as their owner sees them: whose, on what device, since when."""

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.users import User


class Session(AbstractBaseSession):
    """Django's row, and beside it what a list of signed-in devices shows: one row and no second truth."""

    user = models.ForeignKey(User, verbose_name=_("user"), null=True, on_delete=models.CASCADE, related_name="sessions")
    device = models.CharField(_("device"), max_length=60, blank=True)
    network = models.GenericIPAddressField(_("network address"), null=True)
    signed_in_at = models.DateTimeField(_("signed in at"), null=True)
    seen_at = models.DateTimeField(_("last activity"), null=True)

    class Meta(AbstractBaseSession.Meta):
        abstract = False

    @classmethod
    def get_session_store_class(cls):
        from accounts.sessions import SessionStore

        return SessionStore


class LatePost(models.Model):
    """A form that was sent after its session had ended, sealed, until its owner has signed in again."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="late_post")
    path = models.CharField(max_length=200)
    sealed = models.BinaryField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self):
        return self.path
