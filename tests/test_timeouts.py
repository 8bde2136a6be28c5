"""The table of time-outs in README.md: what it says is what the code says, and what the libraries were told."""

import ast
import re
from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.mail import get_connection
from django.db import connection

from mumaris.bucket import PrivateBucket
from mumaris.celery import app
from tests.servers import ROOT
from tests.test_house_rules import MODULES, name_of

TABLE = (ROOT / "README.md").read_text().partition("## Time-outs")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| ([^|]+) \| ([\d.]+) \| `([\w/.]+\.py):(\w+)`[^|]* \|$", TABLE, re.MULTILINE)
# A time-out by its name, and not one that anybody waits for: how long a proof of identity is fresh.
NOT_WAITED_FOR = {("mumaris/settings.py", "ACCOUNT_REAUTHENTICATION_TIMEOUT")}


def value_of(path: str, name: str) -> float:
    value = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
    return value.total_seconds() if isinstance(value, timedelta) else value


def seconds_of(name: str) -> float:
    [seconds] = [float(seconds) for _what, seconds, _path, named in ROWS if named == name]
    return seconds


@pytest.mark.parametrize(("what", "seconds", "path", "name"), ROWS, ids=[row[3] for row in ROWS])
def test_row_says_what_the_code_says(what, seconds, path, name):
    assert value_of(path, name) == float(seconds), what


def test_every_line_of_the_table_is_read():
    assert len(ROWS) == len(re.findall(r"^\| ", TABLE, re.MULTILINE)) - 1
    assert len(ROWS) >= 15


def test_every_timeout_of_the_code_stands_in_the_table():
    named = {
        (name_of(file), target.id)
        for file in MODULES
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign)
        for element in node.targets
        for target in (element.elts if isinstance(element, ast.Tuple) else [element])
        if isinstance(target, ast.Name) and re.search(r"timeout$|^deadline$", target.id, re.IGNORECASE)
    }
    told = {(path, name) for _what, _seconds, path, name in ROWS}
    assert named >= NOT_WAITED_FOR
    # reCAPTCHA's own is the same wait, which its thread is given beside it.
    assert named - told - NOT_WAITED_FOR == {("mumaris/settings.py", "RECAPTCHA_VERIFY_REQUEST_TIMEOUT")}
    assert seconds_of("WAIT") == settings.RECAPTCHA_VERIFY_REQUEST_TIMEOUT


@pytest.mark.django_db
def test_database_was_told(settings):
    asked = connection.connection.info.dsn_parameters if connection.connection else {}
    with connection.cursor() as cursor:
        asked = cursor.connection.info.dsn_parameters
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == (f"{seconds_of('STATEMENT_TIMEOUT'):g}s",)
    assert float(asked["connect_timeout"]) == seconds_of("DATABASE_CONNECT_TIMEOUT")
    assert float(asked["tcp_user_timeout"]) == 1000 * seconds_of("DATABASE_SILENCE_TIMEOUT")


def test_cache_and_broker_were_told():
    waits = cache._cache.get_client().connection_pool.connection_kwargs
    broker = app.conf.broker_transport_options
    for told in (waits, broker):
        assert told["socket_timeout"] == told["socket_connect_timeout"] == seconds_of("REDIS_TIMEOUT")


def test_mail_server_and_file_store_were_told():
    assert get_connection(settings.MAIL_TRANSPORT).timeout == seconds_of("EMAIL_TIMEOUT")
    told = PrivateBucket(bucket_name="x").client_config
    assert told.connect_timeout == seconds_of("CONNECT_TIMEOUT")
    assert told.read_timeout == seconds_of("READ_TIMEOUT")
    assert told.retries["total_max_attempts"] == 2


def test_lease_outlasts_a_delivery_and_a_delivery_its_steps():
    assert seconds_of("EMAIL_TIMEOUT") < seconds_of("DEADLINE") < seconds_of("LEASE")
