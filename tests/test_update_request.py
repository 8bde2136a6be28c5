"""Story: a member updates their data, from the membership number to «finish the update» and its result."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import User
from mumaris.mail.models import Outbox
from profiles import services
from profiles.models import Member, MemberFile, RecordView, RequestStep, UpdateRequest
from tests.conftest import make_user
from tests.journey import deliver, hidden, mails_to, sign_in, subject_of, text_of, url
from tests.registry import edit_fields, make_iqama, make_picture, make_registry_member
from tests.roles import enter

pytestmark = pytest.mark.django_db
State = UpdateRequest.State


@pytest.fixture
def file(member):
    """The member file of ``member``."""
    return make_registry_member(member)


@pytest.fixture
def here(client, member, file):
    client.force_login(member)
    return client


def begin(client, number: str, language: str = "en"):
    return client.post(url("update_begin", language=language), {"membership_number": number})


def start(client, file, **changes) -> UpdateRequest:
    """Type the number and the changes; return the draft."""
    begin(client, file.membership_number)
    request = UpdateRequest.objects.open().get(member=file)
    answer = client.post(url("update_edit", request.reference, language="en"), edit_fields(file, **changes))
    assert answer.status_code == 302, re.findall(r'class="err".*?</div>', answer.content.decode(), re.DOTALL)
    request.refresh_from_db()
    return request


def finish(client, request, language: str = "en", **more):
    page = client.get(url("update_check", request.reference, language=language))
    fields = {"action": "finish", "revision": hidden(page, "revision")} | more
    return client.post(url("update_check", request.reference, language=language), fields)


def send(client, file, **changes) -> UpdateRequest:
    request = start(client, file, **changes)
    finish(client, request)
    request.refresh_from_db()
    return request


def attach(client, request, file, **files):
    return client.post(url("update_edit", request.reference, language="en"), edit_fields(file) | files)


def texts_to(smtp, address: str) -> list[tuple[str, str]]:
    deliver()
    return [(subject_of(mail), text_of(mail)) for mail in mails_to(smtp, address)]


def read_file(answer) -> bytes:
    """Return the file of an answer. Closing the answer would close the test's connection to the database."""
    content = b"".join(answer.streaming_content)
    for close in answer._resource_closers:
        close()
    return content


# --- The whole way --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "subject", "headline"),
    [
        ("ar", "استلمنا طلبك", "تم استلام طلب تحديث البيانات"),
        ("en", "We received your request", "We received your update request"),
    ],
)
def test_update_leads_from_number_to_status(here, member, file, smtp, language, subject, headline):  # noqa: PLR0917
    User.objects.filter(pk=member.pk).update(language=language)
    answer = begin(here, file.membership_number, language)
    request = UpdateRequest.objects.get()
    assert answer.url == url("update_edit", request.reference, language=language)
    page = here.get(answer.url).content.decode()
    assert file.workplace in page
    answer = here.post(answer.url, edit_fields(file, workplace="مستشفى الواحة العام", city="جدة"))
    assert answer.url == url("update_check", request.reference, language=language)
    page = here.get(answer.url).content.decode()
    assert "مستشفى الواحة العام" in page
    assert "مركز النخيل الصحي" in page, "old and new side by side"
    assert not Outbox.objects.exists(), "nothing is sent before «finish»"
    answer = finish(here, request, language)
    assert answer.url == url("update_request", request.reference, language=language)
    page = here.get(answer.url).content.decode()
    assert headline in page
    assert request.reference in page
    [(seen, text)] = texts_to(smtp, member.email)
    assert seen.startswith(subject)
    assert request.reference in seen
    assert f"/{language}/profile/requests/{request.reference}/" in text
    file.refresh_from_db()
    assert file.workplace == "مركز النخيل الصحي", "data stay as they are until approval"
    assert file.city == "الرياض", "a mixed request waits as a whole"
    request.refresh_from_db()
    assert request.old_values == {"city": "الرياض", "workplace": "مركز النخيل الصحي"}
    assert request.new_values == {"city": "جدة", "workplace": "مستشفى الواحة العام"}


def test_contact_details_change_at_once(here, member, file, smtp):
    request = send(here, file, mobile="٠٥٠ ١٢٣ ٤٥٦٧", city="جدة")
    assert (request.state, request.reason, request.decided_by) == (State.APPROVED, "automatic", None)
    file.refresh_from_db()
    assert (file.mobile, file.city) == ("+966501234567", "جدة")
    assert set(file.kept_fields) == {"mobile", "city"}
    [(subject, text)] = texts_to(smtp, member.email)
    assert "approved" in subject
    assert "needed no review" in text
    assert [step.kind for step in request.steps.all()] == ["approved"]


def test_which_fields_change_at_once_is_a_setting(here, file, settings):
    settings.AT_ONCE_FIELDS = ["city"]
    assert send(here, file, city="جدة").state == State.APPROVED
    file.refresh_from_db()
    assert send(here, file, mobile="0501234567").state == State.SUBMITTED


def test_approval_writes_exactly_the_asked_fields(here, member, file, reviewer, smtp):
    request = send(here, file, job_title="رئيسة تمريض", specialty="pharmacy")
    before = {name: getattr(file, name) for name in ("city", "mobile", "rank_id", "workplace", "name_arabic")}
    services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
    file.refresh_from_db()
    assert (file.job_title, file.specialty.code) == ("رئيسة تمريض", "pharmacy")
    assert before == {name: getattr(file, name) for name in before}
    subjects = [subject for subject, _ in texts_to(smtp, member.email)]
    assert [s.split(" was ")[-1].split()[0] for s in subjects[1:]] == ["approved"]
    page = here.get(url("update_request", request.reference, language="en")).content.decode()
    assert "Your data is updated" in page
    assert reviewer.email not in page
    assert reviewer.first_name not in page


def test_approved_birth_date_reaches_the_account(here, member, file, reviewer):
    request = start(here, file, birth_date="16/07/1405", evidence=make_picture())
    finish(here, request)
    request.refresh_from_db()
    services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
    file.refresh_from_db()
    member.refresh_from_db()
    assert (str(file.birth_date), file.birth_typed, file.birth_calendar) == ("1985-04-06", "16/07/1405", "hijri")
    assert member.birth_date == file.birth_date


def test_returned_request_reopens_the_named_fields_only(here, member, file, reviewer, smtp):
    request = send(here, file, job_title="رئيسة تمريض", workplace="مستشفى الواحة")
    remarks = {"workplace": "اكتب الاسم الكامل للمستشفى."}
    services.return_update_request(request=request, reviewer=reviewer, revision=request.revision, remarks=remarks)
    subject, text = texts_to(smtp, member.email)[-1]
    assert "returned" in subject
    assert "اكتب الاسم الكامل للمستشفى." in text
    page = here.get(url("update_edit", request.reference, language="en")).content.decode()
    assert "اكتب الاسم الكامل للمستشفى." in page
    assert 'name="workplace"' in page
    assert 'name="job_title"' not in page
    here.post(
        url("update_edit", request.reference, language="en"),
        {"workplace": "مستشفى الواحة العام", "job_title": "مديرة", "name_arabic": "اسم آخر"},
    )
    finish(here, request)
    request.refresh_from_db()
    assert request.state == State.SUBMITTED
    assert request.new_values == {"job_title": "رئيسة تمريض", "workplace": "مستشفى الواحة العام"}
    assert [step.kind for step in request.steps.all()] == ["submitted", "returned", "submitted"]


def test_rejection_writes_nothing_and_gives_the_reason(here, member, file, reviewer, smtp):
    request = send(here, file, job_title="رئيسة تمريض")
    services.reject_update_request(
        request=request, reviewer=reviewer, revision=request.revision, reason="<b>No proof</b> {{ of it }}"
    )
    file.refresh_from_db()
    assert file.job_title == "أخصائية تمريض"
    assert "<b>No proof</b> {{ of it }}" in texts_to(smtp, member.email)[-1][1]
    page = here.get(url("update_request", request.reference, language="en")).content.decode()
    assert "&lt;b&gt;No proof&lt;/b&gt; {{ of it }}" in page


def test_withdrawal_ends_a_sent_request_and_frees_the_way_for_another(here, member, file, smtp):
    request = send(here, file, job_title="رئيسة تمريض")
    here.post(url("update_request", request.reference, language="en"), {"action": "withdraw"})
    request.refresh_from_db()
    assert request.state == State.WITHDRAWN
    assert "withdrew" in texts_to(smtp, member.email)[-1][0]
    begin(here, file.membership_number)
    assert UpdateRequest.objects.open().get().reference != request.reference


def test_withdrawn_draft_mails_nothing(here, file):
    request = start(here, file, city="جدة")
    here.post(url("update_request", request.reference, language="en"), {"action": "withdraw"})
    request.refresh_from_db()
    assert request.state == State.WITHDRAWN
    assert not Outbox.objects.exists()
    assert not RequestStep.objects.exists()


# --- Drafts ---------------------------------------------------------------------------------------


def test_draft_is_kept_for_later_and_continued(here, file):
    begin(here, file.membership_number)
    request = UpdateRequest.objects.get()
    edit = url("update_edit", request.reference, language="en")
    answer = here.post(edit, edit_fields(file, city="جدة", action="later"))
    assert answer.url == url("update_requests", language="en")
    assert request.reference in here.get(answer.url).content.decode()
    assert begin(here, file.membership_number).url == edit, "the same draft, not a second"
    assert 'value="جدة"' in here.get(edit).content.decode()
    file.refresh_from_db()
    assert file.city == "الرياض"


def test_wrong_field_keeps_what_was_typed_and_the_file(here, file):
    begin(here, file.membership_number)
    request = UpdateRequest.objects.get()
    answer = here.post(
        url("update_edit", request.reference),
        edit_fields(file, mobile="123", city="جدة", evidence=make_picture()),
    )
    page = answer.content.decode()
    assert "أدخل رقم جوال صحيحًا" in page
    assert 'value="جدة"' in page
    assert 'value="123"' in page
    kept = MemberFile.objects.get()
    assert (kept.request, kept.kind) == (request, "evidence")
    assert url("member_file", kept.pk) in page, "the file need not be chosen again"


def test_request_that_changes_nothing_is_not_sent(here, file):
    request = start(here, file)
    answer = finish(here, request)
    assert answer.url == url("update_edit", request.reference, language="en")
    assert "You have not changed anything." in here.get(answer.url).content.decode()
    request.refresh_from_db()
    assert request.state == State.DRAFT


def test_personal_details_need_evidence(here, file):
    begin(here, file.membership_number)
    request = UpdateRequest.objects.get()
    fields = edit_fields(file, name_latin="Noura Saad Alharbi")
    here.post(url("update_edit", request.reference, language="en"), fields)
    request.refresh_from_db()
    assert finish(here, request).url == url("update_edit", request.reference, language="en")
    request.refresh_from_db()
    assert request.state == State.DRAFT
    attach(here, request, file, name_latin="Noura Saad Alharbi", evidence=make_picture())
    for page in ("update_edit", "update_check"):
        shown = here.get(url(page, request.reference)).content.decode()
        assert f'href="{url("update_request", request.reference)}"' in shown, "where a wrong file is deleted"
    finish(here, request)
    request.refresh_from_db()
    assert request.state == State.SUBMITTED


# --- Whose number? --------------------------------------------------------------------------------


def test_strangers_number_reads_like_an_unknown_one(here, file, other_member):
    other = make_registry_member(other_member)
    known, unknown = begin(here, other.membership_number), begin(here, "99999999")
    bare = [re.sub(r'value="[^"]*"', "", page.content.decode()) for page in (known, unknown)]
    assert bare[0] == bare[1]
    assert "The number does not match your account" in known.content.decode()
    assert not UpdateRequest.objects.exists()


def test_number_is_never_looked_up(here, file, django_assert_max_num_queries, other_member):
    other = make_registry_member(other_member)
    with django_assert_max_num_queries(4) as seen:
        begin(here, other.membership_number)
    assert not [query for query in seen.captured_queries if other.membership_number in query["sql"]]


@pytest.mark.parametrize("spelling", ["١٠٢٩{}", "\u200f1029 {}", "1029-{}", "１０２９{}"])
def test_number_may_be_typed_in_any_digits(here, file, spelling):
    typed = spelling.format(file.membership_number[4:])
    assert begin(here, typed).status_code == 302


def test_user_without_a_member_is_led_to_the_claim(client, other_member):
    client.force_login(other_member)
    assert client.get(url("update_begin")).url == url("claim")
    assert begin(client, "10290001", "ar").url == url("claim")


@pytest.mark.parametrize("page", ["update_edit", "update_check", "update_request"])
def test_strangers_request_is_a_404_like_an_unknown_one(here, file, client, other_member, page):
    request = start(here, file, city="جدة")
    client.force_login(other_member)
    stranger, unknown = client.get(url(page, request.reference)), client.get(url(page, "UPD-0000-0000"))
    assert (stranger.status_code, unknown.status_code) == (404, 404)
    assert client.post(url(page, request.reference), {"action": "withdraw"}).status_code == 404
    request.refresh_from_db()
    assert request.state == State.DRAFT


def test_strangers_file_is_a_404_and_the_owners_is_served(here, file, client, other_member):
    request = start(here, file)
    attach(here, request, file, evidence=make_picture())
    kept = MemberFile.objects.get()
    answer = here.get(url("member_file", kept.pk))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/jpeg"
    assert read_file(answer)[:3] == b"\xff\xd8\xff"
    client.force_login(other_member)
    assert client.get(url("member_file", kept.pk)).status_code == 404
    assert client.post(url("member_file", kept.pk)).status_code == 404
    assert MemberFile.objects.exists()


def test_reviewers_view_of_a_file_is_recorded(here, file, client, reviewer, member):
    from django.contrib.auth.models import Permission

    request = start(here, file)
    attach(here, request, file, name_latin="Noura Saad Alharbi", evidence=make_picture())
    kept = MemberFile.objects.get()
    client.force_login(reviewer)
    assert client.get(url("member_file", kept.pk)).status_code == 404, "staff, but no reviewer"
    reviewer.user_permissions.add(Permission.objects.get(codename="review_updaterequest"))
    assert client.get(url("member_file", kept.pk)).status_code == 404, "a draft is its owner's alone"
    client.force_login(member)
    finish(client, request)
    client.force_login(reviewer)
    assert client.get(url("member_file", kept.pk)).status_code == 404, "without a second step of signing in"
    enter(client, reviewer)
    answer = client.get(url("member_file", kept.pk))
    assert answer.status_code == 200
    assert read_file(answer)
    assert [(view.member, view.viewed_by, view.what) for view in RecordView.objects.all()] == [(file, reviewer, "file")]
    session = client.session
    session["signed_in"] |= {"kind": "remembered"}
    session.save()
    assert client.get(url("member_file", kept.pk)).status_code == 404, "only in a session of staff"


def test_owner_deletes_a_file_but_not_during_the_review(here, file, reviewer):
    from profiles.files import open_file

    request = start(here, file, name_latin="Noura Saad Alharbi", evidence=make_picture())
    finish(here, request)
    kept = MemberFile.objects.get()
    here.post(url("member_file", kept.pk))
    assert MemberFile.objects.exists(), "the reviewer needs it"
    request.refresh_from_db()
    services.reject_update_request(request=request, reviewer=reviewer, revision=request.revision, reason="No.")
    kept.refresh_from_db()
    assert timedelta(days=89) < kept.delete_after - timezone.now() < timedelta(days=91)
    here.post(url("member_file", kept.pk))
    assert not MemberFile.objects.exists()
    with pytest.raises(FileNotFoundError):
        open_file(kept.key).close()


def test_approved_photo_becomes_the_members_and_stays(here, file, reviewer):
    request = start(here, file)
    attach(here, request, file, photo=make_picture())
    finish(here, request)
    request.refresh_from_db()
    assert request.state == State.SUBMITTED
    services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
    file.refresh_from_db()
    photo = MemberFile.objects.get()
    assert file.photo == photo
    assert photo.delete_after is None
    assert url("member_file", photo.pk) in here.get(url("profile")).content.decode()


def test_photo_of_the_wrong_shape_is_refused_in_words(here, file):
    begin(here, file.membership_number)
    request = UpdateRequest.objects.get()
    answer = here.post(url("update_edit", request.reference), edit_fields(file, photo=make_picture(900, 600)))
    assert answer.status_code == 200
    assert "4×6" in answer.content.decode()
    assert not MemberFile.objects.exists()


# --- Two tabs, double taps, limits -----------------------------------------------------------------


def test_second_tap_on_finish_leads_to_the_same_status(here, file, smtp, member):
    request = start(here, file, job_title="رئيسة تمريض")
    first, second = finish(here, request), None
    second = here.post(url("update_check", request.reference, language="en"), {"action": "finish", "revision": "1"})
    assert first.url == second.url == url("update_request", request.reference, language="en")
    assert len(texts_to(smtp, member.email)) == 1


def test_finish_sends_only_what_the_check_page_showed(here, file):
    request = start(here, file, job_title="رئيسة تمريض")
    seen = hidden(here.get(url("update_check", request.reference, language="en")), "revision")
    # Another tab changes the data meanwhile.
    here.post(url("update_edit", request.reference, language="en"), edit_fields(file, job_title="مديرة"))
    answer = here.post(url("update_check", request.reference, language="en"), {"action": "finish", "revision": seen})
    assert answer.url == url("update_check", request.reference, language="en")
    assert "another tab" in here.get(answer.url).content.decode()
    request.refresh_from_db()
    assert request.state == State.DRAFT


def test_request_under_review_cannot_be_edited(here, file):
    request = send(here, file, job_title="رئيسة تمريض")
    edit = url("update_edit", request.reference, language="en")
    status = url("update_request", request.reference, language="en")
    assert here.get(edit).url == here.post(edit, edit_fields(file, job_title="مديرة")).url == status
    assert begin(here, file.membership_number).url == status
    request.refresh_from_db()
    assert request.new_values == {"job_title": "رئيسة تمريض"}


def test_five_requests_a_day(here, file):
    for number in range(5):
        assert send(here, file, city=f"مدينة {number}").state == State.APPROVED
        file.refresh_from_db()
    request = send(here, file, city="جدة")
    assert request.state == State.DRAFT
    assert "too many requests" in here.get(url("update_check", request.reference, language="en")).content.decode()
    file.refresh_from_db()
    assert file.city == "مدينة 4"


def test_posted_fields_beyond_the_list_change_nothing(here, file):
    request = start(
        here, file, membership_number="1", registration_expiry="2099-01-01", user="1", state="approved", photo_id="1"
    )
    assert request.state == State.DRAFT
    assert not {"membership_number", "registration_expiry", "user", "state"} & request.new_values.keys()


def test_check_page_asks_for_a_fresh_proof(here, file, member):
    request = start(here, file, city="جدة")
    session = here.session
    session["signed_in"] = session["signed_in"] | {"at": session["signed_in"]["at"] - 16 * 60}
    session["account_authentication_methods"] = []
    session.save()
    check = url("update_check", request.reference, language="en")
    assert here.get(check).url.startswith(url("account_reauthenticate", language="en"))
    answer = here.post(check, {"action": "finish"})
    assert answer.url.startswith(url("account_reauthenticate", language="en"))
    request.refresh_from_db()
    assert request.state == State.DRAFT


# --- The clock ------------------------------------------------------------------------------------


def test_returned_request_is_reminded_once_and_closed_in_the_end(here, member, file, reviewer, smtp):
    request = send(here, file, job_title="رئيسة تمريض")
    services.return_update_request(
        request=request, reviewer=reviewer, revision=request.revision, remarks={"job_title": "?"}
    )
    UpdateRequest.objects.update(returned_at=timezone.now() - timedelta(days=6))
    assert (services.remind_returned_requests(), services.close_returned_requests()) == (0, 0)
    UpdateRequest.objects.update(returned_at=timezone.now() - timedelta(days=8))
    assert services.remind_returned_requests() == 1
    assert services.remind_returned_requests() == 0
    assert "waits for you" in texts_to(smtp, member.email)[-1][0]
    UpdateRequest.objects.update(returned_at=timezone.now() - timedelta(days=31))
    assert services.close_returned_requests() == 1
    request.refresh_from_db()
    assert (request.state, request.reason, request.decided_by) == (State.REJECTED, "expired", None)
    assert "was closed" in texts_to(smtp, member.email)[-1][0]
    assert Member.objects.get().job_title == "أخصائية تمريض"


# --- Statements -----------------------------------------------------------------------------------


def make_requests(member, file, count: int) -> None:
    now = timezone.now()
    for number in range(count):
        request = UpdateRequest.objects.create(
            reference=f"UPD-{number:04}-AAAA", member=file, requested_by=member, state=State.APPROVED,
            submitted_at=now, decided_at=now, old_values={"specialty": "nursing"}, new_values={"specialty": "pharmacy"},
        )  # fmt: skip
        for kind in ("submitted", "approved"):
            request.steps.create(kind=kind)


@pytest.mark.parametrize("count", [1, 50])
def test_pages_take_few_statements_however_many_requests(here, member, file, count, django_assert_max_num_queries):
    make_requests(member, file, count)
    request = start(here, file, city="جدة")
    for name, args, most in (
        ("profile", [], 3), ("update_begin", [], 8), ("update_requests", [], 8),
        ("update_edit", [request.reference], 8), ("update_check", [request.reference], 8),
        ("update_request", [request.reference], 8),
    ):  # fmt: skip
        with django_assert_max_num_queries(most):
            assert here.get(url(name, *args)).status_code == 200


def test_members_sign_in_by_membership_number(client, member, file):
    from tests.journey import PASSWORD

    assert sign_in(client, file.membership_number, PASSWORD).url == url("profile")


def test_identity_number_is_masked_until_shown(here, file):
    page = here.get(url("profile")).content.decode()
    assert file.identity_number not in page
    assert file.identity_number[-4:] in page
    assert file.identity_number in here.get(url("profile") + "?show=identity").content.decode()


def test_two_members_cannot_have_one_identity_number(here, file, reviewer):
    other = make_registry_member(make_user("third@example.com"))
    request = start(here, file, identity_number=other.identity_number, evidence=make_picture())
    finish(here, request)
    request.refresh_from_db()
    assert request.state == State.SUBMITTED, "whether the number is taken is not told to the member"
    with pytest.raises(services.IdentityTaken):
        services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
    request.refresh_from_db()
    file.refresh_from_db()
    assert request.state == State.SUBMITTED
    assert file.identity_number != other.identity_number


# --- Files after their time -----------------------------------------------------------------------


def test_evidence_is_deleted_after_its_time_and_the_photo_stays(here, file, reviewer):
    from profiles import attachments
    from profiles.files import open_file

    request = start(here, file, name_latin="Noura Saad Alharbi", evidence=make_picture(), photo=make_picture())
    finish(here, request)
    request.refresh_from_db()
    services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
    evidence, photo = MemberFile.objects.get(kind="evidence"), MemberFile.objects.get(kind="photo")
    assert attachments.purge_files() == 0
    MemberFile.objects.filter(pk=evidence.pk).update(delete_after=timezone.now())
    assert here.get(url("member_file", evidence.pk)).status_code == 404, "gone from the pages at once"
    assert attachments.purge_files() == 1
    assert attachments.purge_files() == 0
    assert list(MemberFile.objects.all()) == [photo]
    with pytest.raises(FileNotFoundError):
        open_file(evidence.key).close()
    open_file(photo.key).close()


def test_file_of_a_draft_is_deleted_at_once(here, file):
    request = start(here, file)
    attach(here, request, file, photo=make_picture())
    kept = MemberFile.objects.get()
    here.post(url("member_file", kept.pk))
    assert not MemberFile.objects.exists()
    request.refresh_from_db()
    assert "photo" not in request.new_values


def test_clock_does_all_its_work_in_one_task(here, member, file, reviewer):
    from profiles.tasks import tend

    request = send(here, file, job_title="رئيسة تمريض")
    services.return_update_request(
        request=request, reviewer=reviewer, revision=request.revision, remarks={"job_title": "?"}
    )
    UpdateRequest.objects.update(returned_at=timezone.now() - timedelta(days=31))
    idle = dict.fromkeys(["claims tied", "requests reminded", "requests closed", "files deleted", "record views"], 0)
    assert tend() == idle | {"requests reminded": 1, "requests closed": 1}
    assert tend() == idle


# --- Second visits ----------------------------------------------------------------------------------


def test_draft_with_a_photo_is_saved_again(here, file):
    request = start(here, file)
    attach(here, request, file, photo=make_picture())
    answer = attach(here, request, file, city="جدة")
    assert answer.url == url("update_check", request.reference, language="en")
    request.refresh_from_db()
    assert set(request.new_values) == {"photo", "city"}
    assert MemberFile.objects.count() == 1


def test_member_with_an_approved_photo_changes_the_city(here, file, reviewer):
    request = start(here, file)
    attach(here, request, file, photo=make_picture())
    finish(here, request)
    request.refresh_from_db()
    services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
    file.refresh_from_db()
    assert send(here, file, city="جدة").state == State.APPROVED


def test_second_photo_takes_the_place_of_the_first(here, file):
    request = start(here, file)
    attach(here, request, file, photo=make_picture())
    attach(here, request, file, photo=make_picture(800, 1200))
    request.refresh_from_db()
    assert str(MemberFile.objects.kept().get().pk) == request.new_values["photo"]


def test_photo_beside_a_wrong_field_is_shown_as_attached(here, file):
    begin(here, file.membership_number)
    request = UpdateRequest.objects.get()
    fields = edit_fields(file, mobile="12", photo=make_picture())
    page = here.post(url("update_edit", request.reference, language="en"), fields).content.decode()
    assert "Your new photo is attached." in page


def test_save_for_later_keeps_the_good_values_beside_a_wrong_one(here, file):
    begin(here, file.membership_number)
    request = UpdateRequest.objects.get()
    edit = url("update_edit", request.reference, language="en")
    page = here.post(edit, edit_fields(file, mobile="12", city="جدة", action="later")).content.decode()
    assert "The values without an error were saved." in page
    assert 'value="12"' in page
    request.refresh_from_db()
    assert request.new_values == {"city": "جدة"}


def test_missing_evidence_is_told_at_its_field(here, file):
    begin(here, file.membership_number)
    request = UpdateRequest.objects.get()
    fields = edit_fields(file, name_latin="Noura Saad Alharbi")
    page = here.post(url("update_edit", request.reference, language="en"), fields).content.decode()
    assert 'id="id_evidence_error"' in page
    request.refresh_from_db()
    assert request.new_values == {"name_latin": "Noura Saad Alharbi"}, "the draft is kept all the same"


def test_draft_never_writes_old_values_over_newer_ones(here, file):
    request = start(here, file, mobile="0501234567")
    assert request.new_values == {"mobile": "+966501234567"}
    Member.objects.update(city="أبها")
    finish(here, request)
    file.refresh_from_db()
    assert (file.mobile, file.city) == ("+966501234567", "أبها")
    assert file.kept_fields == ["mobile"]


def test_value_typed_back_is_no_wish_any_more(here, file):
    request = start(here, file, city="جدة")
    here.post(url("update_edit", request.reference, language="en"), edit_fields(file))
    request.refresh_from_db()
    assert request.new_values == {}


@pytest.mark.parametrize("returned", ["identity_kind", "identity_number"])
def test_returned_identity_is_corrected_as_one(here, file, reviewer, returned):
    iqama = {"identity_kind": "iqama", "identity_number": make_iqama(70)}
    request = start(here, file)
    attach(here, request, file, evidence=make_picture(), **iqama)
    finish(here, request)
    request.refresh_from_db()
    services.return_update_request(
        request=request, reviewer=reviewer, revision=request.revision, remarks={returned: "Check it."}
    )
    edit = url("update_edit", request.reference, language="en")
    corrected = {"identity_kind": "iqama", "identity_number": make_iqama(71)}
    assert here.post(edit, {"identity_kind": "national_id", "identity_number": make_iqama(71)}).status_code == 200
    assert here.post(edit, corrected).status_code == 302
    finish(here, request)
    request.refresh_from_db()
    services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
    file.refresh_from_db()
    assert (file.identity_kind, file.identity_number) == ("iqama", make_iqama(71))


def test_remarks_stay_on_the_time_line(here, file, reviewer):
    request = send(here, file, job_title="رئيسة")
    services.return_update_request(
        request=request, reviewer=reviewer, revision=request.revision, remarks={"job_title": "Write it in full."}
    )
    here.post(url("update_edit", request.reference), {"job_title": "رئيسة تمريض"})
    finish(here, request)
    page = here.get(url("update_request", request.reference, language="en")).content.decode()
    assert "Write it in full." in page


def test_uploads_are_counted_before_they_are_read(here, file):
    begin(here, file.membership_number)
    request = UpdateRequest.objects.get()
    edit = url("update_edit", request.reference, language="en")
    for _ in range(20):
        broken = SimpleUploadedFile("scan.jpg", b"\xff\xd8\xff broken", content_type="image/jpeg")
        assert "damaged" in here.post(edit, edit_fields(file, evidence=broken)).content.decode()
    page = here.post(edit, edit_fields(file, evidence=make_picture())).content.decode()
    assert "too many files today" in page
    assert not MemberFile.objects.exists()


def test_mixed_request_says_that_all_of_it_waits(here, file):
    request = start(here, file, city="جدة", job_title="رئيسة تمريض")
    page = here.get(url("update_check", request.reference, language="en")).content.decode()
    assert "change together with the rest" in page
