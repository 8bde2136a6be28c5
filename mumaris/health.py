"""What a load balancer asks: is the process alive, and may it be sent visitors?

The answers say in single words what is away: no address, version or figure, because anybody may ask.
"""

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mumaris.connections import REDIS_TIMEOUT
from mumaris.heartbeats import list_silent
from mumaris.mail.backlog import MAIL_LATE, measure_backlog


@login_not_required
@never_cache
@require_safe
def healthz(request):
    """The process answers; nothing else is asked, so that a database outage does not restart every process."""
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def readyz(request):
    """503 without the database or with migrations missing; all else is named as degraded, and pages work without it."""
    degraded = [] if _redis_answers() else ["cache", "broker"]
    try:
        missing = _are_migrations_missing()
        degraded += [] if missing else _list_late()
    except Error:
        return JsonResponse({"status": "unavailable", "database": "away", "degraded": degraded}, status=503)
    if missing:
        told = {"status": "unavailable", "database": "migrations missing", "degraded": degraded}
        return JsonResponse(told, status=503)
    return JsonResponse({"status": "degraded" if degraded else "ok", "database": "ok", "degraded": degraded})


def _are_migrations_missing() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _list_late() -> list[str]:
    if not settings.REDIS_URL:
        return []  # a local run has no other process
    late = any(lane.overdue > MAIL_LATE for lane in measure_backlog().values())
    return (["mail"] if late else []) + list_silent()


def _redis_answers() -> bool:
    """Ask the server itself: the cache of this project forgives every failure and would hide it."""
    if not settings.REDIS_URL:
        return True  # a local run keeps both in the process
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=None,
        ) as server:
            return bool(server.ping())
    except redis.RedisError:
        return False
