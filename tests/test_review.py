"""Story: a reviewer works the queue in the admin, from the list to the decision and its mail."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.events import record_event
from mumaris.mail.models import Outbox
from profiles import services
from profiles.models import Member, RecordView, UpdateRequest
from profiles.working_days import count_working_days, overdue_before
from tests.conftest import make_user
from tests.journey import deliver, mails_to, subject_of, text_of
from tests.registry import make_registry_member
from tests.roles import enter, give_role

pytestmark = pytest.mark.django_db
State = UpdateRequest.State
LIST = reverse("admin:profiles_updaterequest_changelist")


@pytest.fixture
def reviewer(reviewer):
    return give_role(reviewer, "reviewer")


@pytest.fixture
def here(client, reviewer):
    enter(client, reviewer)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    return client


@pytest.fixture
def file(member):
    return make_registry_member(member)


def send(file, **wish) -> UpdateRequest:
    request = services.begin_update_request(user=file.user, membership_number=file.membership_number)
    request = services.save_update_request(request=request, new_values=wish or {"job_title": "رئيسة تمريض"})
    return services.submit_update_request(request=request, revision=request.revision)


@pytest.fixture
def sent(file):
    return send(file)


def page_of(request) -> str:
    return reverse("admin:profiles_updaterequest_change", args=[request.pk])


def read(client, request) -> str:
    return client.get(page_of(request)).content.decode()


def press(client, request, action: str, **fields):
    posted = {"action": action, "revision": request.revision} | fields
    return client.post(page_of(request), posted, follow=True).content.decode()


def listed(client, **query) -> list[str]:
    page = client.get(LIST, query).content.decode()
    return re.findall(
        r">(UPD-[0-9A-Z]{4}-[0-9A-Z]{4})<", page.partition('id="result_list"')[2].partition("</table>")[0]
    )


# --- The decision -----------------------------------------------------------------------------------


def test_reviewer_holds_and_approves(here, member, file, sent, reviewer, smtp):  # noqa: PLR0917
    page = read(here, sent)
    assert "أخصائية تمريض" in page
    assert "رئيسة تمريض" in page
    assert 'value="approve"' not in page, "first the review is started"
    page = press(here, sent, "hold")
    assert "You hold this request until" in page
    page = press(here, sent, "approve")
    assert "The request was approved" in page
    sent.refresh_from_db()
    file.refresh_from_db()
    assert (sent.state, sent.decided_by, file.job_title) == (State.APPROVED, reviewer, "رئيسة تمريض")
    deliver()
    assert subject_of(mails_to(smtp, member.email)[-1]) == f"Your request {sent.reference} was approved"


def test_reviewer_returns_field_by_field(here, member, file, smtp):
    sent = send(file, job_title="رئيسة", workplace="مستشفى")
    press(here, sent, "hold")
    page = press(here, sent, "return", remark_job_title="  ", remark_workplace="")
    assert "Write a remark beside each field" in page
    page = press(here, sent, "return", remark_workplace="اكتب الاسم الكامل.", remark_job_title="\u202eabc")
    assert 'value="اكتب الاسم الكامل."' in page, "what was typed stays"
    page = press(here, sent, "return", remark_workplace="اكتب الاسم الكامل.")
    assert "returned to the applicant" in page
    sent.refresh_from_db()
    assert (sent.state, sent.remarks) == (State.RETURNED, {"workplace": "اكتب الاسم الكامل."})
    deliver()
    assert "اكتب الاسم الكامل." in text_of(mails_to(smtp, member.email)[-1])


def test_rejection_needs_a_reason(here, sent, file):
    press(here, sent, "hold")
    assert "Write a reason the applicant will see." in press(here, sent, "reject", reason=" ")
    sent.refresh_from_db()
    assert sent.state == State.SUBMITTED
    press(here, sent, "reject", reason="No proof.")
    sent.refresh_from_db()
    assert (sent.state, sent.reason) == (State.REJECTED, "No proof.")
    file.refresh_from_db()
    assert file.job_title == "أخصائية تمريض"


def test_second_tap_leads_to_the_decided_request(here, sent):
    press(here, sent, "hold")
    press(here, sent, "approve")
    page = press(here, sent, "approve")
    assert "decided on or withdrawn meanwhile" in page
    assert Outbox.objects.filter(kind="update_approved").count() == 1


def test_changed_data_is_shown_and_stops_the_approval(here, sent, file):
    press(here, sent, "hold")
    Member.objects.filter(pk=file.pk).update(job_title="مشرفة")
    page = read(here, sent)
    assert "It cannot be approved" in page
    page = press(here, sent, "approve")
    assert "Job title. Return it or reject it." in page
    file.refresh_from_db()
    assert file.job_title == "مشرفة"


def test_decision_counts_only_for_what_was_seen(here, sent, reviewer):
    seen = UpdateRequest.objects.get(pk=sent.pk)
    services.return_update_request(request=sent, reviewer=reviewer, revision=sent.revision, remarks={"job_title": "?"})
    again = services.save_update_request(request=sent, new_values={"job_title": "مديرة"})
    services.submit_update_request(request=again, revision=again.revision)
    assert "sent this request again" in press(here, seen, "approve")
    sent.refresh_from_db()
    assert sent.state == State.SUBMITTED
    here.post(page_of(sent), {"action": "approve"})
    sent.refresh_from_db()
    assert sent.state == State.SUBMITTED, "without a revision nothing was seen"


def test_taken_identity_number_is_said(here, file, other_member):
    other = make_registry_member(other_member)
    request = services.begin_update_request(user=file.user, membership_number=file.membership_number)
    request.files.create(kind="evidence", owner=file.user, key="none", content_type="application/pdf", size=1)
    request = services.save_update_request(request=request, new_values={"identity_number": other.identity_number})
    request = services.submit_update_request(request=request, revision=request.revision)
    press(here, request, "hold")
    assert "Another member has this identity number." in press(here, request, "approve")
    request.refresh_from_db()
    assert request.state == State.SUBMITTED


# --- The lock ---------------------------------------------------------------------------------------


def test_lock_keeps_others_out_until_it_ends(here, sent, reviewer):
    other = give_role(make_user("second@example.com", first_name="Huda", last_name="Salem"), "reviewer")
    services.hold_for_review(request=sent, reviewer=other)
    page = read(here, sent)
    assert "Huda Salem" in page
    assert "holds this request until" in page
    assert 'value="take_over"' not in page
    assert "Another reviewer holds this request" in press(here, sent, "approve")
    assert here.post(page_of(sent), {"action": "take_over"}).status_code == 403
    UpdateRequest.objects.update(review_until=timezone.now() - timedelta(seconds=1))
    assert "You hold this request until" in press(here, sent, "hold")


def test_senior_takes_a_lock_over_and_holder_releases_it(client, sent, reviewer):
    senior = give_role(make_user("senior@example.com"), "senior reviewer")
    services.hold_for_review(request=sent, reviewer=reviewer)
    enter(client, senior)
    press(client, sent, "take_over")
    sent.refresh_from_db()
    assert sent.reviewer == senior
    press(client, sent, "release")
    sent.refresh_from_db()
    assert (sent.reviewer, sent.review_until) == (None, None)


def test_nobody_decides_on_their_own_request(here, reviewer):
    own = send(make_registry_member(reviewer))
    with pytest.raises(services.OwnRequest):
        services.hold_for_review(request=own, reviewer=reviewer)
    page = read(here, own)
    assert "You cannot review a request of your own," in page
    assert 'name="action"' not in page
    for action in ("hold", "approve", "reject", "return"):
        press(here, own, action, reason="x", remark_job_title="x")
    own.refresh_from_db()
    assert own.state == State.SUBMITTED


def test_nobody_decides_for_whoever_gave_them_rights_lately(here, reviewer, sent, member):
    """An administrator could else give a role to an account of their own and review themselves by it."""
    record_event("rights.changed", user=reviewer, actor=member)
    assert "whoever gave you rights in the last 7 days" in read(here, sent)
    for act in (services.hold_for_review, services.take_over_review):
        with pytest.raises(services.OwnRequest):
            act(request=sent, reviewer=reviewer)
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        services.hold_for_review(request=sent, reviewer=reviewer)


# --- The queue --------------------------------------------------------------------------------------


def make_sent(count: int) -> list[UpdateRequest]:
    requests = []
    for number in range(count):
        request = send(make_registry_member(make_user(f"applicant{number}@example.com")))
        UpdateRequest.objects.filter(pk=request.pk).update(submitted_at=timezone.now() - timedelta(days=count - number))
        requests.append(request)
    return requests


def test_queue_is_mine_and_free_and_oldest_first(here, reviewer):
    requests = make_sent(4)
    other = give_role(make_user("second@example.com"), "reviewer")
    services.hold_for_review(request=requests[0], reviewer=other)
    services.hold_for_review(request=requests[2], reviewer=reviewer)
    references = [request.reference for request in requests]
    assert listed(here) == references[1:]
    assert listed(here, reviewer="mine") == [references[2]]
    assert listed(here, reviewer="all") == references
    services.approve_update_request(request=requests[2], reviewer=reviewer, revision=requests[2].revision)
    assert listed(here, state="approved", reviewer="all") == [references[2]]


def test_overdue_requests_are_named_in_words(here, sent):
    UpdateRequest.objects.update(submitted_at=timezone.now() - timedelta(days=10))
    assert "Overdue" in here.get(LIST).content.decode().partition('id="result_list"')[2]
    assert listed(here, age="overdue") == [sent.reference]
    assert listed(here, age="today") == []


def test_drafts_are_their_owners_alone(here, file):
    draft = services.begin_update_request(user=file.user, membership_number=file.membership_number)
    assert listed(here, state="all", reviewer="all") == []
    assert here.get(page_of(draft)).status_code == 302
    assert listed(here, q=draft.reference) == []


@pytest.mark.parametrize("spelling", [str, str.lower, lambda r: r.replace("-", " "), lambda r: f"\u200f{r[4:]}"])
def test_search_finds_a_reference_in_any_spelling(here, sent, spelling):
    make_sent(1)
    assert listed(here, q=spelling(sent.reference)) == [sent.reference]


def test_search_finds_number_and_address_in_every_state(here, sent, file, reviewer):
    services.reject_update_request(request=sent, reviewer=reviewer, revision=sent.revision, reason="No.")
    assert listed(here, q=file.membership_number) == [sent.reference]
    assert listed(here, q=file.user.email.upper()) == [sent.reference]
    assert listed(here, q="nobody@example.com") == []
    assert listed(here, q="'; --") == []


@pytest.mark.parametrize("count", [1, 50])
def test_queue_takes_few_statements(here, count, django_assert_max_num_queries):
    make_sent(count)
    here.get(LIST)
    with django_assert_max_num_queries(12):
        assert len(listed(here)) == count


def test_senior_approves_several_at_once(client, reviewer):
    requests = make_sent(3)
    senior = give_role(make_user("senior@example.com"), "senior reviewer")
    services.hold_for_review(request=requests[0], reviewer=reviewer)
    enter(client, senior)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    seen_at = re.search(r'name="seen_at" value="([^"]*)"', client.get(f"{LIST}?reviewer=all").content.decode())[1]
    late = send(make_registry_member(make_user("late@example.com")))
    chosen = {"action": "approve_selected", "_selected_action": [r.pk for r in (*requests, late)], "seen_at": seen_at}
    page = client.post(f"{LIST}?reviewer=all", chosen, follow=True).content.decode()
    assert f"{late.reference}: Open this request" in page
    assert "2 requests were approved." in page
    assert f"{requests[0].reference}: Another reviewer holds this request" in page
    assert UpdateRequest.objects.filter(state=State.APPROVED).count() == 2


def test_reviewer_cannot_approve_several_at_once(here):
    requests = make_sent(2)
    here.post(LIST, {"action": "approve_selected", "_selected_action": [request.pk for request in requests]})
    assert not UpdateRequest.objects.filter(state=State.APPROVED).exists()


# --- Who may, and what is recorded ------------------------------------------------------------------


def test_every_view_of_a_request_is_recorded(here, sent, file, reviewer):
    read(here, sent)
    here.get(LIST)
    assert [(view.member, view.viewed_by, view.what) for view in RecordView.objects.all()] == [
        (file, reviewer, "request")
    ]


@pytest.mark.parametrize(
    ("role", "sees", "decides"),
    [
        ("support", False, False), ("reviewer", True, True), ("senior reviewer", True, True),
        ("administrator", True, True), (None, False, False),
    ],
)  # fmt: skip
def test_roles(client, sent, role, sees, decides):
    user = make_user("staff@example.com", is_staff=True)
    if role:
        give_role(user, role)
    enter(client, user)
    assert client.get(LIST).status_code == client.get(page_of(sent)).status_code == (200 if sees else 403)
    assert client.post(page_of(sent), {"action": "hold"}).status_code == (302 if decides else 403)
    sent.refresh_from_db()
    assert (sent.reviewer == user) == decides
    for page in (reverse("admin:profiles_updaterequest_add"), page_of(sent).replace("change", "delete")):
        assert client.get(page).status_code in {403, 404}


def test_viewer_without_the_right_to_review_sees_no_button(client, sent):
    user = make_user("viewer@example.com", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_updaterequest"))
    enter(client, user)
    assert 'name="action"' not in read(client, sent)
    assert client.post(page_of(sent), {"action": "approve", "revision": sent.revision}).status_code == 403


def test_member_and_visitor_reach_no_review(client, member, sent):
    assert Client().get(page_of(sent)).status_code == 302
    client.force_login(member)
    assert client.get(page_of(sent)).status_code in {302, 403}


@pytest.mark.parametrize("language", ["ar", "en"])
def test_review_works_in_both_languages(client, reviewer, sent, language):
    enter(client, reviewer)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    for page in (LIST, page_of(sent)):
        shown = client.get(page).content.decode()
        assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in shown
        assert ("طلب" if language == "ar" else "equest") in shown


def test_hostile_text_is_shown_literally(here, file):
    sent = send(file, workplace="<script>alert(1)</script> {{ 7|add:7 }}")
    page = read(here, sent)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7|add:7 }}" in page


# --- Working days -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        # 2026-11-22 is a Sunday.
        ("2026-11-22", "2026-11-22", 0),
        ("2026-11-22", "2026-11-23", 1),
        ("2026-11-26", "2026-11-27", 0),
        ("2026-11-26", "2026-11-28", 0),
        ("2026-11-26", "2026-11-29", 1),
        ("2026-11-22", "2026-11-29", 5),
        ("2026-11-22", "2026-12-09", 13),
        ("2026-11-23", "2026-11-22", 0),
    ],
)
def test_working_days_are_sunday_to_thursday(start, end, days):
    first, last = (datetime.fromisoformat(day).replace(tzinfo=UTC).date() for day in (start, end))
    assert count_working_days(first, last) == days


@pytest.mark.parametrize("offset", range(14))
def test_overdue_filter_agrees_with_the_age(offset):
    today = datetime(2026, 11, 22, tzinfo=UTC).date() + timedelta(days=offset)
    for days in range(20):
        sent = today - timedelta(days=days)
        assert (sent < overdue_before(today)) == (count_working_days(sent, today) > 3), (today, sent)
