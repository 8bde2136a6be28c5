"""One line of JSON a record, with what an operator needs and nothing of what was typed."""

import json
import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.test import Client

from mumaris.logs import JsonLine, describe_logging, work
from tests.test_settings import start


def line_of(message: str = "told", *args, level=logging.INFO, exc_info=None, **extra) -> dict:
    record = logging.LogRecord("mumaris.test", level, __file__, 1, message, args, exc_info)
    record.__dict__ |= extra
    [line] = JsonLine().format(record).splitlines()
    return json.loads(line)


def caught(error: Exception, cause: Exception | None = None):
    try:
        raise error from cause
    except type(error):
        return sys.exc_info()


def test_line_has_time_level_logger_and_message():
    line = line_of("sent %s", "now", level=logging.WARNING)
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "mumaris.test", "sent now")
    assert line["time"].endswith("+00:00")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("GET /ar/accounts/password/reset/key/1-abcdef/", "GET /ar/accounts/password/reset/key/…/"),
        ("mail to nora.o'tb+x@mail.example.com refused", "mail to …@… refused"),
        ("نورة@example.com", "…@…"),
    ],
)
def test_keys_and_addresses_are_cut_out(message, told):
    assert line_of(message)["message"] == told


def test_error_is_told_by_class_and_place_never_by_its_words():
    error = caught(ValueError("Key (email)=(nora@example.com) is planted-secret"), KeyError("planted-secret"))
    line = line_of("it failed", exc_info=error)
    assert (line["error"], line["cause"]) == ("ValueError", "KeyError")
    assert line["places"][-1].endswith(" caught")
    assert "planted-secret" not in json.dumps(line)


def test_typed_line_break_stays_in_its_line():
    assert line_of("a\nb\u2028c\r{}")["message"] == "a\nb\u2028c\r{}"


def test_lone_surrogate_and_strange_objects_break_no_line():
    assert line_of("a\ud800 %s", object())["message"].startswith("a\ud800 <object")


def test_failed_task_is_told_without_its_error():
    context = {"name": "accounts.tasks.purge", "id": "1", "exc": "planted", "description": "raised unexpected"}
    line = line_of("Task %(name)s: %(exc)s", context, level=logging.ERROR, data=context)
    assert (line["task"], line["task_id"]) == ("accounts.tasks.purge", "1")
    assert "planted" not in json.dumps(line)


def test_django_tells_of_a_request_by_its_page():
    request = SimpleNamespace(request_id="abc", resolver_match=None, path="/ar/planted/")
    line = line_of("Not Found: %s", request.path, request=request, status_code=404)
    assert (line["message"], line["request_id"]) == ("Not Found: no page", "abc")


def test_work_of_the_moment_is_told():
    told = {"request_id": "abc", "task": "t", "task_id": "1"}
    token = work.set(told)
    assert told.items() <= line_of().items()
    work.reset(token)
    assert not told.items() & line_of().items()


def test_local_run_logs_plain_lines_without_secrets():
    config = describe_logging(debug=True)
    assert config["handlers"]["console"]["formatter"] == "plain"
    assert config["handlers"]["console"]["filters"] == ["hide_secrets"]


def test_commands_log_json(tmp_path):
    say = "import django; django.setup(); import logging; logging.getLogger('x').warning('of %s', 'a@b.example')"
    _status, told = start("-c", say, DJANGO_SETTINGS_MODULE="mumaris.settings")
    assert json.loads(told)["message"] == "of …@…"


# --- Ids of requests --------------------------------------------------------------------------------


def test_id_is_our_own_without_a_proxy(settings):
    settings.TRUSTED_PROXY_COUNT = 0
    answer = Client().get("/healthz", headers={"X-Request-ID": "proxy-id-0123456789"})
    assert len(answer["X-Request-ID"]) == 32


def test_id_of_the_proxy_is_taken_over_when_it_is_sane(settings):
    settings.TRUSTED_PROXY_COUNT = 1
    assert Client().get("/healthz", headers={"X-Request-ID": "proxy-id-0123456789"})["X-Request-ID"] == (
        "proxy-id-0123456789"
    )
    for offered in ("short", "x" * 65, "a\r\nSet-Cookie: x=1", "<script>alert</script>", "٠١٢٣٤٥٦٧٨٩"):
        assert len(Client().get("/healthz", headers={"X-Request-ID": offered})["X-Request-ID"]) == 32


def test_error_answers_carry_an_id_too():
    answer = Client().get("/ar/nothing/")
    assert answer.status_code == 404
    assert len(answer["X-Request-ID"]) == 32


def test_strange_methods_are_no_words_of_the_log(caplog):
    with caplog.at_level(logging.INFO):
        Client().generic("planted\nforged", "/healthz")
    [record] = [record for record in caplog.records if record.name == "mumaris.observation"]
    assert record.facts["method"] == "other"
    assert "forged" not in record.getMessage()


def test_worker_and_beat_print_no_banner():
    """What they print before they log would be no JSON; with no broker they end or wait, which is enough to see."""
    code = "from mumaris.celery import app; beat = app.Beat(app=app); print(beat.quiet)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.strip() == "True"
