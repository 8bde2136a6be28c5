"""Every row of the table of limits, its keys, its store when it is away, and what a refusal says."""

import socket
import time
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache, caches
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import limits
from accounts.models import PendingRegistration, Throttle
from accounts.registration import CODE_MAIL
from mumaris import clock
from mumaris.cache import ForgivingRedisCache
from tests.journey import PASSWORD, ask_reset, deliver, mails_to, register, sign_in, type_code, url, waiting

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mid_window():
    """No window of an address limit ends while a test counts."""
    now = timezone.now().replace(minute=10, second=10)
    with time_machine.travel(now, tick=True):
        yield


@pytest.fixture
def cache_away(monkeypatch):
    """Point the cache at a port where nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    lost = ForgivingRedisCache(f"redis://127.0.0.1:{port}/0", {"OPTIONS": {"socket_connect_timeout": 0.5}})
    lost.fallback.clear()
    monkeypatch.setattr(ForgivingRedisCache.breaker, "away_until", 0.0)
    monkeypatch.setattr(caches._connections, "default", lost, raising=False)
    yield lost
    lost.fallback.clear()


def test_whole_journey_works_without_the_cache(client, member, smtp, cache_away):
    register(client)
    deliver()
    from tests.journey import code_in

    type_code(client, code_in(mails_to(smtp, "nora@example.com")[0]))
    client.post(url("account_logout"))
    assert sign_in(client, "nora@example.com", PASSWORD).status_code == 302
    assert ask_reset(Client(), member.email).status_code == 302
    assert cache_away.is_away


def test_limits_hold_without_the_cache_and_are_stricter(cache_away):
    request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.9")
    # The first call notices that the server is away.
    allowed = [limits.count_ip("forgot", request) for _ in range(20)]
    assert allowed.count(True) in {10, 11}


def test_stalled_cache_costs_a_page_at_most_a_second(monkeypatch):
    monkeypatch.setattr(ForgivingRedisCache.breaker, "away_until", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as stalled:
        options = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}
        slow = ForgivingRedisCache(f"redis://127.0.0.1:{stalled.getsockname()[1]}/0", {"OPTIONS": options})
        start = time.monotonic()
        for number in range(20):
            slow.add(f"key-{number}", 1, 60)
            slow.incr(f"key-{number}")
        assert time.monotonic() - start < 1


def test_cache_holds_json_and_counts(settings):
    cache.set("x", {"a": [1, "ب"]}, 5)
    assert cache.get("x") == {"a": [1, "ب"]}
    assert cache.add("n", 1, 5)
    assert cache.incr("n") == 2


def test_ipv6_visitors_count_by_their_network():
    first = RequestFactory().get("/", REMOTE_ADDR="2001:db8:1:2::1")
    second = RequestFactory().get("/", REMOTE_ADDR="2001:db8:1:2:ffff::9")
    other = RequestFactory().get("/", REMOTE_ADDR="2001:db8:1:3::1")
    assert limits.client_network(first) == limits.client_network(second) != limits.client_network(other)
    for _ in range(20):
        limits.count_ip("forgot", first)
    assert not limits.count_ip("forgot", second)
    assert limits.count_ip("forgot", other)


def test_refusal_by_network_address_is_a_page_with_its_time(client):
    for number in range(20):
        ask_reset(client, f"person{number}@example.com")
    page = ask_reset(client, "person21@example.com")
    assert page.status_code == 429
    assert 0 < int(page.headers["Retry-After"]) <= 3600
    assert 'lang="ar"' in page.content.decode()


@pytest.mark.parametrize(("proxies", "address"), [(0, "10.0.0.1"), (1, "203.0.113.9"), (2, "198.51.100.7")])
def test_client_address_comes_from_the_configured_number_of_proxies_only(settings, proxies, address):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    request = RequestFactory().get(
        "/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1, 198.51.100.7, 203.0.113.9"
    )
    assert limits.client_ip(request) == address


# --- The table -----------------------------------------------------------------------------------

MINUTE, HOUR, DAY = limits.MINUTE, limits.HOUR, limits.DAY


@pytest.mark.parametrize(
    ("limit", "waits"),
    [
        # The waits after the first, second … use, asked for as soon as each is allowed.
        (limits.SIGN_IN_HERE, [0, 0, 0, 0, 1, 2, 4, 8, 15, 15]),
        (limits.SIGN_IN_ANYWHERE, [0] * 49 + [60, 60]),
        (limits.SIGN_IN_STREAK, [0] * 99 + [3650 * 24 * 60]),
        (limits.MAILBOX, [1, 1, 1, 1, 60, 60, 60]),
        (limits.CODE_TRIES_OF_MAILBOX, [0] * 49 + [24 * 60]),
        (limits.CLAIMS, [0] * 4 + [60]),
        (limits.EMAIL_CHANGES, [0, 0, 24 * 60]),
        (limits.UPDATE_REQUESTS, [0] * 4 + [24 * 60]),
        (limits.EXPORTS, [0] * 9 + [60]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_waits_are_those_of_the_table(limit, waits):
    now, found = timezone.now(), []
    for _ in waits:
        with time_machine.travel(now, tick=False):
            limits.count(limit, "somebody")
            _count, wait = limits.used(limit, "somebody")
            if wait:
                with pytest.raises(limits.LimitReached) as reached:
                    limits.count(limit, "somebody")
                assert reached.value.until == now + wait
                assert limits.allows(limit, "somebody else")
        found.append(wait.total_seconds() / 60)
        now += wait + timedelta(microseconds=1)
    assert found == waits


@pytest.mark.parametrize(
    ("limit", "uses", "forgotten_after"),
    [
        (limits.SIGN_IN_HERE, 4, timedelta(minutes=15)),
        (limits.SIGN_IN_HERE, 5, DAY),
        (limits.SIGN_IN_ANYWHERE, 50, DAY),
        (limits.SIGN_IN_STREAK, 99, 30 * DAY),
        (limits.MAILBOX, 1, HOUR),
    ],
)
def test_counts_are_forgotten_in_their_time_and_not_before(limit, uses, forgotten_after):
    start = timezone.now()
    for number in range(uses):
        with time_machine.travel(start + number * timedelta(milliseconds=1), tick=False):
            limits.count(limit, "somebody")
    for early, counted in ((MINUTE, uses), (-MINUTE, 0)):
        with time_machine.travel(start + forgotten_after - early, tick=False):
            assert limits.used(limit, "somebody")[0] == counted


@pytest.mark.parametrize(
    ("action", "allowed", "seconds"),
    [
        ("sign-in", 30, 60),
        ("any", 300, 60),
        ("sign-up", 100, 3600),
        ("forgot", 20, 3600),
        ("code", 100, 24 * 3600),
        ("claim", 20, 3600),
    ],
)
def test_network_addresses_have_the_limits_of_the_table(action, allowed, seconds):
    here = RequestFactory().get("/", REMOTE_ADDR="203.0.113.9")
    now = timezone.now().replace(hour=10)
    with time_machine.travel(now, tick=False):
        cache.clear()
        assert [limits.count_ip(action, here) for _ in range(allowed + 2)] == [True] * allowed + [False] * 2
        assert limits.count_ip(action, RequestFactory().get("/", REMOTE_ADDR="203.0.113.10"))
        end = limits.ip_window_end(action)
        assert end - now <= timedelta(seconds=seconds)
    with time_machine.travel(end, tick=False):
        assert limits.count_ip(action, here)


def test_counters_are_single_rows_however_often_they_count():
    for _ in range(40):
        limits.allows(limits.SIGN_IN_ANYWHERE, "somebody")
    assert Throttle.objects.get().count == 40
    assert "somebody" not in str(list(Throttle.objects.values()))


# --- Network addresses at the pages ---------------------------------------------------------------


def test_a_hospital_behind_one_address_signs_in_all_morning(member):
    """A success gives its try back."""
    for number in range(35):
        # Another browser each time, and none of them known.
        assert sign_in(Client(REMOTE_ADDR="203.0.113.9"), member.email).status_code == 302, number


def test_all_posts_of_an_address_are_three_hundred_a_minute(client, monkeypatch):
    page = client.get(url("account_login"))
    monkeypatch.setitem(limits.IP_LIMITS, "any", (3, 60))
    answers = [client.post(url("account_login"), {"login": "a@b.example"}).status_code for _ in range(4)]
    assert (page.status_code, answers) == (200, [200, 200, 200, 429])


def test_sign_ups_of_an_address_are_counted(client, monkeypatch):
    monkeypatch.setitem(limits.IP_LIMITS, "sign-up", (2, 3600))
    answers = [register(Client(), f"person{number}@example.com") for number in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert not PendingRegistration.objects.filter(address="person2@example.com").exists()


# --- Mailboxes -----------------------------------------------------------------------------------


def test_flows_of_a_mailbox_count_apart(client, member, smtp):
    assert limits.allows(limits.MAILBOX, "reset", "visitor", member.email)
    register(client, email=member.email)
    assert waiting(CODE_MAIL) == 1


def test_labels_of_a_mailbox_share_its_limit(smtp):
    for address in ("nora@example.com", "nora+a@example.com", "nora+b+c@example.com"):
        ask_reset(Client(), address)
        deliver()
    assert [message.rcpt_tos for message in smtp.messages] == [["nora@example.com"]]


def test_stranger_cannot_use_up_the_mails_of_a_known_device(member, smtp):
    owner = Client(REMOTE_ADDR="198.51.100.7")
    sign_in(owner, member.email)
    owner.post(url("account_logout"))
    start = timezone.now()
    for minute in range(8):
        with time_machine.travel(start + timedelta(minutes=2 * minute), tick=True):
            ask_reset(Client(REMOTE_ADDR="203.0.113.9"), member.email)
            deliver()
    assert len(mails_to(smtp, member.email)) == 5
    with time_machine.travel(start + timedelta(minutes=17), tick=True):
        strangers = ask_reset(Client(REMOTE_ADDR="203.0.113.9"), member.email)
        deliver()
        assert len(mails_to(smtp, member.email)) == 5
        owners = ask_reset(owner, member.email)
        deliver()
        assert len(mails_to(smtp, member.email)) == 6
        ask_reset(owner, member.email)
        deliver()
        assert len(mails_to(smtp, member.email)) == 6, "one a minute for a known device too"
    assert (strangers.status_code, strangers.url) == (owners.status_code, owners.url)


def test_device_known_to_somebody_else_has_no_mails_of_its_own(member, other_member, smtp):
    attacker = Client(REMOTE_ADDR="203.0.113.9")
    sign_in(attacker, other_member.email)
    attacker.post(url("account_logout"))
    ask_reset(Client(), member.email)
    deliver()
    ask_reset(attacker, member.email)
    deliver()
    assert len(mails_to(smtp, member.email)) == 1


# --- One key for one source, however it is written --------------------------------------------------

VARIANTS = {
    "soft hyphen": "no\u00adra@bücher.example",
    "zero-width space": "nora\u200b@bücher.example",
    "joiner": "nora@bü\u200dcher.example",
    "full-width": "ｎｏｒａ＠ｂücher．example",
    "IDNA": "nora@xn--bcher-kva.example",
    "case": "NORA@BÜCHER.Example",
    "marks and spaces": " \u200fnora@bücher.example\u200e ",
    "decomposed": "nora@bu\u0308cher.example",
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_spellings_of_an_address_are_one_registration_and_one_limit(variant, smtp):
    register(Client(), email="nora@bücher.example")
    deliver()
    register(Client(), email=variant)
    deliver()
    assert set(PendingRegistration.objects.values_list("address", flat=True)) == {"nora@xn--bcher-kva.example"}
    assert len(smtp.messages) == 1


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_spellings_of_a_name_share_its_tries(variant):
    for _ in range(5):
        sign_in(Client(), "nora@bücher.example", "Wrong-Password1")
    assert sign_in(Client(), variant, "Wrong-Password1").status_code == 429


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_forged_forwarded_addresses_are_one_source(settings, proxies):
    """What stands left of our own proxies' entries is the visitor's invention."""
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    genuine = ["203.0.113.9", "10.0.0.2"][:proxies]
    for number in range(5):
        forged = [f"192.0.2.{number}", f"198.51.100.{number}"]
        browser = Client(REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": ", ".join(forged + genuine)})
        assert sign_in(browser, "nora@example.com", "Wrong-Password1").status_code == 200
    browser = Client(REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": ", ".join(["192.0.2.99", *genuine])})
    assert sign_in(browser, "nora@example.com", "Wrong-Password1").status_code == 429
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": ", ".join(["x", *genuine])})
    assert limits.client_network(request) == ("203.0.113.0/24" if proxies else "10.0.0.0/24")


@pytest.mark.parametrize("rotating", ["2001:db8:1:2:{:x}::{:x}", "203.0.113.{}", "::ffff:203.0.113.{}"])
def test_rotation_within_a_network_is_one_source(rotating):
    for number in range(1, 6):
        sign_in(Client(REMOTE_ADDR=rotating.format(number, number)), "nora@example.com", "Wrong-Password1")
    refused = sign_in(Client(REMOTE_ADDR=rotating.format(77, 99)), "nora@example.com", "Wrong-Password1")
    assert refused.status_code == 429
    neighbour = Client(REMOTE_ADDR="2001:db8:1:3::1")
    assert sign_in(neighbour, "nora@example.com", "Wrong-Password1").status_code == 200


def test_wait_is_as_long_on_a_machine_whose_clock_is_wrong(monkeypatch):
    """One web process counts by a clock five minutes ahead, another one that is right refuses."""
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=True):
        monkeypatch.setattr(clock, "_ahead", timedelta(minutes=-5))
        for _ in range(5):
            limits.count(limits.SIGN_IN_HERE, "nora@example.com", "192.0.2.0/24")
    monkeypatch.undo()
    count, wait = limits.used(limits.SIGN_IN_HERE, "nora@example.com", "192.0.2.0/24")
    assert count == 5
    assert timedelta(seconds=50) < wait <= timedelta(minutes=1)
