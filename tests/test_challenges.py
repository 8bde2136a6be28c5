"""Codes and links, function by function: derived, repeated, counted, compared, consumed, ended."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts import challenges, limits
from accounts.metrics import CODES
from accounts.models import Challenge, ChallengeTries, new_nonce
from mumaris.keys import current_code_key_id, mac

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 24, 9, 10, 10, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
Purpose = Challenge.Purpose
INSTANT = timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def make(purpose=Purpose.REGISTRATION, address="nora@example.com", **fields) -> Challenge:
    defaults = {"key_id": current_code_key_id(), "started_at": NOON}
    return Challenge.objects.create(purpose=purpose, address=address, **(defaults | fields))


def test_nonces_have_128_random_bits_and_links_256():
    nonces = {new_nonce() for _ in range(1000)}
    assert len(nonces) == 1000
    assert {len(bytes.fromhex(nonce)) for nonce in nonces} == {16}
    ones = sum(int(nonce, 16).bit_count() for nonce in nonces)
    assert 0.49 < ones / 128_000 < 0.51
    assert len(bytes.fromhex(challenges.derive_link_key(make(), 1))) == 32


def test_codes_of_nonces_purposes_and_addresses_differ():
    first = make(nonce="a" * 32)
    same = Challenge(purpose=first.purpose, address=first.address, nonce=first.nonce, key_id=first.key_id)
    assert challenges.derive_code(first) == challenges.derive_code(same)
    others = [
        make(nonce="b" * 32, address="sara@example.com"),
        make(nonce="a" * 32, address="mona@example.com"),
        make(nonce="a" * 32, purpose=Purpose.EMAIL_CHANGE),
    ]
    assert challenges.derive_code(first) not in [challenges.derive_code(other) for other in others]
    codes = [challenges.derive_code(Challenge(purpose="x", address="y", nonce=new_nonce(), key_id=first.key_id))
             for _ in range(2000)]  # fmt: skip
    assert {len(code) for code in codes} == {6}
    assert all(code.isdigit() for code in codes)
    assert len(set(codes)) > 1950
    assert any(code.startswith("0") for code in codes), "leading zeros stay"
    assert max(map(int, codes)) > 900_000


@pytest.mark.parametrize(
    ("purpose", "lifetime"),
    [(Purpose.REGISTRATION, 10 * MINUTE), (Purpose.EMAIL_CHANGE, 10 * MINUTE), (Purpose.RESET, HOUR)],
)
def test_lifetime_runs_from_the_mail_servers_acceptance(clock, purpose, lifetime):
    challenge = make(purpose)
    assert challenges.ends_at(challenge) == NOON + 24 * HOUR
    clock.move_to(NOON + HOUR)
    challenges.record_acceptance(challenge.pk, 1)
    challenge.refresh_from_db()
    assert challenges.ends_at(challenge) == NOON + HOUR + lifetime
    clock.move_to(NOON + HOUR + lifetime - INSTANT)
    assert challenges.is_live(challenge)
    assert challenges.matches(challenge, challenges.derive_code(challenge))
    clock.move_to(NOON + HOUR + lifetime)
    assert not challenges.is_live(challenge)
    assert not challenges.is_open(challenge)
    assert not challenges.matches(challenge, challenges.derive_code(challenge))


@pytest.mark.parametrize("end", [{"used_at": NOON}, {"failure": "refused"}, {"failure": "ended"}, {"key_id": "gone"}])
def test_ended_code_is_not_live(end):
    assert challenges.is_live(make())
    assert not challenges.is_live(make(address="other@example.com", **end))


def test_acceptance_and_failure_are_of_their_generation_and_the_first_counts(clock):
    challenge = make(generation=2)
    challenges.record_acceptance(challenge.pk, 1)
    challenges.record_failure(challenge.pk, 1, "refused")
    challenge.refresh_from_db()
    assert (challenge.accepted_at, challenge.failure) == (None, "")
    challenges.record_acceptance(challenge.pk, 2)
    clock.move_to(NOON + MINUTE)
    challenges.record_acceptance(challenge.pk, 2)
    challenges.record_failure(challenge.pk, 2, "given up")
    challenge.refresh_from_db()
    assert (challenge.accepted_at, challenge.failure) == (NOON, "")
    failed = make(address="other@example.com")
    challenges.record_failure(failed.pk, 1, "given up")
    failed.refresh_from_db()
    assert failed.failure == "given up"


@pytest.mark.parametrize(
    ("age", "renew", "generation"),
    [(5 * MINUTE, False, 1), (5 * MINUTE + INSTANT, False, 2), (MINUTE, True, 2), (11 * MINUTE, False, 2)],
)
def test_code_is_repeated_while_five_minutes_are_left(clock, age, renew, generation):
    challenge = make(accepted_at=NOON)
    nonce = challenge.nonce
    clock.move_to(NOON + age)
    challenges.freshen(challenge, renew=renew)
    challenge.refresh_from_db()
    assert challenge.generation == generation
    assert (challenge.nonce == nonce) == (generation == 1)
    if generation == 2:
        assert (challenge.started_at, challenge.accepted_at, challenge.failure) == (NOON + age, None, "")


def test_former_code_stays_good_to_its_end_and_no_longer(clock):
    challenge = make(accepted_at=NOON)
    former, link = challenges.derive_code(challenge), challenges.derive_link_key(challenge, 7)
    clock.move_to(NOON + 6 * MINUTE)
    challenges.freshen(challenge)
    assert challenge.former_until == NOON + 10 * MINUTE
    present = challenges.derive_code(challenge)
    assert challenges.matches(challenge, former)
    assert challenges.matches(challenge, present)
    assert challenges.generation_of_link(challenge, link, 7) == 1
    assert challenges.generation_of_link(challenge, challenges.derive_link_key(challenge, 7), 7) == 2
    assert challenges.generation_of_link(challenge, link, 8) is None
    assert challenges.generation_of_link(challenge, "0" * 64, 7) is None
    assert [challenges.is_generation_live(challenge, number) for number in (0, 1, 2, 3)] == [False, True, True, False]
    # A newer code whose mail was refused does not take the former away; asking anew pushes nobody's out.
    challenge.failure = "refused"
    assert challenges.is_open(challenge)
    assert challenges.matches(challenge, former)
    assert not challenges.matches(challenge, present)
    challenge.failure = ""
    challenges.freshen(challenge, renew=True)
    assert challenge.generation == 2
    clock.move_to(NOON + 10 * MINUTE - INSTANT)
    assert challenges.is_former_live(challenge)
    clock.move_to(NOON + 10 * MINUTE)
    assert not challenges.is_former_live(challenge)
    assert not challenges.matches(challenge, former)
    assert challenges.generation_of_link(challenge, link, 7) is None
    assert challenges.matches(challenge, present)


def test_code_that_never_left_becomes_no_former(clock):
    challenge = make()
    clock.move_to(NOON + 24 * HOUR - INSTANT)
    challenges.freshen(challenge)
    assert challenge.generation == 2
    assert (challenge.former_nonce, challenge.former_key_id, challenge.former_until) == ("", "", None)


@pytest.mark.parametrize(("former_until", "is_kept"), [(NOON + HOUR, True), (NOON + MINUTE, False)])
def test_former_code_is_kept_to_its_end_when_the_present_one_never_left(clock, former_until, is_kept):
    former = {"former_nonce": "a" * 32, "former_key_id": current_code_key_id(), "former_until": former_until}
    challenge = make(failure="refused", **former)
    clock.move_to(NOON + MINUTE)
    challenges.freshen(challenge)
    assert challenge.generation == 2
    left = {name: getattr(challenge, name) for name in former}
    assert left == (former if is_kept else {"former_nonce": "", "former_key_id": "", "former_until": None})


def test_codes_are_counted_when_typed_and_when_used():
    challenge = make()
    typed, used = (CODES.labels("registration", step)._value for step in ("typed", "used"))
    before = typed.get(), used.get()
    challenges.count_try(challenge, "me")
    challenges.consume(challenge)
    challenges.consume(challenge)
    assert (typed.get(), used.get()) == (before[0] + 1, before[1] + 1)


@pytest.mark.parametrize(
    "end", [{"used_at": NOON}, {"failure": "ended"}, {"former_key_id": "gone"}, {"former_until": None}]
)
def test_ended_former_code_is_not_live(end):
    former = {"former_nonce": "a" * 32, "former_key_id": current_code_key_id(), "former_until": NOON + MINUTE}
    assert challenges.is_former_live(make(**former))
    assert not challenges.is_former_live(make(address="other@example.com", **(former | end)))


def test_tries_are_counted_before_and_per_visitor_and_generation():
    challenge = make()
    assert challenges.tries_left(challenge, "me") == 5
    assert [challenges.count_try(challenge, "me") for _ in range(5)] == [4, 3, 2, 1, 0]
    with pytest.raises(challenges.NoTriesLeft):
        challenges.count_try(challenge, "me")
    assert challenges.tries_left(challenge, "me") == 0
    assert challenges.count_try(challenge, "other") == 4
    assert ChallengeTries.objects.count() == 2
    challenge.generation = 2
    assert challenges.tries_left(challenge, "me") == 5
    assert challenges.count_try(challenge, "me") == 4
    assert limits.used(limits.CODE_TRIES_OF_MAILBOX, challenge.purpose, challenge.address)[0] == 7


def test_mailbox_much_guessed_at_is_closed_to_new_visitors_alone(clock):
    challenge = make(address="nora+label@example.com")
    challenges.count_try(challenge, "early")
    for _ in range(49):
        limits.count(limits.CODE_TRIES_OF_MAILBOX, challenge.purpose, "nora@example.com")
    assert challenges.count_try(challenge, "early") == 3
    with pytest.raises(challenges.MailboxClosed) as closed:
        challenges.count_try(challenge, "late")
    assert closed.value.until == NOON + 24 * HOUR
    assert closed.value.args == (NOON + 24 * HOUR,)
    assert challenges.tries_left(challenge, "late") == 5


def test_nothing_is_counted_for_a_code_that_is_over():
    challenge = make(used_at=NOON)
    with pytest.raises(challenges.NoLiveCode):
        challenges.count_try(challenge, "me")
    assert not ChallengeTries.objects.exists()
    assert limits.used(limits.CODE_TRIES_OF_MAILBOX, challenge.purpose, challenge.address)[0] == 0


def test_challenge_is_consumed_once_and_never_after_its_end():
    challenge, other = make(), make(address="other@example.com")
    assert challenges.consume(challenge) is True
    assert challenges.consume(challenge) is False
    challenge.refresh_from_db()
    assert challenge.used_at == NOON
    other.refresh_from_db()
    assert other.used_at is None
    challenges.end_challenges(other.purpose, other.address)
    assert challenges.consume(other) is False
    refused = make(address="refused@example.com", failure="refused")
    assert challenges.consume(refused) is True, "the former code was typed"


def test_end_takes_one_mailbox_and_one_purpose():
    ended, purpose, address = make(), make(Purpose.RESET), make(address="other@example.com")
    challenges.end_challenges(Purpose.REGISTRATION, "nora@example.com")
    states = {row.pk: row.failure for row in Challenge.objects.all()}
    assert states == {ended.pk: "ended", purpose.pk: "", address.pk: ""}


@pytest.mark.django_db(transaction=True)
def test_row_of_a_mailbox_is_made_once_for_each_owner():
    from django.db import transaction

    with transaction.atomic():
        first = challenges.lock_challenge(Purpose.EMAIL_CHANGE, "nora@example.com", owner=1)
        again = challenges.lock_challenge(Purpose.EMAIL_CHANGE, "nora@example.com", owner=1)
        other = challenges.lock_challenge(Purpose.EMAIL_CHANGE, "nora@example.com", owner=2)
        nobody = challenges.lock_challenge(Purpose.EMAIL_CHANGE, "nora@example.com")
    assert first == again
    assert len({first.pk, other.pk, nobody.pk}) == 3
    assert nobody.owner == 0
    assert (first.started_at, first.key_id, first.generation) == (NOON, current_code_key_id(), 1)
    assert challenges.derive_code(first) != challenges.derive_code(other)


def test_refusals_carry_what_the_page_says():
    assert challenges.WrongCode(3).tries_left == 3
    assert challenges.WrongCode(3).args == (3,)
    assert (challenges.TRIES, challenges.UNSENT_LIFETIME, challenges.RESEND_LEFT) == (5, 24 * HOUR, 5 * MINUTE)


def test_links_of_keys_purposes_addresses_nonces_and_what_they_are_bound_to_differ():
    first = make(purpose=Purpose.RESET, nonce="a" * 32)
    others = [
        make(purpose=Purpose.RESET, nonce="a" * 32, address="mona@example.com"),
        make(purpose=Purpose.EMAIL_CHANGE, nonce="a" * 32),
        make(purpose=Purpose.RESET, nonce="b" * 32, address="sara@example.com"),
    ]
    keys = {challenges.derive_link_key(row, *bound) for row in (first, *others) for bound in [(), (1,), (2,), (1, 2)]}
    assert len(keys) == 16
    assert challenges.derive_link_key(first, 1) == challenges.derive_link_key(first, 1)


def test_codes_and_links_that_are_out_survive_a_deploy():
    """What they are made of is fixed: another spelling would kill every code and link in a mailbox."""
    code = make(nonce="b" * 32)
    number = int.from_bytes(mac(code.key_id, "code", "registration", "nora@example.com", "b" * 32)[:8], "big")
    assert challenges.derive_code(code) == f"{number % 1_000_000:06d}"
    row = make(purpose=Purpose.RESET, nonce="a" * 32)
    sealed = mac(row.key_id, "link", "reset", "nora@example.com", "a" * 32, 7)
    assert challenges.derive_link_key(row, 7) == sealed.hex()


def test_tab_that_came_second_counts_on_the_first_ones_row():
    # The act of a tab whose row was made by another tab between its look and its insert.
    challenge = make()
    other_generation = challenge.tries.create(generation=2, visitor="me", count=1)
    other_visitor = challenge.tries.create(generation=1, visitor="other", count=1)
    challenge.tries.create(generation=1, visitor="me", count=1)
    for _ in range(4):
        challenges._open_tries(challenge, "me")
    assert challenges.tries_left(challenge, "me") == 0
    with pytest.raises(challenges.NoTriesLeft):
        challenges._open_tries(challenge, "me")
    assert challenges.tries_left(challenge, "me") == 0
    for row in (other_generation, other_visitor):
        row.refresh_from_db()
        assert row.count == 1


def test_what_becomes_of_one_mail_changes_no_other_code():
    sent, failed, other = make(), make(address="failed@example.com"), make(address="other@example.com")
    challenges.record_acceptance(sent.pk, 1)
    challenges.record_failure(failed.pk, 1, "refused")
    other.refresh_from_db()
    assert (other.accepted_at, other.failure) == (None, "")


def test_code_with_time_left_is_repeated_unless_a_new_one_is_asked_for():
    challenge = make(accepted_at=NOON)
    challenges.freshen(challenge)
    assert challenge.generation == 1
    challenges.freshen(challenge, renew=True)
    assert challenge.generation == 2
