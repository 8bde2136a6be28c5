"""deploy/nginx.conf, run as it is: TLS, who the visitor is, what is too large, two web services of which one dies."""

import os
import re
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest
from django.urls import resolve
from django.utils import translation

from accounts.urls import urlpatterns
from mumaris.uploads import MAX_REQUEST
from tests import test_leaks
from tests.proxy import SOURCE, Proxy
from tests.rolling import measure
from tests.servers import ROOT, find_free_port
from tests.stack import Stack

pytestmark = [pytest.mark.nginx, pytest.mark.timeout(600), pytest.mark.xdist_group("proxy")]
# Where a stranger lets the portal hash, draw or mail.
DOORS = [
    "/ar/accounts/login/",
    "/en/accounts/signup/",
    "/en/accounts/declaration/",
    "/ar/accounts/confirm-email/",
    "/en/accounts/password/reset/",
    "/en/accounts/password/reset/done/",
    "/en/accounts/password/reset/key/1-secret/",
    "/en/accounts/password/reset/key/done/",
    "/en/accounts/captcha/token.png",
    "/ar/accounts/captcha/token.wav",
    "/en/accounts/2fa/authenticate/",
    "/en/accounts/2fa/webauthn/login/",
]
# Public too: they cost what any page does, or want a secret from a mail.
CHEAP = {"account_email_undo", "account_inactive", "account_logout", "account_not_me"}
# Seconds from a failure until nginx asks the service again: fail_timeout, in whole seconds.
UNTIL_ASKED_AGAIN = 3.5
PAGES = sorted((ROOT / "deploy" / "pages").glob("*.html"))


class Guest(test_leaks.Person):
    """Somebody with a browser who comes through the proxy."""

    def __init__(self, stack, proxy: Proxy):
        super().__init__(SimpleNamespace(base_url=proxy.address, env=stack.env))
        self.connection = proxy.connect()
        # The proxy says where they come from.
        self.headers = {}


@pytest.fixture(scope="module")
def proxied():
    """Return (stack, proxy): two web process groups behind nginx."""
    ports, https_port = [find_free_port(), find_free_port()], find_free_port()
    settings = {"BASE_URL": f"https://localhost:{https_port}", "TRUSTED_PROXY_COUNT": "1"}
    with Stack(port=ports[0], settings=settings, workers=1) as stack:
        stack.ports["web.2"] = ports[1]
        stack.start_process("web.2")
        stack.wait_until_healthy("web.2")
        with Proxy(ports, https_port=https_port) as proxy:
            yield stack, proxy


def test_plain_http_is_led_to_https_of_the_portal_alone(proxied):
    _stack, proxy = proxied
    host = proxy.address.removeprefix("https://")
    status, headers, _text = proxy.ask("/ar/accounts/login/?next=/x", tls=False, Host=host)
    forged, other, _text = proxy.ask("/ar/", tls=False, Host="evil.example")

    assert (status, headers["Location"]) == (301, f"{proxy.address}/ar/accounts/login/?next=/x")
    assert "Server" not in headers or headers["Server"] == "nginx"
    assert (forged, other["Location"]) == (400, None)


def test_pages_come_over_tls_with_every_header(proxied):
    _stack, proxy = proxied
    status, headers, _text = proxy.ask("/ar/accounts/login/")

    assert status == 200
    assert headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains; preload"
    assert headers["Server"] == "nginx"
    assert "Content-Encoding" not in headers
    assert headers.get_all("X-Frame-Options") == ["DENY"], "once: the portal says it"
    assert "__Host-csrf=" in headers["Set-Cookie"]


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_static_files_come_compressed_and_are_kept_for_ever(proxied, coding):
    _stack, proxy = proxied
    _status, _headers, page = proxy.ask("/ar/accounts/login/")
    path = re.search(r'href="(/static/css/site\.[0-9a-f]+\.css)"', page)[1]
    status, headers, _text = proxy.ask(path, Accept_Encoding=coding)

    assert (status, headers["Content-Encoding"]) == (200, coding)
    assert "immutable" in headers["Cache-Control"]


def test_forged_addresses_and_hosts_reach_nobody(proxied, monkeypatch):
    """Whoever writes X-Forwarded-For is still counted as who they are."""
    stack, proxy = proxied
    guest = Guest(stack, proxy)
    guest.headers |= {"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7", "Forwarded": "for=203.0.113.7",
                      "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}  # fmt: skip
    monkeypatch.setattr(test_leaks, "Person", lambda _stack: guest)
    person = test_leaks.register(stack, {})
    with psycopg2.connect(stack.postgres.url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT host(network) FROM accounts_accountevent WHERE network IS NOT NULL")
        networks = {row[0] for row in cursor.fetchall()}
    connection.close()

    assert networks == {"127.0.0.1"}
    assert person.ask("GET", "/ar/profile/")[0] == 200
    links = re.findall(r"https?://[^/\s]+", "".join(mail.as_string() for mail in stack.mails()))
    assert not any("evil" in link for link in links)


def test_body_that_is_too_large_is_told_so_in_both_languages(proxied):
    _stack, proxy = proxied
    status, headers, text = proxy.ask("/ar/accounts/login/", method="POST", body=b"x" * (21 * 1024 * 1024))

    assert status == 413
    assert "5 ميجابايت" in text
    assert "5 MB" in text
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"


def test_proxy_takes_what_the_portal_answers_itself():
    limit = int(re.search(r"client_max_body_size (\d+)m;", SOURCE.read_text())[1]) * 1024 * 1024

    assert MAX_REQUEST < limit < 1.2 * MAX_REQUEST


def begin_upload(proxy: Proxy, length: int):
    """Say that a long body comes, and send its first byte."""
    connection = proxy.connect()
    connection.putrequest("POST", "/ar/accounts/login/")
    connection.putheader("Content-Length", str(length))
    connection.endheaders(b"x")
    return connection


def test_slow_uploads_of_one_address_leave_room_for_others(proxied):
    _stack, proxy = proxied
    fine = 19 * 1024 * 1024
    slow = [begin_upload(proxy, fine) for _ in range(4)]
    try:
        status, headers, text = 0, {}, ""
        end = time.monotonic() + 30
        while status != 503 and time.monotonic() < end:
            # The first four may still be on their way; a fifth that is taken waits for its body, and is let go.
            status, headers, text = answer_of(begin_upload(proxy, fine))
        assert (status, headers.get("Retry-After")) == (503, "30")
        assert 'lang="ar"' in text
        form = proxy.ask("/ar/accounts/login/", method="POST", body=b"login=nobody")
        assert form[0] == 403, "a form is short, and reaches the portal"
    finally:
        for connection in slow:
            connection.close()


def answer_of(connection) -> tuple[int, dict, str]:
    connection.sock.settimeout(1)
    try:
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    except TimeoutError:
        return 0, {}, ""
    finally:
        connection.close()


def test_request_id_is_the_proxys_and_what_is_ill_is_told_inside(proxied):
    _stack, proxy = proxied
    _status, headers, _text = proxy.ask("/ar/accounts/login/", X_Request_ID="chosen-by-a-visitor")

    assert re.fullmatch(r"[0-9a-f]{32}", headers["X-Request-ID"])
    assert proxy.ask("/healthz")[0] == 200
    assert [proxy.ask("/readyz", tls=tls)[0] for tls in (True, False)] == [404, 404]


@pytest.mark.parametrize("path", ["/413.html", "/503.html"])
def test_pages_of_the_proxy_have_no_address_of_their_own(proxied, path):
    assert proxied[1].ask(path)[0] == 404


@pytest.mark.parametrize(
    ("path", "service"),
    [(path, "web.2") for path in DOORS]
    + [(path, "web") for path in ("/ar/", "/en/profile/", "/en/accounts/password/change/", "/en/accounts/2fa/")],
)
def test_a_flood_at_the_doors_meets_one_service_and_pages_come_from_the_other(proxied, path, service):
    stack, proxy = proxied
    request_id = proxy.ask(path)[1]["X-Request-ID"]

    assert [name for name in ("web", "web.2") if request_id in stack.log(name)] == [service]


def test_whatever_is_public_among_accounts_is_a_door_or_cheap():
    public = {route.name for route in urlpatterns if not getattr(route.callback, "login_required", True)}

    # The prefix is that of the active language, and a test before this one may have left another.
    with translation.override("ar"):
        assert {resolve(path.replace("/en/", "/ar/")).view_name for path in DOORS} == public - CHEAP


def test_nobody_is_sent_to_a_service_that_is_being_replaced(proxied):
    stack, proxy = proxied
    os.killpg(stack.processes["web.2"].pid, signal.SIGSTOP)
    try:
        with proxy.without("web-2"):
            began = time.monotonic()
            assert {proxy.ask("/ar/accounts/login/")[0] for _ in range(10)} == {200}
            # Asked in vain it would hold them for 35 s.
            assert time.monotonic() - began < 30
    finally:
        os.killpg(stack.processes["web.2"].pid, signal.SIGCONT)


def test_no_request_fails_while_both_services_are_replaced():
    """What make rolling measures, once."""
    seen = measure(rounds=1)
    print(seen.tell())

    assert seen.failures == []
    assert len(seen.seconds) > 100
    assert seen.posts > 25


@pytest.mark.parametrize("away", ["web", "web.2"])
def test_each_service_stands_in_for_the_other(proxied, away):
    stack, proxy = proxied
    stack.stop_process(away)
    try:
        paths = ["/ar/accounts/login/", "/ar/", "/healthz"] * 4
        assert [proxy.ask(path)[0] for path in paths] == [200] * len(paths)
    finally:
        stack.start_process(away)
        stack.wait_until_healthy(away)
        time.sleep(UNTIL_ASKED_AGAIN)


def test_doors_that_overflow_hold_a_third_of_the_other_service(proxied):
    stack, proxy = proxied
    stack.stop_process("web.2")
    # The first that comes after a failure is asked alone: nginx waits whether it succeeds.
    assert proxy.ask("/ar/accounts/login/")[0] == 200
    os.killpg(group := stack.processes["web"].pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(12) as pool:
            knocks = [pool.submit(proxy.ask, "/ar/accounts/login/") for _ in range(12)]
            refused = [knock.result()[0] for knock in islice(as_completed(knocks, 30), 4)]
            os.killpg(group, signal.SIGCONT)
        assert refused == [503] * 4
        assert Counter(knock.result()[0] for knock in knocks) == {503: 4, 200: 8}
    finally:
        os.killpg(group, signal.SIGCONT)
        stack.start_process("web.2")
        stack.wait_until_healthy("web.2")
        time.sleep(UNTIL_ASKED_AGAIN)


def test_both_services_away_is_told_in_words(proxied):
    """Last of all: it ends both."""
    stack, proxy = proxied
    stack.stop_process("web.2")
    stack.stop_process("web")
    secret_path = "/ar/accounts/password/reset/key/1-very-secret/"
    try:
        status, headers, text = proxy.ask(secret_path)
        assert status == 503
        assert headers["Retry-After"] == "30"
        assert "الخدمة مشغولة أو متوقفة مؤقتًا" in text
        assert "busy or away" in text
        assert "very-secret" not in proxy.log()
        assert "very-secret" not in text
    finally:
        for name in ("web", "web.2"):
            stack.start_process(name)
            stack.wait_until_healthy(name)
        time.sleep(UNTIL_ASKED_AGAIN)


# --- The pages --------------------------------------------------------------------------------


class Outline(HTMLParser):
    """What a page is made of: (tag, attributes) and its texts."""

    def __init__(self, page: Path):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts += [data.strip()] if data.strip() else []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_of_the_proxy_speaks_both_languages_and_asks_nobody(page):
    outline = Outline(page)
    languages = [(given["lang"], given["dir"]) for _tag, given in outline.tags if "lang" in given]

    assert languages == [("ar", "rtl"), ("en", "ltr")]
    assert not {tag for tag, _given in outline.tags} & {"script", "style", "link", "img", "form", "iframe"}
    assert not any("style" in given for _tag, given in outline.tags)


def test_page_413_says_what_the_portal_says():
    english = ["We cannot read this request", "It is larger than the portal accepts.",
               "Go back and choose files of at most 5 MB each."]  # fmt: skip
    texts = Outline(ROOT / "deploy" / "pages" / "413.html").texts

    with translation.override("ar"):
        assert texts[1:] == [*(translation.gettext(sentence) for sentence in english), *english]
