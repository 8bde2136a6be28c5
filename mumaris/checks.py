"""Refuse to start an unsafe production: each check names the setting and says what to do.

``manage.py check --deploy`` runs them; gunicorn and Celery run no system checks of their own, so
mumaris/wsgi.py and mumaris/celery.py call ``stop_unsafe_start``.
"""

from pathlib import Path

from django.conf import settings
from django.core.checks import Error, register, run_checks

TAG = "production"
UNDELIVERED = ("mailbox", "console", "filebased", "locmem", "dummy")


def stop_unsafe_start():
    """Raise SystemExit with every reason against this start; a local run (``DEBUG=1``) is not asked."""
    if settings.DEBUG:
        return
    if reasons := run_checks(tags=[TAG], include_deployment_checks=True):
        raise SystemExit("\n".join(f"{reason.id}: {reason.msg}" for reason in reasons))


def _refuse(number: int, when: bool, message: str) -> list[Error]:
    return [Error(message, id=f"mumaris.E{number:03d}")] if when else []


@register(TAG)
def check_base_url(app_configs, **kwargs):
    """Over plain http every cookie and code can be read on the way; browsers treat localhost alone as safe."""
    plain = not settings.DEBUG and not settings.HTTPS and settings.PUBLIC_HOST != "localhost"
    return _refuse(
        1,
        plain,
        "BASE_URL must be the public https address: http with DEBUG=0 is for localhost only.",
    )


@register(TAG, deploy=True)
def check_debug(app_configs, **kwargs):
    return _refuse(2, settings.DEBUG, "DEBUG must be 0 or unset: its error pages show settings and code.")


@register(TAG, deploy=True)
def check_database(app_configs, **kwargs):
    return _refuse(
        3,
        settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql",
        "DATABASE_URL must name a PostgreSQL server: the mail room relies on its SKIP LOCKED.",
    )


@register(TAG, deploy=True)
def check_cache(app_configs, **kwargs):
    return _refuse(
        4,
        settings.CACHES["default"]["BACKEND"].endswith("LocMemCache"),
        "REDIS_URL must name a Redis or Valkey server: limits in local memory count for each process apart.",
    )


@register(TAG, deploy=True)
def check_celery(app_configs, **kwargs):
    return _refuse(
        5,
        settings.CELERY_TASK_ALWAYS_EAGER or settings.CELERY_BROKER_URL.startswith("memory:"),
        "REDIS_URL must name a Redis or Valkey server: without one, mail would be sent inside the page.",
    )


@register(TAG, deploy=True)
def check_mail(app_configs, **kwargs):
    transport = settings.MAIL_TRANSPORT
    return _refuse(
        6,
        any(word in transport for word in UNDELIVERED),
        f"EMAIL_URL must name a mail server (smtp:// or smtps://): {transport} delivers to nobody.",
    )


@register(TAG, deploy=True)
def check_visual_code(app_configs, **kwargs):
    return _refuse(
        7,
        settings.VISUAL_CODE == "never",
        'VISUAL_CODE must be "always" or "after_failures": "never" leaves sign-in open to programs.',
    )


@register(TAG, deploy=True)
def check_proxy_count(app_configs, **kwargs):
    return _refuse(
        8,
        settings.HTTPS and settings.TRUSTED_PROXY_COUNT < 1,
        "TRUSTED_PROXY_COUNT must be the number of proxies in front (1 or more with an https BASE_URL): "
        "without it all visitors share one address and its limits, and every request redirects for ever.",
    )


@register(TAG, deploy=True)
def check_hosts(app_configs, **kwargs):
    return _refuse(
        9,
        "*" in settings.ALLOWED_HOSTS,
        "ALLOWED_HOSTS must list the hosts by name: * accepts any Host header.",
    )


@register(TAG, deploy=True)
def check_files(app_configs, **kwargs):
    """What lies in a folder of static files is served to everybody who guesses its name."""
    folder = settings.STORAGES["files"]["OPTIONS"].get("location")
    served = [Path(settings.STATIC_ROOT), *map(Path, settings.STATICFILES_DIRS)]
    return _refuse(
        12,
        bool(folder) and any(Path(folder).resolve().is_relative_to(static.resolve()) for static in served),
        "FILES_URL must name a folder outside the static files: what lies there is public.",
    )


@register(TAG, deploy=True)
def check_keys(app_configs, **kwargs):
    """One leaked key must open one door only, and a rotated key must be gone."""
    families = {
        "SECRET_KEY": [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS],
        "CODE_KEY": settings.CODE_KEYS,
        "DATA_KEY": settings.DATA_KEYS,
    }
    errors = []
    owners: dict[str, str] = {}
    for name, (current, *former) in families.items():
        errors += _refuse(
            10,
            current in former,
            f"{name}_FALLBACKS must hold former keys only: it repeats the present {name}.",
        )
        for key in {current, *former}:
            if other := owners.get(key):
                errors += _refuse(11, True, f"{name} must not equal {other}: make a key of its own for each.")
            owners[key] = name
    return errors
