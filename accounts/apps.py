from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self):
        # They register the kinds of mail and of events, and the receivers.
        from accounts import case_mails, closing_mails, email_change_mails, event_kinds, mails, signals  # noqa: F401
