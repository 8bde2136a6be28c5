"""What the operations page shows of accounts: registrations, sign-ins by outcome, locked accounts."""

from datetime import datetime
from functools import partial

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import limits
from accounts.models import AccountEvent, Throttle
from mumaris import clock
from mumaris.operations.panels import (
    Band,
    Chart,
    Figures,
    Notice,
    Panel,
    Snapshot,
    Source,
    register_panel,
)


def count_events(kinds: tuple[str, ...], since: datetime, until: datetime) -> Figures:
    """Return how many events of each kind each day saw."""
    rows = AccountEvent.objects.filter(at__gte=since, at__lt=until, kind__in=kinds)
    counted = rows.values_list(TruncDate("at"), "kind").annotate(Count("pk"))
    return {(day, kind): count for day, kind, count in counted}


def events_of(*kinds: str) -> Source:
    return Source(names=kinds, count=partial(count_events, kinds))


ENTRIES = events_of("sign_in.done", "sign_in.failed", "mfa.failed", "registration.done")

CHARTS = (
    Chart(
        key="registrations",
        title=gettext_lazy("New accounts"),
        lede=gettext_lazy("Registrations that were completed with the right code."),
        source=ENTRIES,
        bands=(Band(title=gettext_lazy("Registrations"), names=("registration.done",)),),
    ),
    Chart(
        key="sign-ins",
        title=gettext_lazy("Sign-ins"),
        lede=gettext_lazy("Each strip has a scale of its own."),
        source=ENTRIES,
        bands=(
            Band(title=gettext_lazy("Signed in"), names=("sign_in.done",)),
            Band(title=gettext_lazy("Wrong password"), names=("sign_in.failed",)),
            Band(title=gettext_lazy("Second step refused"), names=("mfa.failed",)),
        ),
    ),
)


def read_locks() -> Snapshot:
    """Count the locks that hold now. A name that no account has is locked like any other, and is counted too."""
    kinds = [limits.SIGN_IN_STREAK.kind, limits.SIGN_IN_ANYWHERE.kind, limits.SIGN_IN_HERE.kind]
    held = Throttle.objects.filter(kind__in=kinds, next_at__gt=clock.now())
    counts = dict(held.values_list("kind").annotate(Count("pk")))
    streak, anywhere, here = (counts.get(kind, 0) for kind in kinds)
    told = [
        (streak, ngettext(
            "%(count)d user name opens from known devices alone until its password is reset.",
            "%(count)d user names open from known devices alone until their password is reset.",
            streak,
        )),
        (anywhere, ngettext(
            "%(count)d user name is locked for an hour.", "%(count)d user names are locked for an hour.", anywhere
        )),
        (here, ngettext(
            "%(count)d lock for some minutes in one network, as after any mistyped password.",
            "%(count)d locks for some minutes in one network, as after any mistyped password.",
            here,
        )),
    ]  # fmt: skip
    lines = [sentence % {"count": count} for count, sentence in told if count]
    # The same name may be among both, and its key does not tell.
    locked = max(streak, anywhere)
    return Snapshot(
        notice=Notice(
            title=_("Locked accounts"), value=locked, told=lines or [_("Nothing is locked.")], is_well=not locked
        )
    )


register_panel(Panel(key="accounts", place=1, charts=CHARTS, read=read_locks))
