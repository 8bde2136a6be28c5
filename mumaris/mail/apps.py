from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MailConfig(AppConfig):
    name = "mumaris.mail"
    label = "mail"
    verbose_name = _("Mail")

    def ready(self):
        from mumaris.mail import daily_figures  # noqa: F401  (registers its charts)
        from mumaris.mail.backend import LIBRARY_KIND
        from mumaris.mail.backlog import tell_backlog
        from mumaris.mail.kinds import Kind, name_kinds, nothing, register
        from mumaris.mail.models import Lane
        from mumaris.metrics import add_database_gauges

        register(Kind(name=LIBRARY_KIND, lane=Lane.OTHER, write=nothing))
        name_kinds({LIBRARY_KIND: _("Other message")})
        add_database_gauges(tell_backlog)
