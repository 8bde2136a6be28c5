"""Story: after everybody did everything, no code, link key or password lies anywhere but in the mails.

Runs on the production processes: their logs, every table of the database as text, all that Valkey holds and every
page of the admin are searched for the secrets that the journeys used. The mails themselves do not count.
"""

import json
import re
import subprocess
import sys
import urllib.request
from datetime import datetime, timedelta
from functools import cache

import psycopg2
import pytest
import redis

from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    code_in,
    link_in,
    objection_link_in,
    text_of,
    undo_link_in,
)
from tests.roles import app_code
from tests.servers import find_free_port
from tests.stack import Stack
from tests.timing import Visitor, open_token, solve_puzzle

ROOT_PASSWORD, CHANGED_PASSWORD, TYPED_WRONG = "Granite-Falcon9", "Amber+Lantern3", "Mistyped-Secret4"
NORA, NEW = "nora@example.com", "nora.new@example.com"
SEED = f"""
from accounts.models import User
from tests.roles import add_app
add_app(User.objects.create_superuser("root@example.com", {ROOT_PASSWORD!r}, first_name="Root", last_name="User"))
from tests.registry import make_registry_member
file = make_registry_member()
print(file.membership_number, file.identity_number, file.registry_email)
"""
pytestmark = pytest.mark.timeout(300)


class Person(Visitor):
    """A visitor who fills forms in: every hidden field of the page is posted with what was typed."""

    def ask(self, method: str, path: str, fields: dict | None = None) -> tuple[int, str]:
        # Mails are waited for longer than the server keeps a connection.
        try:
            return super().ask(method, path, fields)
        finally:
            self.connection.close()

    def submit(self, path: str, **typed: str) -> str:
        """Open the page, post its form, and return where it leads (or the path, when it stays)."""
        return self.post(path, self.fill(path, **typed))

    def fill(self, path: str, **typed: str) -> dict[str, str]:
        """Open the page and return what its form sends."""
        _status, page = self.ask("GET", path)
        token = self._hidden(page, "csrfmiddlewaretoken")
        captcha = self._hidden(page, "captcha_token")
        return {"csrfmiddlewaretoken": token, "captcha_token": captcha} | self._prove(captcha) | typed

    def post(self, path: str, fields: dict[str, str]) -> str:
        self.connection.request("POST", path, self._encode(fields), self.headers | {
            "Content-Type": "application/x-www-form-urlencoded", "Referer": f"{self.stack.base_url}{path}",
        })  # fmt: skip
        response = self.connection.getresponse()
        self.page = response.read().decode()
        self.connection.close()
        for line in response.headers.get_all("Set-Cookie", []):
            self.cookies |= re.findall(r"^([^=]+)=([^;]*)", line)
        self.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        assert response.status in {200, 302}, f"{path} answered {response.status}"
        return response.headers.get("Location", path)

    @staticmethod
    def _encode(fields: dict) -> str:
        from urllib.parse import urlencode

        return urlencode({name: value for name, value in fields.items() if value})

    def _hidden(self, page: str, name: str) -> str:
        return self.hidden(page, name) if f'name="{name}"' in page else ""

    def _prove(self, captcha: str) -> dict:
        if not captcha:
            return {}
        opened = open_token(self.stack, captcha)
        if "digits" in opened:
            return {"captcha": opened["digits"]}
        return {"captcha": "on", "captcha_work": solve_puzzle(captcha)}

    def sign_in(self, login: str, password: str) -> str:
        return self.submit("/ar/accounts/login/", login=login, password=password)

    def follow(self, path: str) -> str:
        """Open a link of a mail and return the clean address that it leads to."""
        self.connection.request("GET", path, headers=self.headers)
        response = self.connection.getresponse()
        response.read()
        self.connection.close()
        for line in response.headers.get_all("Set-Cookie", []):
            self.cookies |= re.findall(r"^([^=]+)=([^;]*)", line)
        self.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return response.headers.get("Location", path)


def register(stack: Stack, secrets: dict) -> Person:
    nora = Person(stack)
    nora.submit("/ar/accounts/declaration/", declaration="on")
    names = {"first_name": "Nora", "last_name": "Otaibi", "email": NORA, "email2": NORA}
    nora.submit("/ar/accounts/signup/", **names, password1=PASSWORD, password2=PASSWORD, terms="on")
    secrets["code"] = code_in(stack.wait_for_mail(NORA))
    wrong = f"{(int(secrets['code']) + 1) % 1_000_000:06d}"
    secrets["wrong code"] = wrong
    nora.submit("/ar/accounts/confirm-email/", action="verify", code=wrong)
    assert nora.submit("/ar/accounts/confirm-email/", action="verify", code=secrets["code"]) == "/ar/profile/"
    return nora


def recover(stack: Stack, secrets: dict):
    forgetful = Person(stack)
    forgetful.submit("/ar/accounts/password/reset/", email=NORA)
    link = link_in(stack.wait_for_mail(NORA, "استعادة"))
    secrets["reset link"] = link.rstrip("/").rpartition("-")[2]
    clean = forgetful.follow(link)
    done = forgetful.submit(clean, password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    assert done == "/ar/accounts/password/reset/key/done/"
    # The link once more, spent, and one that was never right: both are answered, and Django logs 4xx.
    forgetful.follow(link)
    forgetful.follow(link.replace(secrets["reset link"], secrets["reset link"][::-1]))


def change_everything(stack: Stack, secrets: dict) -> Person:
    """A wrong and a right sign-in, another password, another address, and the way back."""
    nora = Person(stack)
    nora.sign_in(NORA, TYPED_WRONG)
    assert nora.sign_in(NORA, NEW_PASSWORD) == "/ar/profile/"
    nora.submit(
        "/ar/accounts/password/change/", oldpassword=NEW_PASSWORD,
        password1=CHANGED_PASSWORD, password2=CHANGED_PASSWORD,
    )  # fmt: skip
    nora.submit("/ar/accounts/email/", email=NEW)
    secrets["change code"] = code_in(stack.wait_for_mail(NEW))
    secrets["undo link"] = undo_link_in(stack.wait_for_mail(NORA, "طُلب تغيير")).rstrip("/").rpartition("/")[2]
    nora.submit("/ar/accounts/email/code/", action="verify", code=secrets["change code"])
    Person(stack).follow(f"/ar/accounts/email/undo/{secrets['undo link']}/")
    return nora


def claim_and_update(stack: Stack, nora: Person, secrets: dict, file: list[str]):
    number, identity, registry = file
    nora.submit(
        "/ar/profile/claim/", membership_number=number, identity_number=identity,
        birth_date="15/07/1405", calendar="hijri",
    )  # fmt: skip
    secrets["objection link"] = objection_link_in(stack.wait_for_mail(registry)).rstrip("/").rpartition("/")[2]
    Person(stack).follow(f"/ar/profile/claim/objection/{secrets['objection link']}/")
    Person(stack).follow("/ar/profile/claim/objection/nonsense/")
    stack.manage("shell", "-c", """
from profiles import claims
from profiles.models import Claim
from accounts.models import User
claims.approve_claim(claim=Claim.objects.get(), reviewer=User.objects.get(email="root@example.com"))
""")  # fmt: skip
    edit = nora.submit("/ar/profile/update/", membership_number=number)
    check = nora.submit(edit, city="جدة", action="later")
    assert check


@pytest.fixture(scope="module")
def lived():
    """A stack on which everything was done, and the secrets of it."""
    with Stack(port=find_free_port(), workers=1) as stack:
        file = stack.manage("shell", "-v", "0", "-c", SEED).stdout.split()
        secrets = dict(zip(
            ("password", "new password", "changed password", "mistyped password", "staff password"),
            (PASSWORD, NEW_PASSWORD, CHANGED_PASSWORD, TYPED_WRONG, ROOT_PASSWORD), strict=True,
        ))  # fmt: skip
        register(stack, secrets)
        recover(stack, secrets)
        nora = change_everything(stack, secrets)
        claim_and_update(stack, nora, secrets, file[-3:])
        secrets |= {f"key {name}": stack.env[name] for name in ("SECRET_KEY", "CODE_KEY", "DATA_KEY")}
        yield stack, secrets


def places(stack: Stack) -> dict[str, str]:
    """Return name → text of everything that may hold a secret and must not."""
    found = {f"log of {name}": stack.log(name) for name in stack.processes}
    found["log of PostgreSQL"] = (stack.postgres.folder / "server.log").read_text(errors="replace")
    found |= dump_tables(stack)
    found["Valkey"] = dump_valkey(stack)
    found |= read_admin(stack)
    return found


def dump_tables(stack: Stack) -> dict[str, str]:
    connection = psycopg2.connect(stack.postgres.url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for _schema, name in cursor.fetchall()]
        dumped = {}
        for name in tables:
            cursor.execute(f'SELECT t::text FROM "{name}" t')  # noqa: S608
            dumped[f"table {name}"] = "\n".join(row[0] for row in cursor.fetchall())
    connection.close()
    return dumped


def dump_valkey(stack: Stack) -> str:
    server = redis.Redis.from_url(stack.env["REDIS_URL"])
    kept = []
    for key in server.scan_iter():
        kind = server.type(key).decode()
        read = {"string": server.get, "list": lambda k: server.lrange(k, 0, -1), "set": server.smembers,
                "hash": server.hgetall, "zset": lambda k: server.zrange(k, 0, -1, withscores=True)}  # fmt: skip
        kept.append(f"{key!r} {read[kind](key)!r}")
    return "\n".join(kept)


@cache
def sign_in_root(stack: Stack) -> Person:
    """Sign the superuser in once: a code of the app serves once in its thirty seconds."""
    root = Person(stack)
    root.sign_in("root@example.com", ROOT_PASSWORD)
    assert root.submit("/ar/accounts/2fa/authenticate/", code=app_code(spare=8)) == "/ar/profile/"
    return root


def read_admin(stack: Stack) -> dict[str, str]:
    """Return every page that a superuser reaches from the index by links within the admin."""
    root = sign_in_root(stack)
    waiting, pages = ["/admin/"], {}
    while waiting and len(pages) < 150:
        path = waiting.pop()
        _status, page = root.ask("GET", path)
        pages[f"admin {path}"] = page
        links = re.findall(r'href="(/admin/[^"?#]*)"', page)
        links += [re.sub("[^/]*$", "", path) + link for link in re.findall(r'href="(\w[\w/-]*/)"', page)]
        waiting += [link for link in links if f"admin {link}" not in pages and "logout" not in link]
    return pages


def search(secrets: dict[str, str], where: dict[str, str]) -> list[str]:
    """Return "secret in place" for each that is found. A code counts where no other digits are beside it."""
    told = []
    for name, secret in secrets.items():
        is_code = secret.isdigit()
        pattern = re.compile(rf"(?<![0-9a-fA-F.-]){secret}(?![0-9a-fA-F.-])" if is_code else re.escape(secret))
        told += [f"{name} in {place}" for place, text in where.items() if pattern.search(text)]
    return told


def test_no_secret_lies_anywhere(lived):
    stack, secrets = lived
    where = places(stack)
    assert len(secrets) == 14
    assert {"log of web", "log of worker", "log of sweeper", "table mail_outbox", "Valkey", "admin /admin/"} <= set(
        where
    )
    assert sum(1 for place in where if place.startswith("admin ")) > 20
    assert NORA in where["table accounts_user"] + where["table accounts_emailchange"]
    assert search(secrets, where) == []


def test_secrets_were_real(lived):
    """Each of them stood in a mail or was typed: else the search would look for nothing."""
    stack, secrets = lived
    letters = "\n".join(text_of(mail) for mail in stack.mails())
    for name in ("code", "reset link", "change code", "undo link", "objection link"):
        assert len(secrets[name]) >= 6
        assert secrets[name] in letters, name


def lines_of(stack: Stack, name: str) -> list[dict]:
    return [json.loads(line) for line in stack.log(name).splitlines()]


def test_every_line_of_every_log_is_json(lived):
    stack, _secrets = lived
    for name in stack.processes:
        lines = [line for line in lines_of(stack, name) if "planted" not in line["message"]]
        assert lines or name == "sweeper", f"{name} has logged nothing"
        for line in lines:
            assert {"time", "level", "logger", "message"} <= set(line)
            assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
            assert "@example.com" not in json.dumps(line)


def test_requests_are_logged_by_name_and_time(lived):
    stack, _secrets = lived
    requests = [line for line in lines_of(stack, "web") if line["logger"] == "mumaris.observation"]
    told = {(line["method"], line["view"]) for line in requests}
    assert {
        ("POST", "account_login"), ("POST", "account_signup"), ("GET", "account_reset_password_from_key"),
    } <= told  # fmt: skip
    assert all(0 <= line["duration_ms"] < 60_000 for line in requests)
    assert {line["status"] for line in requests} >= {200, 302}
    assert len({line["request_id"] for line in requests}) == len(requests)


def test_task_carries_on_the_id_of_its_request(lived):
    """From the form over the broker to the worker: one id."""
    stack, _secrets = lived
    [posted, *_] = [line for line in lines_of(stack, "web") if line.get("view") == "account_signup"
                    and line["method"] == "POST"]  # fmt: skip
    tasks = [line for line in lines_of(stack, "worker") if line.get("task") == "mumaris.mail.deliver"]
    assert tasks
    assert all(line["task_id"] for line in tasks)
    assert posted["request_id"] in {line.get("request_id") for line in tasks}


def test_answer_names_its_id_and_takes_a_sane_one_over(lived):
    stack, _secrets = lived
    for offered, is_taken in (("proxy-id.0123456789", True), ("x" * 65, False), ("a b c d e f", False), ("", False)):
        asked = urllib.request.Request(f"{stack.base_url}/ar/", headers={"X-Request-ID": offered})  # noqa: S310
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310  (our own http)
            request_id = answer.headers["X-Request-ID"]
        assert (request_id == offered) is is_taken
        assert [line for line in lines_of(stack, "web") if line.get("request_id") == request_id]


@pytest.mark.parametrize("place", ["log", "table", "Valkey", "admin"])
def test_planted_secret_is_found(lived, place):
    """The search itself: what is put into each kind of place is found there."""
    stack, _secrets = lived
    # None of the real ones: it stays where it was put, and the other tests must not find it.
    planted = f"planted-{place}-5f0c9e"
    if place == "log":
        with (stack.logs / "sweeper.log").open("a") as log:
            log.write(json.dumps({"message": f"opened {planted}"}) + "\n")
    elif place == "Valkey":
        redis.Redis.from_url(stack.env["REDIS_URL"]).rpush("planted", planted)
    else:
        values = f"code={place!r}, name_ar={planted!r}"
        plant = f"from profiles.models import Specialty; Specialty.objects.get_or_create({values})"
        stack.manage("shell", "-c", plant)
    told = search({"planted": planted}, places(stack))
    expected = {"log": "log of sweeper", "table": "table profiles_specialty", "Valkey": "Valkey"}
    assert any(
        told_place.startswith(f"planted in {expected.get(place, 'admin /admin/profiles/')}") for told_place in told
    )


def test_processes_show_no_secret_in_their_arguments(lived):
    stack, secrets = lived
    numbers = ",".join(str(process.pid) for process in stack.processes.values())
    shown = subprocess.run(["ps", "-o", "args=", "-p", numbers], capture_output=True, text=True, check=True).stdout
    assert sys.executable.rpartition("/")[2][:6] in shown
    assert search(secrets, {"arguments": shown}) == []
