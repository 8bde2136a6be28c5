from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProfilesConfig(AppConfig):
    name = "profiles"
    verbose_name = _("Member data")

    def ready(self):
        # They register the checks, the kinds of mail and of events, what a closed account leaves, one's own data,
        # the figures of the requests, their charts, and what a restored database settles.
        from profiles import (  # noqa: F401
            checks,
            claims,
            closing,
            daily_figures,
            event_kinds,
            mail_names,
            mails,
            metrics,
            own_data,
        )
