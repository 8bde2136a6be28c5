from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProfilesConfig(AppConfig):
    name = "profiles"
    verbose_name = _("Member data")

    def ready(self):
        # They register the checks, the kinds of mail, and what a closed account leaves.
        from profiles import checks, closing, mails  # noqa: F401
