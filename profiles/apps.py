from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProfilesConfig(AppConfig):
    name = "profiles"
    verbose_name = _("Member data")

    def ready(self):
        # They register the checks, the kinds of mail and of events, charts, one's own data, what closing leaves.
        from profiles import checks, closing, daily_figures, event_kinds, mails, own_data  # noqa: F401
