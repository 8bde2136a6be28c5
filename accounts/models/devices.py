"""The browsers that an account has been signed in to from."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.managers import KnownDeviceQuerySet
from accounts.models.users import User


class KnownDevice(models.Model):
    """A browser that holds our random id, of which only a keyed digest stands here.

    A revoked row is known no more. It stays for the link of its mail («this was not me», derived in
    ``accounts/disowning.py``): whoever got in must not take the link away by revoking the own device.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices", verbose_name=_("user"))
    digest = models.CharField(max_length=64)
    name = models.CharField(_("device"), max_length=60, blank=True)
    # A /24 or /64: enough to tell home from abroad.
    network = models.CharField(_("network address"), max_length=43)
    created_at = models.DateTimeField(_("created at"))
    last_seen_at = models.DateTimeField(_("last seen at"), db_index=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    disowned_at = models.DateTimeField(_("disowned at"), null=True)
    link_key_id = models.CharField(max_length=8)

    objects = KnownDeviceQuerySet.as_manager()

    class Meta:
        verbose_name = _("known device")
        verbose_name_plural = _("known devices")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "digest"], condition=models.Q(revoked_at=None), name="known_device_user_digest"
            )
        ]

    def __str__(self):
        return self.name
