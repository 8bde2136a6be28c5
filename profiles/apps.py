from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProfilesConfig(AppConfig):
    name = "profiles"
    verbose_name = _("Member data")

    def ready(self):
        # They register the checks, the kinds of mail and of events, what a closed account leaves, one's own data,
        # the figures of the requests, and what a restored database settles.
        from profiles import checks, claims, closing, event_kinds, mails, metrics, own_data  # noqa: F401
