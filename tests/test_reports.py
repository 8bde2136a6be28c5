"""Story: a page fails, and the operator's Sentry hears of it: what failed and where, and nothing of whom."""

import gzip
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import brotli
import pytest

from tests.servers import ROOT

SECRETS = {
    "password": "Planted-Falcon9", "code": "planted-482913", "session": "plantedsessionplantedsession1234",
    "reset link": "planted-reset-key", "query": "planted-query", "header": "planted-header",
    "address": "nora@example.com", "network": "203.0.113.77", "variable": "planted-variable",
    "argument": "planted-argument",
}  # fmt: skip
# The database behind it has no tables: everything that asks it fails for real, and PostgreSQL quotes the question.
FAIL = """
import io, logging, sentry_sdk
from mumaris.wsgi import application
from accounts.tasks import purge
SECRETS = {secrets!r}
TOKEN = "t" * 32
def post(path, **fields):
    from urllib.parse import urlencode
    body = urlencode({{"csrfmiddlewaretoken": TOKEN}} | fields).encode()
    environ = {{
        "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "next=" + SECRETS["query"],
        "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(body)),
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost", "REMOTE_ADDR": SECRETS["network"],
        "HTTP_COOKIE": f"__Host-session={{SECRETS['session']}}; __Host-csrf={{TOKEN}}",
        "HTTP_USER_AGENT": SECRETS["header"], "HTTP_X_FORWARDED_FOR": SECRETS["network"],
        "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http",
    }}
    answered = []
    list(application(environ, lambda status, headers: answered.append(status)))
    print("answered", answered[0])
post("/ar/accounts/password/reset/key/1-" + SECRETS["reset link"] + "/", password1=SECRETS["password"])
post("/ar/accounts/password/change/", oldpassword=SECRETS["password"], code=SECRETS["code"], email=SECRETS["address"])
purge.apply()
def fail(variable):
    raise ValueError("about " + variable)
try:
    fail(SECRETS["variable"])
except ValueError:
    logging.getLogger("mumaris.test").exception("mail to %s of " + SECRETS["address"], SECRETS["argument"])
sentry_sdk.flush(20)
"""


DECODE = {"br": brotli.decompress, "gzip": gzip.decompress, "": bytes}


class Sink(BaseHTTPRequestHandler):
    """A Sentry that keeps what it is sent."""

    heard: list[bytes]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.heard.append(DECODE[self.headers.get("Content-Encoding", "")](body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        """Nothing."""


@pytest.fixture(scope="module")
def heard():
    """What a Sentry heard of a process in which everything failed."""
    Sink.heard = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ran = subprocess.run(
            [sys.executable, "-c", FAIL.format(secrets=SECRETS)],
            cwd=ROOT, env=os.environ | {"SENTRY_DSN": f"http://key@127.0.0.1:{server.server_port}/1",
                                        "DJANGO_SETTINGS_MODULE": "mumaris.settings"},
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        server.shutdown()
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout, Sink.heard


def events_of(bodies: list[bytes]) -> list[dict]:
    lines = [json.loads(line) for body in bodies for line in body.splitlines() if line]
    return [line for line in lines if "exception" in line]


def test_failures_are_reported_by_class_place_page_and_id(heard):
    told, bodies = heard
    assert told.count("answered 500") == 2, told
    events = events_of(bodies)
    types = [error["type"] for event in events for error in event["exception"]["values"]]
    assert types.count("ProgrammingError") >= 3
    views = {event["tags"].get("view") for event in events}
    assert {"account_reset_password_from_key", "account_change_password"} <= views
    assert all(len(event["tags"]["request_id"]) == 32 for event in events if "view" in event["tags"])
    places = [
        frame["module"]
        for event in events
        for error in event["exception"]["values"]
        for frame in error["stacktrace"]["frames"]
    ]
    assert "accounts.tasks" in places


def test_failed_line_of_the_log_is_reported_as_the_code_has_it(heard):
    _told, bodies = heard
    [line] = [event["logentry"]["message"] for event in events_of(bodies) if event.get("logger") == "mumaris.test"]
    assert line == "mail to %s of …@…"


@pytest.mark.parametrize("name", SECRETS)
def test_no_report_holds_a_secret(heard, name):
    _told, bodies = heard
    assert len(bodies) >= 4
    assert SECRETS[name].encode() not in b"\n".join(bodies)


def test_reports_hold_only_what_is_named(heard):
    _told, bodies = heard
    for event in events_of(bodies):
        assert not {"request", "user", "breadcrumbs", "extra", "contexts", "server_name", "modules"} & set(event)
        assert set(event["tags"]) <= {"request_id", "view", "task", "task_id"}
        for error in event["exception"]["values"]:
            assert "value" not in error
            assert not [frame for frame in error["stacktrace"]["frames"] if "vars" in frame]


def test_nothing_is_loaded_without_a_place_to_report_to():
    code = "import django; django.setup(); import sys; print('sentry_sdk' in sys.modules)"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mumaris.settings"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True,
                         check=True, timeout=60)  # fmt: skip
    assert ran.stdout.strip() == "False"
