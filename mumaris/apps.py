from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class MumarisConfig(AppConfig):
    name = "mumaris"

    def ready(self):
        from mumaris import checks  # noqa: F401  (registers the deployment checks)
        from mumaris.clock import keep_time
        from mumaris.heartbeats import tell_heartbeats
        from mumaris.metrics import add_database_gauges
        from mumaris.reports import start_reports

        keep_time()
        add_database_gauges(tell_heartbeats)
        start_reports()


class AdminConfig(DjangoAdminConfig):
    default_site = "mumaris.admin.PortalAdminSite"
