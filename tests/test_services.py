"""Every act on an update request, called directly: what it writes, tells, locks and refuses.

No page, no password, no mail server: mutation testing asks these tests some hundred times.
"""

import contextlib
import re
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import limits
from accounts.models import AccountEvent, User
from mumaris.mail.models import Outbox
from profiles import services
from profiles.models import Member, MemberFile, RequestStep, UpdateRequest
from tests.registry import make_registry_member

pytestmark = pytest.mark.django_db
State, Step = UpdateRequest.State, RequestStep.Kind
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TITLE, NEW_TITLE = "أخصائية تمريض", "رئيسة تمريض"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def applicant():
    return User.objects.create_user("applicant@example.com", language="en")


@pytest.fixture
def judge():
    return User.objects.create_user("judge@example.com")


@pytest.fixture
def colleague():
    return User.objects.create_user("colleague@example.com")


@pytest.fixture
def file(applicant):
    return make_registry_member(applicant)


@pytest.fixture
def sent(file):
    return send(file)


def draft(file, **wish) -> UpdateRequest:
    request = services.begin_update_request(user=file.user, membership_number=file.membership_number)
    return services.save_update_request(request=request, new_values=wish or {"job_title": NEW_TITLE})


def submit(request) -> UpdateRequest:
    return services.submit_update_request(request=request, revision=request.revision)


def send(file, **wish) -> UpdateRequest:
    return submit(draft(file, **wish))


def give_back(request, by, **remarks) -> UpdateRequest:
    return services.return_update_request(request=request, reviewer=by, revision=request.revision, remarks=remarks)


def approve(request, by) -> UpdateRequest:
    return services.approve_update_request(request=request, reviewer=by, revision=request.revision)


def reject(request, by) -> UpdateRequest:
    return services.reject_update_request(request=request, reviewer=by, revision=request.revision, reason="No proof.")


def add_file(request, kind: str = "evidence") -> MemberFile:
    owner = request.requested_by
    return request.files.create(kind=kind, owner=owner, key="none", content_type="image/jpeg", size=1)


def someone_elses(name: str, **wish) -> UpdateRequest:
    """Return the request of another member, which no act on the first may touch."""
    return send(make_registry_member(User.objects.create_user(f"{name}@example.com")), **wish)


# --- What is looked at ----------------------------------------------------------------------------


def columns(row) -> dict:
    return type(row).objects.filter(pk=row.pk).values().get()


def changed(row, before: dict) -> dict:
    """Return the columns that differ from before, whatever the object at hand says."""
    return {name: value for name, value in columns(row).items() if value != before[name]}


@contextlib.contextmanager
def only_changes(row, **expected):
    """Check that exactly these columns of a row change. ``updated_at`` is named like any other."""
    before = columns(row)
    yield
    assert changed(row, before) == expected


def clear_told():
    RequestStep.objects.all().delete()
    Outbox.objects.all().delete()
    AccountEvent.objects.all().delete()


def check_told(request, kind: str, *, event: str | None, by=None, fields=(), note="", remarks=None):
    """Check that there is one step, its mail to the applicant and its event, and nothing else."""
    step = RequestStep.objects.get()
    assert (step.request, step.kind, step.by, step.note) == (request, kind, by, note)
    assert step.remarks == (remarks or {})
    mail = Outbox.objects.get()
    references = {"request": request.pk, "step": step.pk}
    assert (mail.kind, mail.recipient, mail.references) == (f"update_{kind}", request.requested_by.email, references)
    events = AccountEvent.objects.values_list("kind", "user", "actor", "subject", "fields")
    expected = (event, request.requested_by_id, by.pk if by else None, request.reference, list(fields))
    assert list(events) == ([expected] if event else [])


def check_nothing_told():
    assert not RequestStep.objects.exists()
    assert not Outbox.objects.exists()
    assert not AccountEvent.objects.exists()


@contextlib.contextmanager
def statements():
    with CaptureQueriesContext(connection) as captured:
        found = []
        yield found
    found += [query["sql"] for query in captured]


def locks_of(sqls: list[str]) -> list[tuple]:
    """Return the rows that were locked, in order: (table, the tables read with it)."""
    return [
        (re.search(r'FOR UPDATE(?: OF "(\w+)")?', sql)[1], set(re.findall(r'JOIN "(\w+)"', sql)))
        for sql in sqls
        if "FOR UPDATE" in sql
    ]


REQUEST_LOCK = ("profiles_updaterequest", {"profiles_member"})
MEMBER_LOCK = ("profiles_member", {"profiles_specialty", "profiles_rank", "accounts_user"})


# --- Begin and save -------------------------------------------------------------------------------


def test_begin_makes_a_request_and_finds_it_again(file, applicant):
    request = services.begin_update_request(user=applicant, membership_number=file.membership_number)
    assert (request.member, request.requested_by, request.state) == (file, applicant, State.DRAFT)
    assert re.fullmatch(r"UPD-\w{4}-\w{4}", request.reference)
    with statements() as sqls:
        assert services.begin_update_request(user=applicant, membership_number=file.membership_number) == request
    assert not [sql for sql in sqls if sql.startswith("INSERT")]
    services.withdraw_update_request(request=request)
    assert services.begin_update_request(user=applicant, membership_number=file.membership_number) != request


def test_begin_finds_no_request_of_others(file, applicant):
    other = someone_elses("other")
    request = services.begin_update_request(user=applicant, membership_number=file.membership_number)
    assert request != other
    assert request.member == file


def test_begin_asks_for_the_number_of_the_own_member(file, judge, applicant):
    with pytest.raises(services.NoMember):
        services.begin_update_request(user=judge, membership_number=file.membership_number)
    with pytest.raises(services.WrongMembershipNumber):
        services.begin_update_request(user=applicant, membership_number=make_registry_member().membership_number)
    assert not UpdateRequest.objects.exists()


def test_request_that_another_tab_made_is_taken(file, applicant):
    request = services.begin_update_request(user=applicant, membership_number=file.membership_number)
    assert services._make_request(file, applicant) == request


def test_reference_that_was_drawn_before_is_drawn_anew(file, applicant, monkeypatch):
    taken = someone_elses("other").reference
    drawn = iter([taken, taken, "UPD-AAAA-AAAA"])
    monkeypatch.setattr(services, "new_reference", lambda: next(drawn))
    request = services._make_request(file, applicant)
    assert (request.reference, request.member, request.requested_by) == ("UPD-AAAA-AAAA", file, applicant)


def test_save_keeps_what_differs(file, clock):
    request = draft(file, job_title=NEW_TITLE, city="جدة")
    clock.shift(HOUR)
    wish = {"city": file.city, "workplace": "مستشفى الواحة"}
    kept = {"job_title": NEW_TITLE, "workplace": "مستشفى الواحة"}
    with only_changes(request, new_values=kept, revision=3, updated_at=timezone.now()), statements() as sqls:
        saved = services.save_update_request(request=request, new_values=wish)
    assert (saved.pk, saved.new_values, saved.revision) == (request.pk, kept, 3)
    assert locks_of(sqls) == [REQUEST_LOCK]
    [read] = [sql for sql in sqls if 'FROM "profiles_member"' in sql]
    assert {"profiles_specialty", "profiles_rank"} <= set(re.findall(r'JOIN "(\w+)"', read))
    [written] = [sql for sql in sqls if sql.startswith("UPDATE")]
    assert re.findall(r'"(\w+)" = ', written.partition("WHERE")[0]) == ["revision", "new_values", "updated_at"]


def test_save_of_a_stale_page_keeps_what_was_saved_since(file):
    stale = services.begin_update_request(user=file.user, membership_number=file.membership_number)
    draft(file, job_title=NEW_TITLE)
    saved = services.save_update_request(request=stale, new_values={"city": "جدة"})
    assert saved.new_values == {"job_title": NEW_TITLE, "city": "جدة"}


def test_sent_request_is_not_saved(sent):
    with only_changes(sent), pytest.raises(services.StateChanged):
        services.save_update_request(request=sent, new_values={"city": "جدة"})


def test_save_of_a_returned_request_takes_the_named_fields_only(file, judge):
    request = give_back(send(file, job_title=NEW_TITLE, workplace="مستشفى"), judge, workplace="?")
    saved = services.save_update_request(request=request, new_values={"workplace": "مستشفى الواحة", "job_title": "x"})
    assert saved.new_values == {"job_title": NEW_TITLE, "workplace": "مستشفى الواحة"}


@pytest.mark.parametrize(
    ("state", "remarks", "open_fields"),
    [
        (State.DRAFT, {}, {"city", "birth_date", "birth_typed", "identity_kind", "identity_number"}),
        (State.SUBMITTED, {}, set()),
        (State.APPROVED, {"city": "?"}, set()),
        (State.RETURNED, {}, set()),
        (State.RETURNED, {"city": "?"}, {"city"}),
        (State.RETURNED, {"birth_date": "?"}, {"birth_date", "birth_typed"}),
        (State.RETURNED, {"identity_kind": "?"}, {"identity_kind", "identity_number"}),
        (State.RETURNED, {"identity_number": "?", "city": "?"}, {"identity_kind", "identity_number", "city"}),
    ],
)
def test_open_fields(state, remarks, open_fields):
    request = UpdateRequest(state=state, remarks=remarks)
    fields = ("city", "birth_date", "birth_typed", "identity_kind", "identity_number")
    assert {field for field in fields if services.is_field_open(request, field)} == open_fields


# --- Submit ---------------------------------------------------------------------------------------


def test_submission_is_recorded_and_told(file, applicant, clock):
    request = draft(file, job_title=NEW_TITLE, specialty="pharmacy")
    clock.shift(HOUR)
    expected = {
        "state": "submitted",
        "submitted_at": timezone.now(),
        "updated_at": timezone.now(),
        "old_values": {"specialty": "nursing", "job_title": TITLE},
        "revision": 3,
    }
    with only_changes(request, **expected), only_changes(file), statements() as sqls:
        returned = submit(request)
    assert locks_of(sqls) == [REQUEST_LOCK, MEMBER_LOCK]
    assert (returned.pk, returned.state, returned.revision) == (request.pk, State.SUBMITTED, 3)
    check_told(request, "submitted", event="request.submitted", by=applicant, fields=["job_title", "specialty"])
    assert limits.used(limits.UPDATE_REQUESTS, applicant.pk)[0] == 1


def test_submission_after_a_return_starts_afresh(file, judge, clock):
    request = give_back(send(file), judge, job_title="?")
    UpdateRequest.objects.update(
        reminded_at=timezone.now(), reviewer=judge, review_until=timezone.now(), reason="An old one."
    )
    request = services.save_update_request(request=request, new_values={"job_title": "مديرة"})
    clear_told()
    clock.shift(HOUR)
    expected = {
        "state": "submitted", "submitted_at": timezone.now(), "updated_at": timezone.now(), "remarks": {}, "reason": "",
        "reviewer_id": None, "review_until": None, "returned_at": None, "reminded_at": None, "revision": 5,
    }  # fmt: skip
    with only_changes(request, **expected):
        submit(request)
    assert RequestStep.objects.get().kind == Step.SUBMITTED


def test_contact_details_are_applied_at_once(file, applicant, clock):
    request = draft(file, city="جدة", mobile="+966501234567")
    clock.shift(HOUR)
    now = timezone.now()
    with (
        only_changes(file, city="جدة", mobile="+966501234567", kept_fields=["city", "mobile"], updated_at=now),
        only_changes(
            request, state="approved", reason="automatic", submitted_at=now, decided_at=now, updated_at=now,
            old_values={"city": "الرياض", "mobile": "+966551234567"}, revision=3,
        ),
    ):  # fmt: skip
        submit(request)
    check_told(request, "approved", event="request.applied", fields=["city", "mobile"], note="automatic")


def test_request_of_both_kinds_waits_as_a_whole(file):
    with only_changes(file):
        assert send(file, city="جدة", job_title=NEW_TITLE).state == State.SUBMITTED


def test_value_that_the_registry_wrote_meanwhile_is_not_asked_for(file):
    request = draft(file, job_title=NEW_TITLE, workplace="مستشفى")
    Member.objects.filter(pk=file.pk).update(workplace="مستشفى")
    submit(request)
    request.refresh_from_db()
    assert (request.new_values, request.old_values) == ({"job_title": NEW_TITLE}, {"job_title": TITLE})


def test_submission_counts_for_what_was_seen(file, applicant):
    request = draft(file)
    for revision in (request.revision - 1, request.revision + 1):
        with only_changes(request), pytest.raises(services.ChangedElsewhere):
            services.submit_update_request(request=request, revision=revision)
    sent = submit(request)
    with only_changes(request), pytest.raises(services.StateChanged):
        submit(sent)
    assert limits.used(limits.UPDATE_REQUESTS, applicant.pk)[0] == 1


def test_nothing_changed_is_not_sent(file, applicant):
    request = services.begin_update_request(user=applicant, membership_number=file.membership_number)
    with only_changes(request), pytest.raises(services.NothingChanged):
        submit(request)
    check_nothing_told()
    assert limits.used(limits.UPDATE_REQUESTS, applicant.pk)[0] == 0


def test_who_one_is_changes_with_a_paper_only(file):
    request = draft(file, name_latin="Noura Saad")
    assert services.lacks_evidence(request)
    photo, elsewhere = add_file(request, kind="photo"), add_file(someone_elses("other"))
    gone = add_file(request)
    MemberFile.objects.filter(pk=gone.pk).update(delete_after=timezone.now())
    assert services.lacks_evidence(request)
    assert photo.kind != elsewhere.kind
    with only_changes(request), pytest.raises(services.EvidenceMissing):
        submit(request)
    add_file(request)
    assert not services.lacks_evidence(request)
    assert submit(request).state == State.SUBMITTED


def test_other_fields_ask_for_no_paper(file):
    assert not services.lacks_evidence(draft(file))


def test_sixth_submission_of_a_day_is_refused(file, applicant):
    request = draft(file)
    for _ in range(5):
        limits.count(limits.UPDATE_REQUESTS, applicant.pk)
    with only_changes(request), pytest.raises(limits.LimitReached):
        submit(request)
    check_nothing_told()


def test_identity_number_of_another_is_refused(file, judge):
    request = draft(file, identity_number=make_registry_member().identity_number)
    add_file(request)
    request = submit(request)
    with only_changes(request), only_changes(file), pytest.raises(services.IdentityTaken):
        approve(request, judge)


# --- Withdraw -------------------------------------------------------------------------------------


def test_withdrawal_of_a_sent_request_is_told(file, applicant, judge, clock):
    request = send(file)
    services.hold_for_review(request=request, reviewer=judge)
    paper, other = add_file(request), add_file(someone_elses("other"))
    clear_told()
    clock.shift(HOUR)
    now = timezone.now()
    expected = {"reviewer_id": None, "review_until": None, "updated_at": now, "decided_at": now}
    with (
        only_changes(request, state="withdrawn", **expected),
        only_changes(paper, delete_after=now + 90 * DAY),
        only_changes(other),
        statements() as sqls,
    ):
        assert services.withdraw_update_request(request=request).state == State.WITHDRAWN
    assert locks_of(sqls) == [REQUEST_LOCK]
    check_told(request, "withdrawn", event="request.withdrawn", by=applicant, fields=["job_title"])


def test_withdrawal_of_a_draft_is_not_told(file):
    request = draft(file)
    with only_changes(request, state="withdrawn", decided_at=timezone.now()):
        services.withdraw_update_request(request=request)
    check_nothing_told()


def test_withdrawal_of_an_erased_account_is_not_told(sent):
    clear_told()
    with only_changes(sent, state="withdrawn", decided_at=timezone.now()):
        services.withdraw_update_request(request=sent, is_told=False)
    check_nothing_told()


def test_returned_request_is_withdrawn_and_a_decided_one_is_not(file, judge):
    assert services.withdraw_update_request(request=give_back(send(file), judge, job_title="?")).state == "withdrawn"
    decided = reject(send(file), judge)
    with only_changes(decided), pytest.raises(services.StateChanged):
        services.withdraw_update_request(request=decided)


# --- Hold, release, take over ---------------------------------------------------------------------


def test_hold_is_for_half_an_hour_and_one_reviewer(sent, judge, colleague, clock):
    stale, other = UpdateRequest.objects.get(pk=sent.pk), someone_elses("other")
    until = timezone.now() + settings.REVIEW_LOCK
    with only_changes(sent, reviewer_id=judge.pk, review_until=until), only_changes(other):
        services.hold_for_review(request=sent, reviewer=judge)
    assert (sent.reviewer, sent.review_until) == (judge, until)
    clock.shift(settings.REVIEW_LOCK - timedelta(seconds=1))
    with only_changes(sent), pytest.raises(services.HeldByAnother) as held:
        services.hold_for_review(request=stale, reviewer=colleague)
    assert (held.value.reviewer, held.value.until) == (judge, until)
    clock.shift(timedelta(seconds=1))
    longer = until + settings.REVIEW_LOCK
    with only_changes(sent, reviewer_id=colleague.pk, review_until=longer):
        services.hold_for_review(request=stale, reviewer=colleague)


def test_holder_holds_longer(sent, judge, clock):
    services.hold_for_review(request=sent, reviewer=judge)
    clock.shift(timedelta(minutes=1))
    with only_changes(sent, review_until=timezone.now() + settings.REVIEW_LOCK):
        services.hold_for_review(request=sent, reviewer=judge)


def test_hold_shows_nothing_that_was_not_seen(sent, judge):
    UpdateRequest.objects.update(revision=9)
    seen = sent.revision
    services.hold_for_review(request=sent, reviewer=judge)
    assert sent.revision == seen


def test_hold_and_take_over_are_for_sent_requests(sent, judge):
    stale = UpdateRequest.objects.get(pk=sent.pk)
    services.withdraw_update_request(request=sent)
    for act in (services.hold_for_review, services.take_over_review):
        with only_changes(sent), pytest.raises(services.StateChanged):
            act(request=stale, reviewer=judge)


def test_release_is_the_holders(sent, judge, colleague):
    other = someone_elses("other")
    for request in (sent, other):
        services.hold_for_review(request=request, reviewer=judge)
    with only_changes(sent):
        services.release_review(request=sent, reviewer=colleague)
    with only_changes(sent, reviewer_id=None, review_until=None), only_changes(other):
        services.release_review(request=sent, reviewer=judge)


def test_hold_is_taken_over(sent, judge, colleague, clock):
    other = someone_elses("other")
    for request in (sent, other):
        services.hold_for_review(request=request, reviewer=judge)
    clock.shift(timedelta(minutes=1))
    until = timezone.now() + settings.REVIEW_LOCK
    with only_changes(sent, reviewer_id=colleague.pk, review_until=until), only_changes(other):
        services.take_over_review(request=sent, reviewer=colleague)


DECISIONS = [approve, reject, lambda request, by: give_back(request, by, job_title="?")]
HOLDS = [
    lambda request, by: services.hold_for_review(request=request, reviewer=by),
    lambda request, by: services.take_over_review(request=request, reviewer=by),
]


@pytest.mark.parametrize("act", DECISIONS + HOLDS)
@pytest.mark.parametrize("is_applicant", [True, False], ids=["applicant", "member"])
def test_nobody_reviews_their_own_request(sent, file, applicant, judge, act, is_applicant):  # noqa: PLR0917
    tied = {"user": None, "tied_at": None} if is_applicant else {"user": judge}
    Member.objects.filter(pk=file.pk).update(**tied)
    sent.member.refresh_from_db()
    with only_changes(sent), pytest.raises(services.OwnRequest):
        act(sent, applicant if is_applicant else judge)


# --- Decide ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", DECISIONS)
def test_decision_is_refused(sent, judge, colleague, clock, act):
    seen = UpdateRequest.objects.get(pk=sent.pk)
    services.hold_for_review(request=sent, reviewer=colleague)
    clock.shift(settings.REVIEW_LOCK - timedelta(seconds=1))
    with only_changes(sent), pytest.raises(services.HeldByAnother) as held:
        act(sent, judge)
    assert (held.value.reviewer, held.value.until) == (colleague, sent.review_until)
    seen.revision += 1
    with only_changes(sent), pytest.raises(services.ChangedElsewhere):
        act(seen, colleague)
    services.withdraw_update_request(request=sent)
    with only_changes(sent), pytest.raises(services.StateChanged):
        act(sent, colleague)


@pytest.mark.parametrize("act", DECISIONS)
def test_decision_is_the_holders_or_anybodys_after_the_hold(sent, judge, colleague, clock, act):
    services.hold_for_review(request=sent, reviewer=judge)
    with transaction.atomic():
        act(sent, judge)
        transaction.set_rollback(True)
    clock.shift(settings.REVIEW_LOCK)
    assert act(sent, colleague).state != State.SUBMITTED


def test_approval_writes_exactly_the_asked_fields(file, applicant, judge, clock):
    Member.objects.filter(pk=file.pk).update(kept_fields=["city", "job_title"])
    request = send(file, job_title=NEW_TITLE, specialty="pharmacy")
    services.hold_for_review(request=request, reviewer=judge)
    paper = add_file(request)
    clear_told()
    clock.shift(timedelta(minutes=1))
    now, kept = timezone.now(), ["city", "job_title", "specialty"]
    pharmacy = file.specialty._meta.model.objects.get(code="pharmacy")
    end = {"reviewer_id": None, "review_until": None, "updated_at": now, "decided_at": now, "decided_by_id": judge.pk}
    with (
        only_changes(file, job_title=NEW_TITLE, specialty_id=pharmacy.pk, kept_fields=kept, updated_at=now),
        only_changes(request, state="approved", **end),
        only_changes(paper, delete_after=now + 90 * DAY),
        only_changes(applicant),
        statements() as sqls,
    ):
        assert approve(request, judge).state == State.APPROVED
    assert locks_of(sqls) == [REQUEST_LOCK, MEMBER_LOCK]
    [written] = [sql for sql in sqls if sql.startswith('UPDATE "profiles_member"')]
    names = set(re.findall(r'"(\w+)" = ', written.partition("WHERE")[0]))
    assert names == {"job_title", "specialty_id", "kept_fields", "updated_at"}
    check_told(request, "approved", event="request.approved", by=judge, fields=["job_title", "specialty"])


def test_value_that_moved_stops_the_approval(file, judge):
    request = send(file, job_title=NEW_TITLE, workplace="مستشفى", city="جدة")
    Member.objects.filter(pk=file.pk).update(job_title="مشرفة", city="الدمام", address="حي الورود")
    with only_changes(request), only_changes(file), pytest.raises(services.ChangedMeanwhile) as moved:
        approve(request, judge)
    assert sorted(moved.value.fields) == ["city", "job_title"]


def test_approved_birth_date_reaches_the_account(file, applicant, judge):
    request = draft(file, birth_date="1985-04-06", birth_typed="16/07/1405", birth_calendar="hijri")
    add_file(request)
    approve(submit(request), judge)
    for row in (file, applicant):
        row.refresh_from_db()
        assert row.birth_date.isoformat() == "1985-04-06"
    assert file.birth_typed == "16/07/1405"


def test_approved_birth_date_of_a_member_that_was_let_go_of_reaches_no_account(file, applicant, judge):
    request = draft(file, birth_date="1985-04-06", birth_typed="16/07/1405", birth_calendar="hijri")
    add_file(request)
    request = submit(request)
    Member.objects.filter(pk=file.pk).update(user=None, tied_at=None)
    with only_changes(applicant), only_changes(judge):
        approve(request, judge)


def test_photo_takes_the_place_of_the_former_one(file, judge):
    end = timezone.now() + 90 * DAY
    for former, wished in ((None, "new"), ("new", "newer"), ("newer", None)):
        request = services.begin_update_request(user=file.user, membership_number=file.membership_number)
        photo = add_file(request, kind="photo") if wished else None
        request = services.save_update_request(request=request, new_values={"photo": str(photo.pk) if photo else ""})
        before = file.photo
        assert bool(before) == bool(former)
        approve(submit(request), judge)
        file.refresh_from_db()
        assert file.photo == photo
        if photo:
            photo.refresh_from_db()
            assert photo.delete_after is None
        if before:
            before.refresh_from_db()
            assert before.delete_after == end


def test_photo_stays_when_another_field_is_approved(file, judge):
    photo = add_file(someone_elses("other"), kind="photo")
    Member.objects.filter(pk=file.pk).update(photo=photo)
    with only_changes(photo):
        approve(send(file), judge)


def test_return_names_the_fields_that_reopen(file, judge, clock):
    request = send(file, job_title=NEW_TITLE, workplace="مستشفى")
    services.hold_for_review(request=request, reviewer=judge)
    UpdateRequest.objects.update(reminded_at=timezone.now())
    paper = add_file(request)
    clear_told()
    clock.shift(timedelta(minutes=1))
    now, remarks = timezone.now(), {"workplace": "اكتب الاسم الكامل."}
    expected = {"reviewer_id": None, "review_until": None, "reminded_at": None, "updated_at": now, "returned_at": now}
    with (
        only_changes(request, state="returned", remarks=remarks, **expected),
        only_changes(file),
        only_changes(paper),
        statements() as sqls,
    ):
        assert give_back(request, judge, **remarks).state == State.RETURNED
    assert locks_of(sqls) == [REQUEST_LOCK]
    check_told(request, "returned", event="request.returned", by=judge, fields=["workplace"], remarks=remarks)


def test_rejection_writes_nothing_to_the_member(file, judge, clock):
    request = send(file)
    services.hold_for_review(request=request, reviewer=judge)
    paper = add_file(request)
    clear_told()
    clock.shift(timedelta(minutes=1))
    now = timezone.now()
    end = {"reviewer_id": None, "review_until": None, "updated_at": now, "decided_at": now, "decided_by_id": judge.pk}
    with (
        only_changes(request, state="rejected", reason="No proof.", **end),
        only_changes(file),
        only_changes(paper, delete_after=now + 90 * DAY),
        statements() as sqls,
    ):
        assert reject(request, judge).state == State.REJECTED
    assert locks_of(sqls) == [REQUEST_LOCK]
    check_told(request, "rejected", event="request.rejected", by=judge, fields=["job_title"], note="No proof.")


def test_mail_goes_to_the_address_of_today(sent, judge):
    User.objects.filter(pk=sent.requested_by_id).update(email="moved@example.com")
    reject(sent, judge)
    assert Outbox.objects.get(kind="update_rejected").recipient == "moved@example.com"


# --- The clock ------------------------------------------------------------------------------------


@contextlib.contextmanager
def at_first_step(**change):
    """Let another process change every request but the first that the clock comes to, after it has listed them."""

    def happen(instance, **_signal):
        UpdateRequest.objects.exclude(pk=instance.request_id).update(**change)

    post_save.connect(happen, sender=RequestStep)
    try:
        yield
    finally:
        post_save.disconnect(happen, sender=RequestStep)


@pytest.fixture
def returned(sent, judge):
    request = give_back(sent, judge, job_title="?")
    clear_told()
    return request


def test_returned_request_is_reminded_of_once(returned, clock):
    clock.shift(7 * DAY - timedelta(seconds=1))
    assert services.remind_returned_requests() == 0
    check_nothing_told()
    clock.shift(timedelta(seconds=1))
    with only_changes(returned, reminded_at=timezone.now()):
        assert services.remind_returned_requests() == 1
    check_told(returned, "reminded", event=None)
    assert services.remind_returned_requests() == 0


def test_every_due_request_is_reminded_of_and_closed(returned, judge, clock):
    give_back(someone_elses("other"), judge, job_title="?")
    clear_told()
    clock.shift(30 * DAY)
    assert services.remind_returned_requests() == 2
    assert services.close_returned_requests() == 2
    assert RequestStep.objects.filter(kind=Step.REMINDED).count() == 2
    assert set(UpdateRequest.objects.values_list("state", flat=True)) == {State.REJECTED}


@pytest.mark.parametrize("what", ["state", "reminded_at"])
def test_request_that_was_sent_or_reminded_of_meanwhile_is_let_be(returned, judge, clock, what):
    give_back(someone_elses("other"), judge, job_title="?")
    clear_told()
    clock.shift(7 * DAY)
    change = {"state": State.SUBMITTED} if what == "state" else {"reminded_at": timezone.now() - HOUR}
    with at_first_step(**change):
        assert services.remind_returned_requests() == 1
    assert RequestStep.objects.count() == Outbox.objects.count() == 1
    assert UpdateRequest.objects.filter(reminded_at=timezone.now()).count() == 1


def test_unanswered_request_is_closed(returned, clock):
    paper = add_file(returned)
    clock.shift(30 * DAY - timedelta(seconds=1))
    assert services.close_returned_requests() == 0
    clock.shift(timedelta(seconds=1))
    now = timezone.now()
    with (
        only_changes(returned, state="rejected", reason="expired", decided_at=now, updated_at=now),
        only_changes(paper, delete_after=now + 90 * DAY),
        statements() as sqls,
    ):
        assert services.close_returned_requests() == 1
    assert locks_of(sqls) == [(None, set())]
    check_told(returned, "closed", event="request.closed", fields=["job_title"], note="expired")
    assert services.close_returned_requests() == 0


def test_request_that_was_sent_meanwhile_is_not_closed(returned, judge, clock):
    give_back(someone_elses("other"), judge, job_title="?")
    clear_told()
    clock.shift(30 * DAY)
    with at_first_step(state=State.SUBMITTED):
        assert services.close_returned_requests() == 1
    assert sorted(UpdateRequest.objects.values_list("state", flat=True)) == ["rejected", "submitted"]
    assert RequestStep.objects.count() == Outbox.objects.count() == 1
