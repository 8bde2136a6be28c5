"""Member data when everything happens at once: real threads on PostgreSQL."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import SignInName
from mumaris.mail.models import Outbox
from profiles import claims, services
from profiles.models import Claim, Member, UpdateRequest
from tests.conftest import make_user
from tests.journey import url, waiting
from tests.registry import edit_fields, make_registry_member
from tests.test_parallel import together

pytestmark = pytest.mark.django_db(transaction=True)
State = UpdateRequest.State
DECISIONS = ("update_approved", "update_rejected", "update_returned", "update_withdrawn")


@pytest.fixture
def file(member):
    return make_registry_member(member)


@pytest.fixture
def sent(file, member):
    """A request under review."""
    request = services.begin_update_request(user=member, membership_number=file.membership_number)
    request = services.save_update_request(request=request, new_values={"job_title": "رئيسة تمريض"})
    return services.submit_update_request(request=request, revision=request.revision)


def attempt(act, **arguments):
    """Return what the act returned, or the name of its refusal."""
    try:
        act(**arguments)
    except Exception as refusal:  # noqa: BLE001
        return type(refusal).__name__
    return "done"


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_eight_tabs_begin_one_request(member, file):
    clients = [signed_in(member) for _ in range(8)]
    answers = together(
        *(
            lambda client=client: client.post(url("update_begin"), {"membership_number": file.membership_number})
            for client in clients
        )
    )
    request = UpdateRequest.objects.get()
    assert {answer.url for answer in answers} == {url("update_edit", request.reference)}


def test_eight_taps_on_finish_send_one_request(member, file):
    request = services.begin_update_request(user=member, membership_number=file.membership_number)
    request = services.save_update_request(request=request, new_values={"city": "جدة"})
    posts = {"action": "finish", "revision": request.revision}
    answers = together(
        *(
            lambda client=client: client.post(url("update_check", request.reference), posts)
            for client in [signed_in(member) for _ in range(8)]
        )
    )
    assert {(answer.status_code, answer.url) for answer in answers} == {(302, url("update_request", request.reference))}
    assert waiting("update_approved") == 1
    assert request.steps.count() == 1


def test_approve_against_withdraw_against_reject_has_one_end(member, sent, reviewer):
    other_reviewer = make_user("second@example.com", is_staff=True)
    seen = {"request": sent, "revision": sent.revision}
    outcomes = together(
        lambda: attempt(services.approve_update_request, reviewer=reviewer, **seen),
        lambda: attempt(services.approve_update_request, reviewer=other_reviewer, **seen),
        lambda: attempt(services.reject_update_request, reviewer=reviewer, reason="No.", **seen),
        lambda: attempt(services.return_update_request, reviewer=reviewer, remarks={"job_title": "?"}, **seen),
        lambda: attempt(services.withdraw_update_request, request=sent),
    )
    sent.refresh_from_db()
    # A returned request may still be withdrawn.
    assert "StateChanged" in outcomes
    ends = outcomes.count("done")
    assert ends == 1 or (ends == 2 and sent.state == State.WITHDRAWN)
    assert set(outcomes) == {"done", "StateChanged"}
    assert Outbox.objects.filter(kind__in=DECISIONS).count() == ends
    member_file = Member.objects.get()
    assert (member_file.job_title == "رئيسة تمريض") == (sent.state == State.APPROVED)


def test_approval_never_falls_on_values_sent_again_meanwhile(member, sent, reviewer):
    """Returned, changed and sent again while another reviewer still looks at the first version."""
    seen = sent.revision
    services.return_update_request(request=sent, reviewer=reviewer, revision=seen, remarks={"job_title": "?"})
    request = services.save_update_request(request=sent, new_values={"job_title": "مديرة تمريض"})
    services.submit_update_request(request=request, revision=request.revision)
    other_reviewer = make_user("second@example.com", is_staff=True)
    refusal = attempt(services.approve_update_request, request=sent, reviewer=other_reviewer, revision=seen)
    assert refusal == "ChangedElsewhere"
    assert Member.objects.get().job_title == "أخصائية تمريض"


def test_edit_against_finish_sends_what_was_seen_or_nothing(member, file):
    request = services.begin_update_request(user=member, membership_number=file.membership_number)
    request = services.save_update_request(request=request, new_values={"job_title": "رئيسة تمريض"})
    outcomes = together(
        lambda: attempt(services.submit_update_request, request=request, revision=request.revision),
        lambda: attempt(services.save_update_request, request=request, new_values={"job_title": "مديرة"}),
    )
    request.refresh_from_db()
    if request.state == State.SUBMITTED:
        assert outcomes == ["done", "StateChanged"]
        assert request.new_values["job_title"] == "رئيسة تمريض"
    else:
        assert outcomes == ["ChangedElsewhere", "done"]
        assert request.new_values["job_title"] == "مديرة"


def test_import_against_approval_is_seen_as_a_conflict(member, sent, reviewer):
    Member.objects.update(job_title="مشرفة")
    outcome = attempt(services.approve_update_request, request=sent, reviewer=reviewer, revision=sent.revision)
    assert outcome == "ChangedMeanwhile"
    assert Member.objects.get().job_title == "مشرفة"
    sent.refresh_from_db()
    assert sent.state == State.SUBMITTED


def test_two_members_asking_for_one_identity_number_get_it_once(reviewer):
    wanted = "1000000495"
    requests = []
    for number in (1, 2):
        user = make_user(f"member{number}@example.com")
        own = make_registry_member(user)
        request = services.begin_update_request(user=user, membership_number=own.membership_number)
        request.files.create(kind="evidence", owner=user, key="2026/11/none.jpg", content_type="image/jpeg", size=1)
        request = services.save_update_request(request=request, new_values={"identity_number": wanted})
        requests.append(services.submit_update_request(request=request, revision=request.revision))
    outcomes = together(
        *(
            lambda r=r: attempt(services.approve_update_request, request=r, reviewer=reviewer, revision=r.revision)
            for r in requests
        )
    )
    assert sorted(outcomes) == ["IdentityTaken", "done"]
    assert Member.objects.filter(identity_number=wanted).count() == 1
    assert waiting("update_approved") == 1


def test_two_reviewers_hold_one_request_once(sent, reviewer):
    reviewers = [reviewer, *(make_user(f"reviewer{number}@example.com", is_staff=True) for number in range(7))]
    outcomes = together(*(lambda r=r: attempt(services.hold_for_review, request=sent, reviewer=r) for r in reviewers))
    assert sorted(outcomes) == ["HeldByAnother"] * 7 + ["done"]


def test_upload_against_finish_leaves_no_file_behind(member, file):
    from tests.registry import make_picture

    request = services.begin_update_request(user=member, membership_number=file.membership_number)
    request = services.save_update_request(request=request, new_values={"job_title": "رئيسة تمريض"})
    fields = edit_fields(file, job_title="رئيسة تمريض")
    answers = together(
        lambda: (
            signed_in(member)
            .post(url("update_edit", request.reference), fields | {"evidence": make_picture()})
            .status_code
        ),
        lambda: attempt(services.submit_update_request, request=request, revision=request.revision),
    )
    assert answers[0] == 302
    request.refresh_from_db()
    assert request.files.count() == (0 if request.state == State.SUBMITTED else 1)


# --- Claims ---------------------------------------------------------------------------------------


def proof(file) -> dict:
    return {
        "membership_number": file.membership_number,
        "identity_number": file.identity_number,
        "birth_date": file.birth_date,
    }


def test_sixty_parallel_claims_of_one_user_make_one_and_count_five(member):
    file = make_registry_member()
    outcomes = together(*(lambda: attempt(claims.claim_member, user=member, **proof(file)) for _ in range(60)))
    assert Claim.objects.count() == 1
    assert outcomes.count("done") == 5
    assert outcomes.count("LimitReached") == 55
    assert waiting("claim_received") == waiting("claim_warning") == 1


def test_one_file_is_tied_once(member, other_member, reviewer):
    file = make_registry_member()
    waiting_claims = [claims.claim_member(user=user, **proof(file)) for user in (member, other_member)]
    outcomes = together(
        *(lambda c=c: attempt(claims.approve_claim, claim=c, reviewer=reviewer) for c in waiting_claims)
    )
    assert sorted(outcomes) == ["ClaimDecided", "done"]
    assert SignInName.objects.filter(value=file.membership_number).count() == 1
    assert waiting("claim_tied") == waiting("claim_refused") == 1


def test_clock_against_objection_against_reviewer_has_one_end(member, reviewer):
    file = make_registry_member()
    claim = claims.claim_member(user=member, **proof(file))
    Claim.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    together(
        lambda: attempt(claims.tie_due_claims),
        lambda: attempt(claims.tie_due_claims),
        lambda: attempt(claims.stop_claim, claim=claim),
        lambda: attempt(claims.approve_claim, claim=claim, reviewer=reviewer),
    )
    claim.refresh_from_db()
    file.refresh_from_db()
    assert (claim.state, file.user) in [("tied", member), ("stopped", None)]
    assert Outbox.objects.filter(kind__in=["claim_tied", "claim_stopped", "claim_refused"]).count() == 1
