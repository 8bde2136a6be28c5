"""How the site talks to its database and its cache: settings too long to be read in one line."""

from environs import Env
from redis.backoff import NoBackoff
from redis.retry import Retry

from mumaris.environment import fill_password

# Seconds, all of them; README.md has the table of all time-outs.
# No page waits longer than this for a cache or broker that stalls.
REDIS_TIMEOUT = 0.5
# And for so long nobody asks again after one did.
REDIS_PAUSE = 5
# A page waits so long for a connection to the database, and for one statement.
DATABASE_CONNECT_TIMEOUT = 3
STATEMENT_TIMEOUT = 15
# A database whose machine vanished says nothing, not even that: without this a page would wait for hours.
DATABASE_SILENCE_TIMEOUT = 20
# Celery's, for a broker that must not hold a page.
BROKER_OPTIONS = {"socket_timeout": REDIS_TIMEOUT, "socket_connect_timeout": REDIS_TIMEOUT, "max_retries": 0}


def describe_databases(env: Env, local_url: str) -> dict:
    """Return Django's DATABASES: the site's own connection, and the keeper's where there is one.

    Who seals, shortens and drops the history of accounts is the keeper; the site itself may only add to it
    (manage.py grant_roles). ``local_url`` serves where none is given.
    """
    site = env.dj_db_url("DATABASE_URL", local_url) if local_url else env.dj_db_url("DATABASE_URL")
    site = fill_password(site, env.str("POSTGRES_PASSWORD", ""))
    options = database_options(site["ENGINE"], env.int("STATEMENT_TIMEOUT_MS", STATEMENT_TIMEOUT * 1000))
    site |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, "ATOMIC_REQUESTS": False, "OPTIONS": options}
    if not env.str("DATABASE_URL_KEEPER", ""):
        return {"default": site}
    keeper = fill_password(env.dj_db_url("DATABASE_URL_KEEPER"), env.str("KEEPER_PASSWORD", ""))
    return {"default": site, "keeper": site | keeper | {"OPTIONS": options}}


def database_options(engine: str, statement_timeout: int) -> dict:
    """Return Django's OPTIONS of a database; no statement runs longer than ``statement_timeout`` ms (0: no limit)."""
    if "sqlite" in engine:
        return {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    return {
        "connect_timeout": DATABASE_CONNECT_TIMEOUT,
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "tcp_user_timeout": DATABASE_SILENCE_TIMEOUT * 1000,
        "options": f"-c statement_timeout={statement_timeout}",
    }


def describe_cache(redis_url: str) -> dict:
    """Return Django's CACHES entry: Redis or Valkey, or this process's memory where there is none."""
    if not redis_url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    return {
        "BACKEND": "mumaris.cache.ForgivingRedisCache",
        "LOCATION": redis_url,
        "OPTIONS": {
            "socket_timeout": REDIS_TIMEOUT,
            "socket_connect_timeout": REDIS_TIMEOUT,
            # redis-py tries three times more, with pauses: the breaker in mumaris/cache.py is kinder to pages.
            "retry": Retry(NoBackoff(), 0),
            "serializer": "mumaris.cache.JsonSerializer",
        },
    }
