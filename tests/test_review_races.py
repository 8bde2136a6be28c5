"""Reviewing when everything happens at once: real threads on PostgreSQL, through the pages."""

import pytest
from django.test import Client
from django.urls import reverse

from mumaris.mail.models import Outbox
from profiles import services
from profiles.models import Claim, Member, UpdateRequest
from tests.conftest import make_user
from tests.journey import url
from tests.registry import make_registry_member
from tests.roles import enter, give_role
from tests.test_claim_review import make_claim
from tests.test_parallel import together

pytestmark = pytest.mark.django_db(transaction=True)
State = UpdateRequest.State
ENDS = ("update_approved", "update_rejected", "update_returned", "update_withdrawn")
CLAIM_ENDS = ("claim_tied", "claim_refused", "claim_stopped")


def signed_in(user) -> Client:
    client = Client(raise_request_exception=False)
    enter(client, user)
    return client


@pytest.fixture
def reviewers(db):
    return [give_role(make_user(f"reviewer{n}@example.com", first_name=f"R{n}"), "reviewer") for n in range(4)]


def send(user, **wish) -> UpdateRequest:
    file = make_registry_member(user)
    request = services.begin_update_request(user=user, membership_number=file.membership_number)
    request.files.create(kind="evidence", owner=user, key="2026/11/none.jpg", content_type="image/jpeg", size=1)
    request = services.save_update_request(request=request, new_values=wish or {"job_title": "رئيسة تمريض"})
    return services.submit_update_request(request=request, revision=request.revision)


@pytest.fixture
def sent(member):
    return send(member)


def post(client, row, action: str, **fields):
    """Return the act of pressing one button on the review page as it is shown now."""
    page = reverse(f"admin:profiles_{row._meta.model_name}_change", args=[row.pk])
    posted = {"action": action, "revision": getattr(row, "revision", 0)} | fields
    return lambda: client.post(page, posted).status_code


def withdraw(user, request):
    page = url("update_request", request.reference)
    client = signed_in(user)
    return lambda: client.post(page, {"action": "withdraw"}).status_code


def count_mails(kinds=ENDS) -> int:
    return Outbox.objects.filter(kind__in=kinds).count()


def test_one_tap_of_many_approves(sent, reviewers):
    client = signed_in(reviewers[0])
    others = [Client(raise_request_exception=False) for _ in range(8)]
    for other in others:
        other.cookies = client.cookies.copy()
    assert set(together(*[post(other, sent, "approve") for other in others])) == {302}
    sent.refresh_from_db()
    assert (sent.state, sent.decided_by) == (State.APPROVED, reviewers[0])
    assert sent.steps.filter(kind="approved").count() == 1
    assert count_mails() == 1
    assert Member.objects.get().job_title == "رئيسة تمريض"


@pytest.mark.parametrize("turn", range(3))
def test_two_reviewers_and_two_minds_have_one_end(sent, reviewers, turn):
    clients = [signed_in(reviewer) for reviewer in reviewers]
    acts = [
        post(clients[0], sent, "approve"),
        post(clients[1], sent, "reject", reason="No proof."),
        post(clients[2], sent, "return", remark_job_title="Write it whole."),
        post(clients[3], sent, "approve"),
    ]
    assert set(together(*acts[turn:], *acts[:turn])) == {302}
    sent.refresh_from_db()
    assert sent.state in {State.APPROVED, State.REJECTED, State.RETURNED}
    assert sent.steps.exclude(kind="submitted").count() == 1
    assert count_mails() == 1
    assert (Member.objects.get().job_title == "رئيسة تمريض") == (sent.state == State.APPROVED)


def test_reviewers_who_start_at_once_hold_it_one_at_a_time(sent, reviewers):
    assert set(together(*[post(signed_in(reviewer), sent, "hold") for reviewer in reviewers])) == {302}
    sent.refresh_from_db()
    holder = sent.reviewer
    assert holder in reviewers
    others = [reviewer for reviewer in reviewers if reviewer != holder]
    assert set(together(*[post(signed_in(other), sent, "approve") for other in others])) == {302}
    sent.refresh_from_db()
    assert (sent.state, count_mails()) == (State.SUBMITTED, 0)


@pytest.mark.parametrize("turn", range(3))
def test_approval_against_withdrawal_has_one_end(sent, member, reviewers, turn):
    acts = [post(signed_in(reviewers[0]), sent, "approve"), withdraw(member, sent)]
    assert max(together(*(acts if turn % 2 else acts[::-1]))) < 400
    sent.refresh_from_db()
    assert sent.state in {State.APPROVED, State.WITHDRAWN}
    assert count_mails() == 1
    assert (Member.objects.get().job_title == "رئيسة تمريض") == (sent.state == State.APPROVED)


@pytest.mark.parametrize("turn", range(3))
def test_approval_of_the_first_version_never_takes_the_second(sent, reviewers, turn):
    """Returned, changed and sent again while another reviewer presses «approve» on what was first seen."""
    stale = post(signed_in(reviewers[1]), sent, "approve")

    def send_again():
        services.return_update_request(
            request=sent, reviewer=reviewers[0], revision=sent.revision, remarks={"job_title": "?"}
        )
        again = services.save_update_request(request=sent, new_values={"job_title": "مديرة تمريض"})
        return services.submit_update_request(request=again, revision=again.revision).state

    def send_again_or_not():
        try:
            return send_again()
        except services.StateChanged:
            return State.APPROVED

    acts = [stale, send_again_or_not]
    outcomes = together(*(acts if turn % 2 else acts[::-1]))
    assert 302 in outcomes
    sent.refresh_from_db()
    title = Member.objects.get().job_title
    assert (sent.state, title) in {(State.APPROVED, "رئيسة تمريض"), (State.SUBMITTED, "أخصائية تمريض")}
    assert count_mails() == 1


def test_one_identity_number_goes_to_one_of_two(reviewers):
    wanted = "1000000495"
    requests = [send(make_user(f"member{n}@example.com"), identity_number=wanted) for n in range(2)]
    clients = [signed_in(reviewer) for reviewer in reviewers[:2]]
    acts = [post(client, request, "approve") for client, request in zip(clients, requests, strict=True)]
    assert together(*acts) == [302, 302]
    assert Member.objects.filter(identity_number=wanted).count() == 1
    assert sorted(UpdateRequest.objects.values_list("state", flat=True)) == [State.APPROVED, State.SUBMITTED]
    assert count_mails() == 1


# --- Claims -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", range(3))
def test_claim_has_one_end(member, reviewers, turn):
    claim = make_claim(member, make_registry_member())
    acts = [
        post(signed_in(reviewers[0]), claim, "approve"),
        post(signed_in(reviewers[1]), claim, "refuse", reason="No proof."),
        post(signed_in(reviewers[2]), claim, "approve"),
    ]
    assert together(*acts[turn:], *acts[:turn]) == [302, 302, 302]
    claim.refresh_from_db()
    assert claim.state in {Claim.State.TIED, Claim.State.REFUSED}
    assert count_mails(CLAIM_ENDS) == 1
    assert (Member.objects.get().user == member) == (claim.state == Claim.State.TIED)


@pytest.mark.parametrize("turn", range(3))
def test_one_file_goes_to_one_of_two_accounts(member, other_member, reviewers, turn):
    file = make_registry_member()
    rivals = [make_claim(user, file) for user in (member, other_member)]
    acts = [post(signed_in(reviewer), claim, "approve") for reviewer, claim in zip(reviewers[:2], rivals, strict=True)]
    assert together(*(acts if turn % 2 else acts[::-1])) == [302, 302]
    assert sorted(Claim.objects.values_list("state", flat=True)) == [Claim.State.REFUSED, Claim.State.TIED]
    file.refresh_from_db()
    assert file.user == Claim.objects.get(state=Claim.State.TIED).user
    assert count_mails(CLAIM_ENDS) == 2, "one mail to each of the two"
