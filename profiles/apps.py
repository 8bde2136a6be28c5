from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProfilesConfig(AppConfig):
    name = "profiles"
    verbose_name = _("Member data")

    def ready(self):
        from profiles import checks, mails  # noqa: F401  (register the checks and the kinds of mail)
