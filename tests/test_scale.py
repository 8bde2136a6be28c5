"""Stories: every journey on two web process groups, two workers and two sweepers; new keys while they run."""

import contextlib
import http.client
import itertools
import re
import secrets
import time

import pytest

from tests import test_leaks
from tests.file_samples import make_picture
from tests.journey import NEW_PASSWORD, PASSWORD, code_in, link_in
from tests.roles import app_code
from tests.scaled import OTHERS, WEBS, ScaledStack
from tests.servers import find_free_port
from tests.test_leaks import ROOT_PASSWORD, SEED, change_everything, claim_and_update, recover, register

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("scale")]
KEYS = ("SECRET_KEY", "CODE_KEY", "DATA_KEY")
SEALED_MAIL = """
from django.core.mail import EmailMessage
EmailMessage("Sealed before", "its body", to=["sealed@example.com"]).send()
"""


class InTurn:
    """Stands where http.client's connection does: each request goes to the next port."""

    def __init__(self, ports):
        self.ports = itertools.cycle(ports)
        self.connection: http.client.HTTPConnection | None = None

    def request(self, *arguments, **named):
        self.close()
        self.connection = http.client.HTTPConnection("localhost", next(self.ports), timeout=60)
        self.connection.request(*arguments, **named)

    def getresponse(self):
        return self.connection.getresponse()

    def close(self):
        if self.connection:
            self.connection.close()


class Roamer(test_leaks.Person):
    """Somebody whose requests are answered by both web processes in turn."""

    def __init__(self, stack: ScaledStack):
        super().__init__(stack)
        self.connection = InTurn(stack.web_ports)

    def ask_bytes(self, path: str) -> bytes:
        with contextlib.closing(self.connection) as connection:
            connection.request("GET", path, None, self.headers)
            return connection.getresponse().read()

    def send_file(self, path: str, name: str, **typed: str) -> str:
        """Post the form of a page with a picture."""
        fields = self.fill(path, **typed)
        border = secrets.token_hex(16)
        parts = [f'--{border}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
                 for field, value in fields.items() if value]  # fmt: skip
        head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="scan.jpg"\r\n'
        head += "Content-Type: image/jpeg\r\n\r\n"
        body = b"".join([*parts, head.encode(), make_picture(), f"\r\n--{border}--\r\n".encode()])
        headers = self.headers | {"Content-Type": f"multipart/form-data; boundary={border}",
                                  "Referer": f"{self.stack.base_url}{path}"}  # fmt: skip
        with contextlib.closing(self.connection) as connection:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            self.page = response.read().decode()
        assert response.status in {200, 302}, f"{path} answered {response.status}"
        return response.headers.get("Location", path)


@pytest.fixture(scope="module")
def scaled():
    """Return (stack, what the seed tells of a member file): a superuser with an authenticator app is there."""
    with ScaledStack(port=find_free_port(), workers=1) as stack:
        yield stack, stack.manage("shell", "-v", "0", "-c", SEED).stdout.split()[-3:]


@pytest.fixture(autouse=True)
def everybody_roams(monkeypatch):
    monkeypatch.setattr(test_leaks, "Person", Roamer)


def test_every_journey_passes_over_both(scaled):
    stack, file = scaled
    told: dict[str, str] = {}
    register(stack, told)
    recover(stack, told)
    nora = change_everything(stack, told)
    claim_and_update(stack, nora, told, file)
    check_upload(nora)
    check_sessions(stack, nora)
    check_mails(stack)
    assert [name for name in (*WEBS, *OTHERS) if stack.processes[name].poll() is not None] == []
    assert [name for name in WEBS if "Traceback" in stack.log(name)] == []


def check_upload(nora: Roamer):
    """A file that one process took in is shown by the other, and by the one that took it."""
    _status, page = nora.ask("GET", "/ar/profile/requests/")
    edit = re.search(r'href="(/ar/profile/update/[^"/]+/)"', page)[1]
    nora.send_file(edit, "evidence", city="جدة", action="later")
    _status, page = nora.ask("GET", edit)
    shown = re.search(r'"(/ar/profile/files/[0-9a-f-]+/)"', page)[1]
    assert [nora.ask_bytes(shown)[:2] for _ in range(2)] == [b"\xff\xd8"] * 2


def check_sessions(stack, nora: Roamer):
    """One ends the other's session; both processes know at once."""
    other = Roamer(stack)
    assert other.sign_in(test_leaks.NEW, test_leaks.CHANGED_PASSWORD) == "/ar/profile/"
    assert [other.ask("GET", "/ar/profile/")[0] for _ in range(2)] == [200, 200]
    nora.submit("/ar/accounts/sessions/", action="others")
    assert [other.ask("GET", "/ar/profile/")[0] for _ in range(2)] == [302, 302]
    assert [nora.ask("GET", "/ar/profile/")[0] for _ in range(2)] == [200, 200]


def check_mails(stack):
    """Four senders on the same rows: each mail once."""
    names = [mail["Message-ID"] for mail in stack.mails()]

    assert len(names) == len(set(names)) > 8


def restart_all(stack, names=(*WEBS, *OTHERS)):
    """One after the other, as a rolling restart does: one web process group always serves."""
    for name in names:
        stack.restart(name)


def test_codes_links_sessions_and_apps_outlive_new_keys(scaled):
    stack, _file = scaled
    # What is outstanding: a session, a reset link, a code, a picture of a page that was opened, a sealed mail, an app.
    owner = make_owner(stack)
    Roamer(stack).submit("/ar/accounts/password/reset/", email="rotation@example.com")
    link = link_in(stack.wait_for_mail("rotation@example.com", "استعادة"))
    newcomer = begin(stack, "newcomer@example.com")
    code = code_in(stack.wait_for_mail("newcomer@example.com"))
    slow = Roamer(stack)
    opened = slow.fill("/ar/accounts/login/", login="rotation@example.com", password=PASSWORD)
    root = Roamer(stack)
    assert root.sign_in("root@example.com", ROOT_PASSWORD) == "/ar/accounts/2fa/authenticate/"

    old = {name: stack.env[name] for name in KEYS}
    new = {name: secrets.token_urlsafe(48) for name in KEYS}
    # First every process learns the new keys, then they are used, half of the processes before the others.
    stack.env |= {f"{name}_FALLBACKS": new[name] for name in KEYS}
    restart_all(stack)
    for name in OTHERS:
        stack.stop_process(name)
    stack.manage("shell", "-v", "0", "-c", SEALED_MAIL)
    stack.env |= new | {f"{name}_FALLBACKS": old[name] for name in KEYS}
    stack.restart("web.2")
    # Asked of old and new in turn: what the one makes the other reads.
    crossing = begin(stack, "crossing@example.com")
    restart_all(stack, ("web", *OTHERS))

    assert owner.ask("GET", "/ar/profile/")[0] == 200
    assert newcomer.submit("/ar/accounts/confirm-email/", action="verify", code=code) == "/ar/profile/"
    between = code_in(stack.wait_for_mail("crossing@example.com", timeout=30))
    assert crossing.submit("/ar/accounts/confirm-email/", action="verify", code=between) == "/ar/profile/"
    assert slow.post("/ar/accounts/login/", opened) == "/ar/profile/"
    assert stack.wait_for_mail("sealed@example.com", timeout=30)["Subject"] == "Sealed before"
    used = app_code(spare=8)
    assert root.submit("/ar/accounts/2fa/authenticate/", code=used) == "/ar/profile/"
    visitor = Roamer(stack)
    done = visitor.submit(visitor.follow(link), password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    assert done == "/ar/accounts/password/reset/key/done/"

    # The old DATA_KEY goes when nothing is sealed with it any more.
    assert "sealed with the present DATA_KEY" in stack.manage("reseal_second_steps").stdout
    for name in KEYS:
        del stack.env[f"{name}_FALLBACKS"]
    restart_all(stack)
    again = Roamer(stack)
    assert again.sign_in("root@example.com", ROOT_PASSWORD) == "/ar/accounts/2fa/authenticate/"
    assert again.submit("/ar/accounts/2fa/authenticate/", code=fresh_code(used)) == "/ar/profile/"


def fresh_code(used: str) -> str:
    """Return the app's code as soon as it is another one: each serves once."""
    end = time.monotonic() + 60
    while (code := app_code()) == used and time.monotonic() < end:
        time.sleep(0.2)
    return code


def begin(stack, address: str) -> Roamer:
    """Fill the registration in, up to the page that waits for the code."""
    person = Roamer(stack)
    person.submit("/ar/accounts/declaration/", declaration="on")
    person.submit(
        "/ar/accounts/signup/", first_name="Nora", last_name="Otaibi", email=address, email2=address,
        password1=PASSWORD, password2=PASSWORD, terms="on",
    )  # fmt: skip
    return person


def make_owner(stack) -> Roamer:
    person = begin(stack, "rotation@example.com")
    code = code_in(stack.wait_for_mail("rotation@example.com"))
    assert person.submit("/ar/accounts/confirm-email/", action="verify", code=code) == "/ar/profile/"
    return person
