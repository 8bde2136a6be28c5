"""The table of limits, count by count: when the next try is allowed, when it is forgotten, whose counter it is."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache, caches
from django.core.cache.backends.locmem import LocMemCache
from django.test import RequestFactory
from django.utils import timezone

from accounts import limits
from accounts.metrics import LIMITS_REACHED
from accounts.models import Throttle
from mumaris.keys import digest

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 24, 9, 10, 10, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Limit → the wait after each count, from the first on.
WAITS = {
    limits.SIGN_IN_HERE: [0, 0, 0, 0, MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 15 * MINUTE, 15 * MINUTE],
    limits.SIGN_IN_ANYWHERE: [0] * 49 + [HOUR, HOUR],
    limits.MAILBOX: [MINUTE] * 4 + [HOUR, HOUR, HOUR],
    limits.VISITOR_SENDS: [MINUTE] * 4 + [HOUR, HOUR],
    limits.ADDRESS_CHANGES: [0, 0, DAY],
    limits.EMAIL_CHANGES: [0, 0, DAY],
    limits.ERASURES: [0, 0, DAY],
    limits.SECOND_STEP: [0, 0, 0, 0, MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 15 * MINUTE, 15 * MINUTE],
    limits.NOTICES: [0] * 9 + [DAY],
    limits.SECOND_STEP_SLOW: [0] * 19 + [DAY],
    limits.LOCK_NOTICES: [0, 0, DAY],
    limits.OWN_COPIES: [0] * 9 + [DAY],
    limits.CODE_TRIES_OF_MAILBOX: [0] * 49 + [DAY],
    limits.CLAIMS: [0] * 4 + [HOUR],
    limits.UPLOADS: [0] * 19 + [DAY],
    limits.UPDATE_REQUESTS: [0] * 4 + [DAY],
    limits.EXPORTS: [0] * 9 + [HOUR],
}
WINDOWS = {
    limits.SIGN_IN_HERE: 15 * MINUTE, limits.SIGN_IN_ANYWHERE: DAY, limits.MAILBOX: HOUR, limits.VISITOR_SENDS: HOUR,
    limits.ADDRESS_CHANGES: DAY, limits.EMAIL_CHANGES: DAY, limits.CODE_TRIES_OF_MAILBOX: DAY, limits.CLAIMS: HOUR,
    limits.UPLOADS: DAY, limits.UPDATE_REQUESTS: DAY, limits.ERASURES: DAY, limits.SECOND_STEP: 15 * MINUTE,
    limits.EXPORTS: HOUR, limits.NOTICES: DAY, limits.SECOND_STEP_SLOW: DAY, limits.LOCK_NOTICES: DAY,
    limits.OWN_COPIES: DAY,
}  # fmt: skip
EVERY = pytest.mark.parametrize("limit", WAITS, ids=lambda limit: limit.kind)


@pytest.fixture(autouse=True)
def _statements_written_anew():
    """The statement of a limit is written once in a process: no test may count by what an earlier one made."""
    limits._counting_sql.cache_clear()


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def request_from(address: str, **more):
    return RequestFactory().get("/", REMOTE_ADDR=address, **more)


def test_table_holds_every_limit():
    every = {limit.kind for limit in vars(limits).values() if isinstance(limit, limits.Limit)}
    # The streak of wrong passwords ends with no wait: tests/test_devices.py tells its story.
    assert {limit.kind for limit in WAITS} == every - {"sign-in-streak"}
    assert set(WINDOWS) == set(WAITS)


@EVERY
def test_each_count_allows_the_next_when_the_table_says(clock, limit):
    at = NOON
    for number, wait in enumerate(WAITS[limit], 1):
        limits.count(limit, "who")
        wait = wait or timedelta(0)  # noqa: PLW2901
        # Four sends of a mailbox fall into one hour, so that the fifth waits for one.
        assert limits.used(limit, "who") == (number, wait)
        if wait:
            with pytest.raises(limits.LimitReached) as refused:
                limits.count(limit, "who")
            assert refused.value.until == at + wait
            assert refused.value.args == (at + wait,)
            clock.move_to(at + wait - timedelta(milliseconds=1))
            assert not limits.allows(limit, "who")
            assert limits.used(limit, "who") == (number, timedelta(milliseconds=1))
        at += wait
        clock.move_to(at)
        if at - NOON >= DAY:
            break


@EVERY
def test_few_counts_are_forgotten_after_the_window(clock, limit):
    limits.count(limit, "who")
    clock.move_to(NOON + WINDOWS[limit] - timedelta(milliseconds=1))
    limits.count(limit, "who")
    assert limits.used(limit, "who")[0] == 2
    assert Throttle.objects.get().first_at == NOON
    later = NOON + WINDOWS[limit]
    clock.move_to(later)
    assert limits.used(limit, "who") == (0, timedelta(0))
    clock.move_to(later + MINUTE)
    limits.count(limit, "who")
    assert limits.used(limit, "who")[0] == 1
    assert Throttle.objects.get().first_at == later + MINUTE


@pytest.mark.parametrize("limit", [limits.SIGN_IN_HERE, limits.MAILBOX, limits.CLAIMS], ids=lambda limit: limit.kind)
def test_many_counts_are_remembered_for_a_day(clock, limit):
    for number in range(5):
        clock.move_to(NOON + number * MINUTE)
        limits.count(limit, "who")
    clock.move_to(NOON + DAY - timedelta(milliseconds=1))
    assert limits.used(limit, "who")[0] == 5
    limits.count(limit, "who")
    assert limits.used(limit, "who")[0] == 6
    Throttle.objects.update(next_at=limits.FREE)
    clock.move_to(NOON + DAY)
    assert limits.used(limit, "who") == (0, timedelta(0))
    limits.count(limit, "who")
    assert limits.used(limit, "who")[0] == 1
    assert Throttle.objects.get().first_at == NOON + DAY


def test_counters_are_told_apart_by_limit_and_by_every_part_of_the_key(clock):
    for key in (("a", "b"), ("a", "c"), ("ab",), ("a",)):
        limits.count(limits.CLAIMS, *key)
    limits.count(limits.UPLOADS, "a", "b")
    assert [limits.used(limits.CLAIMS, *key)[0] for key in (("a", "b"), ("a", "c"), ("ab",), ("a",))] == [1] * 4
    assert limits.used(limits.CLAIMS, "nobody") == (0, timedelta(0))
    assert Throttle.objects.count() == 5
    row = Throttle.objects.get(kind="uploads")
    assert row.key == digest("uploads", "a", "b")
    assert row.key != "a"
    assert row.next_at == limits.FREE == datetime(2000, 1, 1, tzinfo=UTC)


def test_refusals_are_counted_by_their_limit(clock):
    counter = LIMITS_REACHED.labels("claims")._value
    before = counter.get()
    assert [limits.allows(limits.CLAIMS, "who") for _ in range(7)] == [True] * 5 + [False] * 2
    assert counter.get() == before + 2


def test_refusal_tells_the_wait_of_its_own_counter(clock):
    limits.count(limits.MAILBOX, "early")
    clock.move_to(NOON + timedelta(seconds=9))
    limits.count(limits.MAILBOX, "late")
    for key, until in (("early", NOON + MINUTE), ("late", NOON + MINUTE + timedelta(seconds=9))):
        with pytest.raises(limits.LimitReached) as refused:
            limits.count(limits.MAILBOX, key)
        assert refused.value.until == until


def test_wait_may_differ_from_the_first_count_to_the_second(clock):
    limit = limits.Limit(kind="steps", waits=((1, MINUTE), (2, HOUR)), quiet_below=3, window=DAY)
    limits.count(limit, "who")
    assert limits.used(limit, "who") == (1, MINUTE)
    clock.move_to(NOON + MINUTE)
    limits.count(limit, "who")
    assert limits.used(limit, "who") == (2, HOUR)


def test_success_forgets_exactly_what_it_names(clock):
    for key in ("mine", "other"):
        for _ in range(5):
            limits.count(limits.SIGN_IN_HERE, key)
        limits.count(limits.SIGN_IN_ANYWHERE, key)
    clock.move_to(NOON + timedelta(seconds=9))
    limits.forget((limits.SIGN_IN_HERE, "mine"), (limits.SIGN_IN_ANYWHERE, "mine"))
    assert limits.used(limits.SIGN_IN_HERE, "mine") == limits.used(limits.SIGN_IN_ANYWHERE, "mine") == (0, timedelta(0))
    assert limits.used(limits.SIGN_IN_HERE, "other")[0] == 5
    assert limits.used(limits.SIGN_IN_ANYWHERE, "other")[0] == 1
    row = Throttle.objects.get(kind="sign-in", key=digest("sign-in", "mine"))
    assert (row.count, row.first_at, row.next_at) == (0, NOON + timedelta(seconds=9), limits.FREE)
    limits.count(limits.SIGN_IN_HERE, "mine")
    assert limits.used(limits.SIGN_IN_HERE, "mine")[0] == 1
    # The first of one limit and the second of the other only: never a key of another kind.
    limits.forget((limits.SIGN_IN_HERE, "other"))
    assert limits.used(limits.SIGN_IN_ANYWHERE, "other")[0] == 1


# --- Network addresses ------------------------------------------------------------------------

TABLE = {"sign-in": (30, 60), "any": (300, 60), "sign-up": (100, 3600), "forgot": (20, 3600), "code": (100, 86400),
         "captcha_tick": (30, 3600), "claim": (20, 3600), "failed": (10**6, 3600)}  # fmt: skip


@pytest.mark.parametrize("action", sorted(set(TABLE) - {"failed"}))
def test_address_is_allowed_as_often_as_the_table_says(clock, action):
    allowed, seconds = TABLE[action]
    here, there = request_from("203.0.113.9"), request_from("203.0.113.10")
    answers = [limits.count_ip(action, here) for _ in range(allowed + 2)]
    assert answers == [True] * allowed + [False] * 2
    assert limits.count_ip(action, there)
    assert limits.IP_LIMITS == TABLE
    until = limits.ip_window_end(action)
    assert until.tzinfo is UTC
    assert timedelta(0) < until - timezone.now() <= timedelta(seconds=seconds)
    assert until.timestamp() % seconds == 0
    clock.move_to(until - timedelta(milliseconds=1))
    assert not limits.count_ip(action, here)
    clock.move_to(until)
    assert limits.count_ip(action, here)


def test_actions_of_one_address_count_apart(clock):
    here = request_from("203.0.113.9")
    for _ in range(21):
        limits.count_ip("forgot", here)
    assert not limits.count_ip("forgot", here)
    assert limits.count_ip("claim", here)


def test_success_gives_one_try_of_its_action_back(clock):
    here, there = request_from("203.0.113.9"), request_from("203.0.113.10")
    for _ in range(20):
        assert limits.count_ip("forgot", here)
    limits.give_back_ip("forgot", here)
    assert limits.count_ip("forgot", here)
    assert not limits.count_ip("forgot", here)
    # Nothing was counted there: nothing is given, and nothing breaks.
    limits.give_back_ip("forgot", there)
    limits.give_back_ip("claim", here)
    assert [limits.count_ip("claim", here) for _ in range(21)] == [True] * 20 + [False]


@pytest.mark.parametrize("is_counted_elsewhere", [False, True])
def test_count_whose_key_vanished_between_two_calls_is_the_first(clock, monkeypatch, is_counted_elsewhere):
    here = request_from("203.0.113.9")
    store = type(caches["default"])
    real = store.incr

    def vanish(self, key, *arguments, **named):
        self.delete(key)
        try:
            return real(self, key, *arguments, **named)
        finally:
            if is_counted_elsewhere:
                self.set(key, 1, 3600)

    limits.count_ip("forgot", here)
    with monkeypatch.context() as patch:
        patch.setattr(store, "incr", vanish)
        assert limits.count_ip("forgot", here) is True
    assert 3590 <= seconds_left("forgot", here) <= 3600
    assert [limits.count_ip("forgot", here) for _ in range(20)] == [True] * 19 + [False]


def seconds_left(action: str, request) -> int:
    return cache._cache.get_client().ttl(cache.make_key(limits._ip_key(action, request)))


def test_cache_of_a_single_machine_counts_like_any_other(clock, monkeypatch):
    plain = LocMemCache("plain", {})
    plain.clear()
    monkeypatch.setattr(caches._connections, "default", plain, raising=False)
    here = request_from("203.0.113.9")
    assert [limits.count_ip("forgot", here) for _ in range(22)] == [True] * 20 + [False] * 2


def test_refusals_of_an_address_are_counted_by_their_action(clock):
    counter = LIMITS_REACHED.labels("address-forgot")._value
    before = counter.get()
    for _ in range(22):
        limits.count_ip("forgot", request_from("203.0.113.9"))
    assert counter.get() == before + 2


def test_counts_in_the_cache_end_with_their_window():
    here = request_from("203.0.113.9")
    limits.count_ip("forgot", here)
    assert 3590 <= seconds_left("forgot", here) <= 3600


def test_failure_is_remembered_at_its_address(clock):
    here, there = request_from("203.0.113.9"), request_from("203.0.113.10")
    assert limits.recently_failed(here) is False
    limits.count_ip("sign-in", here)
    assert not limits.recently_failed(here)
    limits.count_ip("failed", here)
    assert limits.recently_failed(here) is True
    assert not limits.recently_failed(there)
    clock.move_to(NOON + HOUR)
    assert not limits.recently_failed(here)


def test_single_addresses_and_subscribers_networks(clock):
    assert limits.client_network(request_from("203.0.113.9")) == "203.0.113.0/24"
    assert limits.client_network(request_from("::ffff:203.0.113.9")) == "203.0.113.0/24"
    assert limits.client_network(request_from("2001:db8:1:2:3::9")) == "2001:db8:1:2::/64"
    assert str(limits.client_address(request_from("::ffff:203.0.113.9"))) == "203.0.113.9"
    window = int(NOON.timestamp()) // 60
    assert limits._ip_key("any", request_from("203.0.113.9")) == f"ip:any:{window}:{digest('ip', '203.0.113.9')}"
    # Rotation within a /64 is one source, a neighbour in a /24 is another.
    keys = {limits._ip_key("any", request_from(a)) for a in ("2001:db8::1", "2001:db8::2", "2001:db8::ffff:3")}
    assert len(keys) == 1
    assert len({limits._ip_key("any", request_from(a)) for a in ("203.0.113.9", "203.0.113.10")}) == 2
    assert "203.0.113.9" not in limits._ip_key("any", request_from("203.0.113.9"))
    assert limits._ip_key("any", request_from("::ffff:203.0.113.9")) == limits._ip_key(
        "any", request_from("203.0.113.9")
    )
