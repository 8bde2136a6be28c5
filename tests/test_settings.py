"""A setting that is missing or wrong stops the start and is named; what is unsafe in production is refused."""

import os
import runpy
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.core.checks import run_checks
from environs import EnvError

from mumaris.environment import FALLBACKS, KEYS, SECRETS
from tests.servers import ROOT

KEY, OTHER_KEY, THIRD_KEY = ("".join(chr(n) for n in range(start, start + 60)) for start in (33, 48, 63))
# Everything that a production needs, and nothing else.
PRODUCTION = {
    "SECRET_KEY": KEY.replace(",", "c"),
    "CODE_KEY": OTHER_KEY,
    "DATA_KEY": THIRD_KEY,
    "BASE_URL": "https://portal.example",
    "DATABASE_URL": "postgresql://nobody@db.invalid/none",
    "REDIS_URL": "redis://cache.invalid:6379/0",
    "FILES_URL": "file:///srv/files",
    "EMAIL_URL": "smtp://mail.invalid:25",
    "DEFAULT_FROM_EMAIL": "no-reply@portal.example",
    "TRUSTED_PROXY_COUNT": "1",
}


def choose(**changes: str | None) -> dict[str, str]:
    """Return PRODUCTION with ``changes``; None takes a setting away."""
    return {name: value for name, value in {**PRODUCTION, **changes}.items() if value is not None}


def start(*arguments: str, **changes: str | None) -> tuple[int, str]:
    """Start Python with these settings alone; return its exit status and what it said."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **choose(**changes)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def read_settings(monkeypatch):
    """Return ``read_settings(NAME=value, …)``: the settings file, run anew as a start would (which takes a second)."""

    def read(**changes: str | None) -> SimpleNamespace:
        monkeypatch.setattr(os, "environ", choose(**changes))
        return SimpleNamespace(**runpy.run_path(str(ROOT / "mumaris" / "settings.py")))

    return read


@pytest.fixture
def refuse(monkeypatch, read_settings):
    """Return ``refuse(NAME=value, …)``: what the deployment checks say to these settings."""

    def check(**changes: str | None) -> list[str]:
        for module in ("mumaris.checks", "profiles.checks"):
            monkeypatch.setattr(f"{module}.settings", read_settings(**changes))
        return [error.msg for error in run_checks(tags=["production"], include_deployment_checks=True)]

    return check


@pytest.mark.parametrize("name", ["identity_number", "mobil", "photo", "registration_expiry"])
def test_fields_that_need_proof_never_change_at_once(refuse, name):
    [told] = refuse(AT_ONCE_FIELDS=f"city,{name}")

    assert told.startswith("AT_ONCE_FIELDS")
    assert told.endswith(f"it names {name}.")


# --- Whole starts -----------------------------------------------------------------------------


def test_production_settings_pass_every_deployment_check():
    status, told = start("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert status == 0, told


def test_local_run_needs_no_setting():
    status, told = start("manage.py", "check", **dict.fromkeys(PRODUCTION), DEBUG="1")

    assert status == 0, told


def test_start_stops_with_the_name_of_a_missing_setting():
    status, told = start("manage.py", "check", DATA_KEY=None)

    assert status != 0
    assert "DATA_KEY" in told.strip().splitlines()[-1]


def test_plain_http_stops_every_command():
    status, told = start("manage.py", "check", BASE_URL="http://portal.example")

    assert status != 0
    assert "mumaris.E001" in told
    assert "BASE_URL" in told


def test_web_process_refuses_an_unsafe_production():
    """gunicorn runs no system checks: the application itself must not load."""
    status, told = start("-c", "import mumaris.wsgi", VISUAL_CODE="never")

    assert status != 0
    assert "mumaris.E007: VISUAL_CODE" in told


def test_web_process_starts_with_production_settings():
    status, told = start("-c", "import mumaris.wsgi; print(mumaris.wsgi.application)")

    assert status == 0, told


# --- Secrets in files ---------------------------------------------------------------------------


@pytest.fixture
def in_file(tmp_path):
    """Return ``in_file(content)``: the path of a file that holds it."""

    def write(content: str | bytes) -> str:
        path = tmp_path / f"secret-{len(list(tmp_path.iterdir()))}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def test_secrets_are_read_from_files(read_settings, in_file):
    changes = dict.fromkeys(SECRETS) | {f"{name}_FILE": in_file(PRODUCTION[name] + "\n") for name in KEYS}
    changes |= {
        "DATABASE_URL": "postgresql://site@db.invalid/none", "POSTGRES_PASSWORD_FILE": in_file("p@ss/word:%41\n"),
        "DATABASE_URL_KEEPER": "postgresql://keeper@db.invalid/none", "KEEPER_PASSWORD_FILE": in_file("other"),
        "EMAIL_URL_FILE": in_file("smtp://user:word@mail.invalid:587/?tls=True\n"), "REDIS_URL_FILE": in_file("redis://c"),
        "FILES_URL_FILE": in_file("file:///srv/files"), "DATA_KEY_FALLBACKS_FILE": in_file(f"{'o' * 40},{'p' * 40}\n"),
        "CODE_KEY_FALLBACKS_FILE": in_file(""), "SECRET_KEY_FALLBACKS_FILE": in_file("\n"),
    }  # fmt: skip
    settings = read_settings(**changes)

    assert PRODUCTION["SECRET_KEY"] == settings.SECRET_KEY
    assert settings.DATA_KEYS == [THIRD_KEY, "o" * 40, "p" * 40]
    assert settings.CODE_KEYS == [OTHER_KEY]
    assert settings.SECRET_KEY_FALLBACKS == []
    assert settings.DATABASES["default"]["PASSWORD"] == "p@ss/word:%41"
    assert settings.DATABASES["keeper"]["PASSWORD"] == "other"
    assert settings.DATABASES["keeper"]["USER"] == "keeper"
    assert settings.EMAIL_HOST_PASSWORD == "word"


def test_password_in_the_url_comes_first(read_settings):
    database = read_settings(DATABASE_URL="postgresql://a:own@db.invalid/none", POSTGRES_PASSWORD="other").DATABASES

    assert database["default"]["PASSWORD"] == "own"


@pytest.mark.parametrize("name", sorted(set(SECRETS) - set(FALLBACKS)))
def test_empty_file_of_a_secret_is_named(read_settings, in_file, name):
    with pytest.raises(EnvError, match=f'"{name}_FILE" names .*, which is empty'):
        read_settings(**{name: None, f"{name}_FILE": in_file(" \n")})


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_file_of_a_secret_that_cannot_be_read_is_named(read_settings, in_file, tmp_path, content):
    path = in_file(content) if content else str(tmp_path / "absent")

    with pytest.raises(EnvError, match=f'"DATA_KEY_FILE" names {path}, which cannot be read: '):
        read_settings(DATA_KEY=None, DATA_KEY_FILE=path)


def test_secret_that_is_given_twice_is_refused_without_telling_it(read_settings, in_file):
    with pytest.raises(EnvError, match='"CODE_KEY" and "CODE_KEY_FILE" are both set') as refusal:
        read_settings(CODE_KEY_FILE=in_file("short-and-secret"))

    assert OTHER_KEY not in str(refusal.value)
    assert "short-and-secret" not in str(refusal.value)


def test_short_key_in_a_file_is_refused_without_telling_it(read_settings, in_file):
    with pytest.raises(EnvError, match='"DATA_KEY" must have') as refusal:
        read_settings(DATA_KEY=None, DATA_KEY_FILE=in_file("short-and-secret"))

    assert "short-and-secret" not in str(refusal.value)


# --- Each setting -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(PRODUCTION) - {"TRUSTED_PROXY_COUNT"}))
def test_missing_setting_is_named(read_settings, name):
    with pytest.raises(EnvError, match=f'"{name}"'):
        read_settings(**{name: None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short-and-secret"),
        ("CODE_KEY", "short-and-secret"),
        ("DATA_KEY", "short-and-secret"),
        ("SECRET_KEY", ""),
        ("TRUSTED_PROXY_COUNT", "many"),
        ("VISUAL_CODE", "sometimes"),
        ("DEBUG", "perhaps"),
        ("METRICS_PORT", "often"),
        ("METRICS_HOST", "8.8.8.8"),
        ("METRICS_HOST", "metrics.example"),
        ("FILES_URL", ""),
        ("FILES_URL", "/srv/files"),
        ("FILES_URL", "file://srv/files"),
        ("FILES_URL", "file:///"),
        ("FILES_URL", "https://bucket.example/short-and-secret"),
        ("FILES_URL", "s3://s3.example/bucket"),
        ("FILES_URL", "s3://key:short-and-secret@s3.example"),
        ("FILES_URL", "s3://key:short-and-secret@s3.example:many/bucket"),
        ("FILES_URL", "s3://key:short-and-secret@s3.example/bucket/folder"),
        ("FILES_URL", "s3://key:short-and-secret@s3.example/bucket?tls=perhaps"),
        ("FILES_URL", "s3://key:short-and-secret@s3.example/bucket?public=1"),
        ("MEMBERSHIP_NUMBER_PATTERN", "[0-9"),
        ("MEMBERSHIP_NUMBER_PATTERN", ""),
        ("MEMBERSHIP_NUMBER_PATTERN", "[0-9]*"),
    ],
)
def test_wrong_setting_is_named(read_settings, name, value):
    with pytest.raises(EnvError, match=f'"{name}"') as refusal:
        read_settings(**{name: value})

    assert "short-and-secret" not in str(refusal.value)


def test_bucket_is_read_from_its_address(read_settings):
    settings = read_settings(FILES_URL="s3://KEY:a%2Fb%40c@s3.example:9000/evidence?region=me-south-1&tls=0")

    assert settings.STORAGES["files"] == {
        "BACKEND": "mumaris.bucket.PrivateBucket",
        "OPTIONS": {
            "access_key": "KEY",
            "secret_key": "a/b@c",
            "endpoint_url": "http://s3.example:9000",
            "region_name": "me-south-1",
            "bucket_name": "evidence",
        },
    }
    assert "a%2Fb%40c" not in str(vars(settings).get("FILES_URL"))


def test_bucket_is_asked_over_tls_by_itself(read_settings):
    options = read_settings(FILES_URL="s3://KEY:secret@s3.example/evidence").STORAGES["files"]["OPTIONS"]

    assert options["endpoint_url"] == "https://s3.example"


def test_figures_are_told_nowhere_by_themselves_and_inside_alone(read_settings):
    assert (read_settings().METRICS_PORT, read_settings().METRICS_HOST) == (0, "127.0.0.1")
    assert read_settings(METRICS_HOST="10.89.0.5").METRICS_HOST == "10.89.0.5"


def test_membership_numbers_have_a_pattern_of_their_own(read_settings):
    assert read_settings().MEMBERSHIP_NUMBER_PATTERN == "[0-9]{6,10}"
    assert read_settings(MEMBERSHIP_NUMBER_PATTERN="[A-Z][0-9]{7}").MEMBERSHIP_NUMBER_PATTERN == "[A-Z][0-9]{7}"


@pytest.mark.parametrize("changes", [{}, {"BASE_URL": "http://localhost:8000", "TRUSTED_PROXY_COUNT": None}])
def test_safe_production_is_accepted(refuse, changes):
    assert refuse(**changes) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DEBUG": "1"}, "DEBUG"),
        ({"DEBUG": "1", "DATABASE_URL": None}, "DATABASE_URL"),
        ({"DATABASE_URL": "sqlite:///none.sqlite3"}, "DATABASE_URL"),
        ({"REDIS_URL": ""}, "REDIS_URL"),
        ({"EMAIL_URL": "mailbox://"}, "EMAIL_URL"),
        ({"EMAIL_URL": "console://"}, "EMAIL_URL"),
        ({"EMAIL_URL": "file:///tmp"}, "EMAIL_URL"),
        ({"VISUAL_CODE": "never"}, "VISUAL_CODE"),
        ({"TRUSTED_PROXY_COUNT": None}, "TRUSTED_PROXY_COUNT"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"FILES_URL": f"file://{ROOT}/static/files"}, "FILES_URL"),
        ({"FILES_URL": f"file://{ROOT}/locale/../static"}, "FILES_URL"),
        ({"FILES_URL": f"file://{ROOT}/var/static/files"}, "FILES_URL"),
        ({"BASE_URL": "http://portal.example"}, "BASE_URL"),
        ({"BASE_URL": ""}, "BASE_URL"),
        ({"SECRET_KEY_FALLBACKS": PRODUCTION["SECRET_KEY"]}, "SECRET_KEY_FALLBACKS"),
        ({"CODE_KEY_FALLBACKS": f"{'f' * 40},{OTHER_KEY}"}, "CODE_KEY_FALLBACKS"),
        ({"DATA_KEY_FALLBACKS": THIRD_KEY}, "DATA_KEY_FALLBACKS"),
        ({"DATA_KEY": OTHER_KEY}, "DATA_KEY must not equal CODE_KEY"),
        ({"CODE_KEY_FALLBACKS": PRODUCTION["SECRET_KEY"]}, "CODE_KEY must not equal SECRET_KEY"),
    ],
)
def test_unsafe_production_is_refused_by_name(refuse, changes, named):
    assert any(message.startswith(named) for message in refuse(**changes))
