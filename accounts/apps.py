from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self):
        # They register the kinds of mail and of events, charts, the sections of one's own data, and the receivers.
        from accounts import (  # noqa: F401
            case_mails,
            closing_mails,
            daily_figures,
            device_mails,
            email_change_mails,
            event_kinds,
            mail_names,
            mails,
            mfa_mails,
            own_sections,
            privacy_mails,
            signals,
        )
