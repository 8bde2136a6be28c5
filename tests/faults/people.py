"""People on the site, over HTTP: what they do, what they were answered, and how long it took."""

import http.client
import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape

from mumaris import keys
from tests.timing import PASSWORD, Visitor, solve_puzzle

DECLARATION, SIGNUP, CODE = "/en/accounts/declaration/", "/en/accounts/signup/", "/en/accounts/confirm-email/"
LOGIN, FORGOT, PROFILE = "/en/accounts/login/", "/en/accounts/password/reset/", "/en/profile/"
NEW_PASSWORD = "Quiet+Harbour5"
NAMES = {"first_name": "Nora", "last_name": "Otaibi", "password1": PASSWORD, "password2": PASSWORD, "terms": "on"}
numbers = itertools.count(1)


def new_address(what: str = "person") -> str:
    return f"{what}{next(numbers)}@example.com"


@dataclass
class Tally:
    """What was answered since a fault began."""

    statuses: Counter = field(default_factory=Counter)
    # Answered by nobody: refused or cut in the middle. No 5xx of ours, and counted all the same.
    cut: int = 0
    slowest: float = 0
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, path: str, status: int, seconds: float):
        with self.lock:
            self.statuses[status] += 1
            self.slowest = max(self.slowest, seconds)
            if status >= 500:
                self.errors.append(f"{status} {path}")

    def note_cut(self):
        with self.lock:
            self.cut += 1

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


class Person(Visitor):
    """A visitor behind the proxy: each request has a connection of its own, which says that it ends with it.

    Threads may share a person. A proxy that finds one web process away asks the next of ``webs``. ``source`` is the
    address of this machine that they come from, where a real proxy asks for it.
    """

    source: str | None = None

    def __init__(self, stack, tally: Tally, *, webs: Sequence[str] = ("web",), language: str = "en"):
        super().__init__(stack)
        self.tally, self.webs, self.language = tally, webs, language
        self.headers["Connection"] = "close"

    def ask(self, method: str, path: str, fields: dict | None = None) -> tuple[int, str]:
        path = path.replace("/en/", f"/{self.language}/", 1)
        began = time.monotonic()
        for number, web in enumerate(webs := list(self.webs), 1):
            source = (self.source, 0) if self.source else None
            connection = http.client.HTTPConnection("localhost", self.stack.ports[web], 60, source_address=source)
            try:
                status, content = self.exchange(connection, method, path, fields)
            except ConnectionRefusedError:
                if number == len(webs):
                    self.tally.note_cut()
                    raise
            except (http.client.HTTPException, OSError):
                self.tally.note_cut()
                raise
            else:
                self.tally.note(path, status, time.monotonic() - began)
                return status, content
            finally:
                connection.close()
        raise ValueError("no web process is named")

    def post(self, path: str, fields: dict, solve=None) -> tuple[int, str]:
        """Open a page and send its form."""
        return self.ask("POST", path, self.fill_in(path, fields, solve))

    def fill_in(self, path: str, fields: dict, solve=None) -> dict:
        """Open a page and return its form as it would be sent. Raises ConnectionError for a page that is away."""
        status, content = self.ask("GET", path)
        if status != 200:
            raise ConnectionError(f"{path} answered {status}")
        fields = fields | {"csrfmiddlewaretoken": self.hidden(content, "csrfmiddlewaretoken")}
        if solve and 'name="captcha_token"' in content:
            token = self.hidden(content, "captcha_token")
            fields |= {"captcha_token": token} | solve(token)
        return fields

    def read_picture(self, token: str) -> dict:
        import json

        secrets = (self.stack.env["DATA_KEY"], *filter(None, self.stack.env.get("DATA_KEY_FALLBACKS", "").split(",")))
        return {"captcha": json.loads(keys._box("captcha", secrets).decrypt(token))["digits"]}

    # --- What they do -----------------------------------------------------------------------------

    def open_registration(self, address: str) -> dict:
        """Go as far as the button of the registration form; return what it sends."""
        self.post(DECLARATION, {"declaration": "on"})
        return self.fill_in(SIGNUP, NAMES | {"email": address, "email2": address}, tick)

    def register(self, address: str) -> int:
        status, _content = self.ask("POST", SIGNUP, self.open_registration(address))
        return status

    def type_code(self, code: str) -> str:
        """Type a code and return the page that follows, opened."""
        status, content = self.post(CODE, {"action": "verify", "code": code})
        return self.ask("GET", PROFILE)[1] if status == 302 else content

    def join(self, address: str) -> "Person":
        """Register and finish with the code from the mail."""
        self.register(address)
        assert "Otaibi" in unescape(self.type_code(self.stack.sink.code_for(address)))
        return self

    def sign_in(self, address: str, password: str = PASSWORD) -> int:
        return self.post(LOGIN, {"login": address, "password": password}, self.read_picture)[0]

    def forget(self, address: str) -> int:
        return self.post(FORGOT, {"email": address}, tick)[0]

    def is_signed_in(self) -> bool:
        return self.ask("GET", PROFILE)[0] == 200


def tick(token: str) -> dict:
    return {"captcha": "on", "captcha_work": solve_puzzle(token)}


def visit_every_page(stack, tally: Tally) -> None:
    """What anybody does on the site, with every kind of page: look, register, sign in, forget a password."""
    public = ["/", "/en/", "/en/terms/", "/en/privacy/", "/en/contact/", LOGIN, FORGOT, DECLARATION, "/healthz"]
    for path in public:
        Person(stack, tally).ask("GET", path)
    for language in ("en", "ar"):
        person = Person(stack, tally, language=language)
        assert person.register(new_address()) == 302
        person.ask("GET", CODE)
        person.post(CODE, {"action": "resend"})
        person.post(CODE, {"action": "verify", "code": "000000"})
        assert Person(stack, tally, language=language).sign_in(new_address("nobody")) in {200, 429}
        assert Person(stack, tally, language=language).forget(new_address()) == 302


class Load:
    """Requests at a steady rate, whatever the answers, from a few threads: ``with Load(...)`` while something fails."""

    def __init__(self, act, rate: float, threads: int = 8):
        """``act(number)`` makes one request; what it raises is not counted here."""
        self.act, self.rate, self.running, self.done = act, rate, True, 0
        self.numbers, self.lock = itertools.count(), threading.Lock()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]

    def run(self):
        while self.running:
            with self.lock:
                number = next(self.numbers)
            due = self.began + number / self.rate
            while self.running and (wait := due - time.monotonic()) > 0:
                time.sleep(min(wait, 0.1))
            if self.running:
                try:
                    self.act(number)
                except (http.client.HTTPException, OSError, TypeError):
                    # Cut connections are in the tally; a page that was not there has no form (TypeError).
                    continue
                with self.lock:
                    self.done += 1

    def __enter__(self):
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.running = False
        for thread in self.threads:
            thread.join(70)
