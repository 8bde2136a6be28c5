"""Redis dead or stalled: every page works, none waits more than a second for it, the mail is queued."""

import json
import os
import socket
import subprocess
import sys

import pytest
from django.db import connection

from mumaris.connections import REDIS_TIMEOUT
from mumaris.mail.models import Outbox
from tests.servers import ROOT, find_free_port

# A process of its own, as a web process is: its cache, broker connections and breakers begin fresh.
VISIT = """
import json, time, django
django.setup()
from django.test import Client
from tests.journey import answer_visual_code, tick_robot, url
visitor, waits = Client(), []
forgot, login = url("account_reset_password"), url("account_login")
posts = [(forgot, {"email": f"{name}@example.com"} | tick_robot(visitor.get(forgot))) for name in "ab"]
posts.append((login, {"login": "c@example.com", "password": "Wrong1-x"} | answer_visual_code(visitor.get(login))))
for path, fields in posts:
    start = time.monotonic()
    status = visitor.post(path, fields).status_code
    waits.append((status, time.monotonic() - start))
print(json.dumps(waits))
"""


def visit_with(redis_url: str) -> list:
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    environment = os.environ | {
        "REDIS_URL": redis_url,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "mumaris.settings",
    }
    ran = subprocess.run(
        [sys.executable, "-c", VISIT], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["dead", "stalled"])
def test_pages_work_and_wait_at_most_a_second(how):
    assert REDIS_TIMEOUT == 0.5
    with socket.create_server(("127.0.0.1", 0)) as stalled:
        port = find_free_port() if how == "dead" else stalled.getsockname()[1]
        visits = visit_with(f"redis://127.0.0.1:{port}/0")
    assert [status for status, _seconds in visits] == [302, 302, 200]
    # One time-out of half a second in all, and the page's own work.
    assert max(seconds for _status, seconds in visits) < 1
    assert Outbox.objects.waiting().count() == 2
