"""Story: nobody learns from an answer whether an address, a number or a reference exists.

Every flow is walked twice, once with something known and once with something unknown; status, goal, headers,
the page (the typed value apart) and the number of mails must be the same at every step.
"""

import re

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import User
from mumaris.mail.models import Outbox
from profiles import services
from profiles.models import Claim
from tests.conftest import make_user
from tests.journey import (
    accept_declaration,
    answer_visual_code,
    ask_reset,
    deliver,
    register,
    registration_fields,
    sign_in,
    tick_robot,
    type_code,
    url,
)
from tests.registry import make_national_id, make_registry_member

pytestmark = pytest.mark.django_db
# As long as each other, so that bodies are.
KNOWN, UNKNOWN = "member@example.com", "nobody@example.com"
CODE_PAGE = "account_email_verification_sent"


def seen(answer, typed: str) -> tuple:
    """Return everything of an answer that its reader sees, with what differs by chance or by typing taken out."""
    page = answer.content.decode().replace(typed, "TYPED")
    page = re.sub(r'(value|src|href)="[^"]{60,}"', "TOKEN", page)
    # Random for everybody, and tells nothing but that.
    assert re.fullmatch("[0-9a-f]{32}", answer["X-Request-ID"])
    own = {"Content-Length", "Expires", "Location", "X-Request-ID"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    goal = answer.headers.get("Location", "").replace(typed, "TYPED")
    return answer.status_code, goal, headers, len(page), page, sorted(answer.cookies)


def assert_same(known: list, unknown: list):
    assert len(known) == len(unknown) > 0
    for number, (first, second) in enumerate(zip(known, unknown, strict=True)):
        for name, one, other in zip(
            ("status", "goal", "headers", "length", "page", "cookies"), first, second, strict=True
        ):
            assert one == other, f"step {number}: {name} tells them apart"


def walk_sign_up(address: str) -> list:
    """Sign-up, the code page, wrong codes, a new code at once and after the page was opened again."""
    client = Client()
    accept_declaration(client)
    fields = registration_fields(address) | tick_robot(client.get(url("account_signup")))
    answers = [client.post(url("account_signup"), fields)]
    deliver()
    answers += [client.get(url(CODE_PAGE)), client.post(url(CODE_PAGE), {"action": "verify", "code": "12"})]
    answers += [type_code(client, "123456") for _ in range(6)]
    answers += [client.post(url(CODE_PAGE), {"action": "resend"}), client.get(url(CODE_PAGE))]
    deliver()
    answers.append(client.get(url(CODE_PAGE)))
    return [seen(answer, address) for answer in answers]


def walk_sign_in(address: str) -> list:
    """Seven wrong passwords: the sixth meets the lock."""
    return [seen(sign_in(Client(), address, "Wrong-Password1"), address) for _ in range(7)]


def walk_forgot(address: str) -> list:
    client = Client()
    answers = [ask_reset(client, address), client.get(url("account_reset_password_done")), ask_reset(client, address)]
    deliver()
    answers.append(ask_reset(Client(), address))
    return [seen(answer, address) for answer in answers]


def walk_change_of_address(address: str) -> list:
    """A member wishes for an address: one that is free, and one that somebody has."""
    client = Client()
    asker = User.objects.get(email="asker@example.com")
    sign_in(client, asker.email)
    answers = [client.post(url("account_email"), {"email": address}), client.get(url("account_email_code"))]
    deliver()
    answers.append(client.post(url("account_email_code"), {"action": "verify", "code": "123456"}))
    answers.append(client.post(url("account_email_code"), {"action": "resend"}))
    return [seen(answer, address) for answer in answers]


WALKS = [walk_sign_up, walk_sign_in, walk_forgot, walk_change_of_address]


def compare(walk, *values: str):
    """Walk with each value from the same start; return (answers, mails to that value, other mails) of each."""
    from django.core.cache import cache
    from django.db import transaction

    outcomes, moment = [], timezone.now()
    for value in values:
        cache.clear()
        with transaction.atomic(), time_machine.travel(moment, tick=False):
            before = Outbox.objects.count()
            answers = walk(value)
            to_value = Outbox.objects.filter(recipient=value).count()
            outcomes.append((answers, to_value, Outbox.objects.count() - before))
            transaction.set_rollback(True)
    return outcomes


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
def test_known_and_unknown_address_differ_in_nothing(walk, member, smtp):
    make_user("asker@example.com")
    (known, *known_mails), (unknown, *unknown_mails) = compare(walk, KNOWN, UNKNOWN)
    assert_same(known, unknown)
    assert known_mails == unknown_mails


@pytest.mark.parametrize("kind", ["disabled", "pending", "file"])
@pytest.mark.parametrize("walk", WALKS[:3], ids=lambda walk: walk.__name__)
def test_other_kinds_of_addresses_differ_in_nothing(walk, kind, smtp):
    if kind == "pending":
        register(Client(), KNOWN)
        Outbox.objects.all().delete()
        from accounts.models import Throttle

        # Its own mail of a moment ago counts for its mailbox alone.
        Throttle.objects.all().delete()
    else:
        user = make_user(KNOWN, is_active=kind != "disabled")
        if kind == "file":
            user.set_unusable_password()
            user.save()
    (known, *known_mails), (unknown, *unknown_mails) = compare(walk, KNOWN, UNKNOWN)
    assert_same(known, unknown)
    if kind != "pending":
        # A code that is still good is not mailed anew by every flow.
        assert known_mails == unknown_mails


def test_member_file_claimed_wrongly_reads_like_one_that_is_not_there(member, other_member, smtp):
    free, taken = make_registry_member(), make_registry_member(other_member)

    def walk(number: str) -> list:
        client = Client()
        client.force_login(member)
        fields = {"membership_number": number, "birth_date": "15/07/1405", "calendar": "hijri"}
        wrong = {"identity_number": make_national_id(99_999_999)}
        return [seen(client.post(url("claim"), fields | wrong), number) for _ in range(7)]

    outcomes = compare(
        walk, free.membership_number, taken.membership_number, "102999999999"[: len(free.membership_number)]
    )
    for outcome in outcomes[:-1]:
        assert_same(outcome[0], outcomes[-1][0])
        assert outcome[1:] == outcomes[-1][1:] == (0, 0)
    assert not Claim.objects.exists()


@pytest.mark.parametrize("page", ["update_edit", "update_check", "update_request"])
def test_reference_of_another_reads_like_one_that_is_not_there(member, other_member, page):
    file = make_registry_member(other_member)
    theirs = services.begin_update_request(user=other_member, membership_number=file.membership_number).reference
    client = Client()
    client.force_login(member)
    answers = {}
    for reference in (theirs, "UPD-0000-0000"):
        path = url(page, reference)
        answers[reference] = [
            seen(client.get(path), reference),
            *(seen(client.post(path, {"action": act}), reference) for act in ("finish", "withdraw", "later")),
        ]
    assert_same(answers[theirs], answers["UPD-0000-0000"])
    assert {answer[0] for answer in answers[theirs]} == {404}


def test_number_of_another_reads_like_one_that_is_not_there(member, other_member):
    make_registry_member(member)
    theirs = make_registry_member(other_member).membership_number
    client = Client()
    client.force_login(member)
    answers = {
        number: [seen(client.post(url("update_begin"), {"membership_number": number}), number)]
        for number in (theirs, "9" * len(theirs))
    }
    assert_same(*answers.values())


def test_the_comparison_notices_a_difference(client, member):
    """Without this the tests above could pass for a comparison that sees nothing."""
    page = client.get(url("account_login"))
    wrong = client.post(url("account_login"), {"login": KNOWN, "password": "x"} | answer_visual_code(page))
    with pytest.raises(AssertionError, match="tells them apart"):
        assert_same([seen(page, KNOWN)], [seen(wrong, KNOWN)])
