"""Limits when their store is away, and what a refusal says."""

import socket
import time

import pytest
import time_machine
from django.core.cache import cache, caches
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import limits
from mumaris.cache import ForgivingRedisCache
from tests.journey import PASSWORD, ask_reset, deliver, mails_to, register, sign_in, type_code, url

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
    monkeypatch.setattr(ForgivingRedisCache, "away_until", 0.0)
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
    monkeypatch.setattr(ForgivingRedisCache, "away_until", 0.0)
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
