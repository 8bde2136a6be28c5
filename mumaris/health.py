"""What a load balancer asks: is the process alive, and may it be sent visitors?"""

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


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
    """503 without the database or with migrations missing; cache and broker are named, and pages work without them."""
    database = _ask_database()
    away = [] if _redis_answers() else ["cache", "broker"]
    if database != "ok":
        return JsonResponse({"status": "unavailable", "database": database, "degraded": away}, status=503)
    return JsonResponse({"status": "degraded" if away else "ok", "database": database, "degraded": away})


def _ask_database() -> str:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error:
        return "away"
    return "migrations missing" if missing else "ok"


def _redis_answers() -> bool:
    """Ask the server itself: the cache of this project forgives every failure and would hide it."""
    if not settings.REDIS_URL:
        return True  # a local run keeps both in the process
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=settings.REDIS_TIMEOUT,
            socket_connect_timeout=settings.REDIS_TIMEOUT,
            retry=None,
        ) as server:
            return bool(server.ping())
    except redis.RedisError:
        return False
