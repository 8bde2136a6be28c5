"""What the operations page says of the processes that answer nobody."""

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mumaris.heartbeats import list_silent
from mumaris.operations.panels import Notice, Panel, Snapshot, register_panel

SILENT = {
    "sweeper": gettext_lazy("Nothing was heard of the sweeper: mails that the worker did not send wait. Look at it."),
    "worker": gettext_lazy(
        "Nothing was heard of the worker: purges, seals and reminders wait. Look at the broker, beat and the worker."
    ),
}


def read_processes() -> Snapshot:
    # A local run has no other process.
    silent = list_silent() if settings.REDIS_URL else []
    told = [str(SILENT[name]) for name in silent] or [_("The worker and the sweeper were heard of a moment ago.")]
    return Snapshot(
        notice=Notice(title=_("Processes that fell silent"), value=len(silent), told=told, is_well=not silent)
    )


register_panel(Panel(key="processes", place=9, read=read_processes))
