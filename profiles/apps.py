from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProfilesConfig(AppConfig):
    name = "profiles"
    verbose_name = _("Member data")

    def ready(self):
        # They register the checks and the kinds of mail and of events.
        from profiles import checks, event_kinds, mails  # noqa: F401
