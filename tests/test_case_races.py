"""Cases and double accounts when everything happens at once: real threads on PostgreSQL."""

import threading

import pytest
from django.db import connection, transaction

from accounts import cases, closing, erasure
from accounts.challenges import Purpose, lock_challenge
from accounts.email_change import LinkSpent, undo_email_change
from accounts.models import AccountEvent, SignInName, StaffCase, User
from mumaris.mail.models import Outbox
from profiles import claims
from profiles.models import Claim, Member
from tests.conftest import make_user
from tests.registry import make_registry_member
from tests.roles import give_role
from tests.test_claim_review import make_claim
from tests.test_parallel import together
from tests.test_rights import wait_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW = "member@example.com", "found@example.com"
REFUSALS = (cases.CaseDecided, cases.CaseOvertaken, LinkSpent)


@pytest.fixture
def seniors(db):
    return [give_role(make_user(f"senior{n}@example.com", first_name=f"S{n}"), "senior reviewer") for n in range(4)]


@pytest.fixture
def case(member, reviewer):
    return cases.ask_case(user=member, asked_by=reviewer, kind="change_email", reason="Seen", new_address=NEW)


def tried(act, **arguments):
    """Return an act that tells whether it was done, or what it was refused for; any other error is raised."""

    def run():
        try:
            act(**arguments)
        except REFUSALS as refusal:
            return type(refusal)
        return True

    return run


def test_one_of_many_confirms(case, seniors):
    answers = together(*(tried(cases.confirm_case, case=case, by=senior) for senior in seniors))
    assert sorted(map(str, answers)) == sorted(map(str, [True] + [cases.CaseDecided] * 3))
    assert AccountEvent.objects.filter(kind="case.confirmed").count() == 1
    assert Outbox.objects.filter(kind="case_confirmed").count() == 2
    assert User.objects.filter(email=NEW).count() == SignInName.objects.filter(value=NEW).count() == 1


def test_owner_and_staff_at_once_leave_the_owner_with_the_old_address(case, member, seniors):
    """Whichever comes first: the link stops the case or brings the address back."""
    change = case.change
    together(
        tried(undo_email_change, change=change),
        *(tried(cases.confirm_case, case=case, by=senior) for senior in seniors[:2]),
        tried(cases.refuse_case, case=case, by=seniors[2]),
    )
    member.refresh_from_db()
    assert member.email == OLD
    assert list(SignInName.objects.filter(user=member).values_list("value", flat=True)) == [OLD]
    assert StaffCase.objects.get().state in {"refused", "confirmed"}


def test_two_ask_at_once_and_one_case_waits(member, seniors):
    def ask(senior):
        def run():
            try:
                cases.ask_case(user=member, asked_by=senior, kind="clear_mfa", reason="Seen")
            except cases.CaseOpen:
                return False
            return True

        return run

    assert sorted(together(*map(ask, seniors))) == [False, False, False, True]
    assert Outbox.objects.filter(kind="case_asked").count() == 1


def test_account_is_closed_once_beside_its_claim(member, other_member, reviewer, seniors):
    """The claim of the account that is being closed is decided on at the same moment."""
    file = make_registry_member()
    claim = make_claim(other_member, file)

    def approve():
        try:
            claims.approve_claim(claim=claim, reviewer=reviewer)
        except (claims.ClaimDecided, claims.MemberTaken):
            return "refused"
        return "tied"

    def close(by):
        def run():
            try:
                closing.close_double_account(kept=member, closed=other_member, by=by, reason="Seen")
            except closing.AccountUnfit:
                return "refused"
            return "closed"

        return run

    answers = together(approve, *map(close, seniors[:3]))
    assert answers.count("closed") == 1
    assert not User.objects.get(pk=other_member.pk).is_active
    assert Claim.objects.get().state in {"tied", "refused"}
    # Tied before the account was closed, it moved with it.
    assert Member.objects.get().user_id in {None, member.pk}
    assert AccountEvent.objects.filter(kind="account.merged").count() == 2


@pytest.mark.parametrize("act", ["close", "erase"])
def test_reset_that_is_being_completed_is_waited_for_with_empty_hands(member, other_member, reviewer, seniors, act):
    """A reset locks its link and then the account: whoever closes or erases it does too, and nobody deadlocks."""
    make_claim(other_member, make_registry_member())
    asked = erasure.ask_erasure(user=other_member)

    def end():
        try:
            if act == "close":
                closing.close_double_account(kept=member, closed=other_member, by=seniors[0], reason="Seen")
            else:
                erasure.complete_erasure(erasure=asked, by=reviewer)
        finally:
            connection.close()

    with transaction.atomic():
        lock_challenge(Purpose.RESET, other_member.email)
    thread = threading.Thread(target=end)
    with transaction.atomic():
        lock_challenge(Purpose.RESET, other_member.email)
        thread.start()
        wait_for_a_lock()
        assert User.objects.select_for_update(nowait=True).get(pk=other_member.pk).is_active
    thread.join()
    assert not User.objects.get(pk=other_member.pk).is_active
