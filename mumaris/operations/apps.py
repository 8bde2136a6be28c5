from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    name = "mumaris.operations"
    label = "operations"
    verbose_name = _("Operations")

    def ready(self):
        from mumaris.operations import processes  # noqa: F401  (registers what it says)
