"""The privacy page: consents given and taken back, a copy of one's data, and the erasure of an account."""

import json
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import cases, erasure
from accounts.events import record_event
from accounts.limits import LimitReached
from accounts.models import (
    AccountEvent,
    Consent,
    EmailChange,
    ErasureRequest,
    PendingRegistration,
    SignInName,
    StaffCase,
    User,
)
from mumaris.mail.models import Outbox
from profiles import claims, services
from profiles.models import Claim, Member, MemberFile, UpdateRequest
from tests.conftest import make_user
from tests.journey import (
    PASSWORD,
    code_in,
    deliver,
    mails_to,
    register,
    sign_in,
    subject_of,
    text_of,
    type_code,
    url,
)
from tests.registry import edit_fields, make_picture, make_registry_member
from tests.roles import give_role, signed_in
from tests.test_claim_review import make_claim

pytestmark = pytest.mark.django_db
PAGE, DATA, FILE = "account_privacy", "account_own_data", "account_own_data_file"
State = ErasureRequest.State


@pytest.fixture
def here(member):
    return signed_in(member)


def press(client, action: str, language: str = "en"):
    return client.post(url(PAGE, language=language), {"action": action})


def read(client, name: str = PAGE, language: str = "en") -> str:
    answer = client.get(url(name, language=language))
    assert answer.status_code == 200
    return answer.content.decode()


def kinds_of(user_id: int) -> list[str]:
    events = AccountEvent.objects.filter(user=user_id).exclude(kind="sign_in.done")
    return list(events.order_by("pk").values_list("kind", flat=True))


def let_proof_age(client) -> None:
    session = client.session
    session["signed_in"] = session["signed_in"] | {"at": session["signed_in"]["at"] - 16 * 60}
    session["account_authentication_methods"] = []
    session.save()


# --- Consents -----------------------------------------------------------------------------------


def test_email_consent_is_taken_back_and_given_again(client, smtp):
    register(client, "nora@example.com", language="en", email_consent="on")
    deliver()
    type_code(client, code_in(smtp.messages[0]), language="en")
    user = User.objects.get()
    page = read(client)
    assert page.count('<span class="tag ok">Given</span>') == 3
    assert "Version 1, accepted on" in page
    press(client, "withdraw")
    press(client, "withdraw")
    first = user.consents.get(kind="email")
    assert first.withdrawn_at
    assert "Agree to emails" in read(client)
    press(client, "give")
    press(client, "give")
    again = user.consents.exclude(pk=first.pk).get(kind="email")
    assert (again.withdrawn_at, again.language, again.version, again.ip) == (None, "en", "1", "127.0.0.1")
    assert again.accepted_at >= first.withdrawn_at
    assert again.digest == first.digest, "the same text in the same language"
    assert "Withdraw the consent to emails" in read(client)
    assert kinds_of(user.pk)[-2:] == ["consent.withdrawn", "consent.given"]
    assert user.consents.filter(kind__in=["terms", "declaration"], withdrawn_at=None).count() == 2


def test_page_says_that_terms_end_with_the_account_only(here):
    assert "They cannot be withdrawn alone" in read(here)
    assert "لا يمكن سحب الموافقة عليهما وحدهما" in read(here, language="ar")


@pytest.mark.parametrize("action", ["", "x", "withdraw_terms", "__class__"])
def test_other_actions_do_nothing(here, member, action):
    assert press(here, action).url == url(PAGE, language="en")
    assert kinds_of(member.pk) == []


def test_get_changes_nothing(here, member):
    Consent.objects.create(
        user=member, kind="email", version="1", digest="x", language="en", accepted_at=timezone.now()
    )
    here.get(url(PAGE), {"action": "withdraw"})
    assert Consent.objects.get().withdrawn_at is None


# --- A copy -------------------------------------------------------------------------------------


@pytest.fixture
def file(member):
    return make_registry_member(member)


def send_request(client, file, **changes) -> UpdateRequest:
    client.post(url("update_begin"), {"membership_number": file.membership_number})
    request = UpdateRequest.objects.latest("pk")
    client.post(url("update_edit", request.reference), edit_fields(file, **changes))
    client.post(url("update_check", request.reference), {"action": "finish"})
    request.refresh_from_db()
    return request


def test_copy_holds_everything_and_nothing_of_others(here, member, other_member, file, reviewer):
    other = make_registry_member(other_member, name_latin="Omar Zahrani")
    request = send_request(here, file, name_latin="Noura Alharbi", evidence=make_picture())
    signed_in(give_role(reviewer, "reviewer")).get(f"/admin/profiles/member/{file.pk}/change/")
    assert press(here, "download").url == url(DATA, language="en")
    answer = here.post(url(FILE))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="mumaris-data.json"'
    assert "no-store" in answer.headers["Cache-Control"]
    copy = json.loads(answer.content)
    assert copy["account"][0]["email"] == member.email
    assert copy["member"][0]["identity_number"] == file.identity_number
    assert copy["update_requests"][0] | {"state": "submitted"} == copy["update_requests"][0]
    assert copy["update_requests"][0]["new_values"] == {"name_latin": "Noura Alharbi"}
    assert copy["files"][0]["name"].startswith("evidence-")
    assert {event["kind"] for event in copy["events"]} >= {"request.submitted", "record.viewed", "data.downloaded"}
    for secret in (member.password, reviewer.email, reviewer.last_name, other.identity_number, other_member.email):
        assert secret not in answer.content.decode()
    assert request.files.get().key not in answer.content.decode()
    assert kinds_of(member.pk)[-1] == "data.downloaded"


@pytest.mark.parametrize(
    ("language", "told"), [("ar", "نزّلت الملف مرات كثيرة"), ("en", "You have downloaded the file too often.")]
)
def test_eleventh_copy_of_a_day_is_refused_and_the_page_stays(here, member, language, told):
    assert [here.post(url(FILE)).status_code for _ in range(10)] == [200] * 10
    late = here.post(url(FILE, language=language))
    assert (late.status_code, late.headers["Retry-After"]) == (429, str(24 * 3600))
    assert told in late.content.decode()
    assert member.email in late.content.decode()
    assert kinds_of(member.pk).count("data.downloaded") == 10
    assert member.email in read(here, DATA), "to look is always possible"


@pytest.mark.parametrize(("language", "word"), [("en", "Member file"), ("ar", "ملف العضوية")])
def test_copy_is_readable_in_both_languages(here, file, language, word):
    page = read(here, DATA, language)
    assert word in page
    for value in (file.identity_number, file.name_arabic, "+966551234567"):
        assert value in page
    assert "data.downloaded" not in kinds_of(file.user_id), "reading takes nothing away"


def test_copy_needs_a_fresh_proof(here, member):
    let_proof_age(here)
    for name in (DATA, FILE):
        for answer in (here.get(url(name)), here.post(url(name))):
            assert answer.status_code in {302, 405}
            assert answer.status_code == 405 or answer.url.startswith(url("account_reauthenticate"))
    assert kinds_of(member.pk) == []


def test_copy_is_not_taken_by_a_link(here, member):
    assert here.get(url(FILE)).url == url(DATA)
    assert kinds_of(member.pk) == []


def test_long_section_is_cut_on_the_page_and_whole_in_the_file(here, member):
    AccountEvent.objects.bulk_create(AccountEvent(user=member, kind="sign_out.done") for _ in range(40))
    assert "Only the first 30 are shown." in read(here, DATA)
    assert len(json.loads(here.post(url(FILE)).content)["events"]) >= 41


def test_copy_of_somebody_without_a_file_is_short(here):
    copy = json.loads(here.post(url(FILE)).content)
    assert (copy["member"], copy["update_requests"], copy["claims"], copy["files"]) == ([], [], [], [])


# --- Asking for erasure -------------------------------------------------------------------------


@time_machine.travel("2026-11-24T09:00:00Z", tick=False)
def test_erasure_starts_a_clock_of_thirty_days_and_is_mailed_once(member, smtp):
    here = signed_in(member)
    press(here, "erase", "ar")
    press(here, "erase", "ar")
    asked = ErasureRequest.objects.get()
    assert asked.due_at - asked.asked_at == timedelta(days=30)
    page = read(here)
    assert "until 24 December 2026" in page
    assert "30 days left" in page
    assert "بقي 30 يومًا" in read(here, language="ar")
    deliver()
    [mail] = mails_to(smtp, member.email)
    assert subject_of(mail) == "We received your request to erase your account", "her own language, not the page's"
    assert "24 December 2026" in text_of(mail)
    assert url(PAGE, language="en") in text_of(mail)
    assert kinds_of(member.pk) == ["erasure.asked"]


def test_erasure_is_cancelled_by_its_owner(here, member, smtp):
    press(here, "erase")
    press(here, "cancel_erase")
    press(here, "cancel_erase")
    assert ErasureRequest.objects.get().state == State.CANCELLED
    assert "Ask for the erasure of my account" in read(here)
    deliver()
    assert [subject_of(mail) for mail in mails_to(smtp, member.email)] == [
        "You cancelled the request to erase your account"
    ], "the confirmation of what is cancelled is needed no more"
    assert kinds_of(member.pk) == ["erasure.asked", "erasure.cancelled"]
    press(here, "erase")
    assert ErasureRequest.objects.filter(state=State.ASKED).count() == 1


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "You have asked for the erasure too often. You can ask again at 25 November 2026, 12:00"),
        ("ar", "تجاوزت عدد طلبات محو الحساب. يمكنك الطلب من جديد عند 25 نوفمبر 2026، 12:00"),
    ],
)
def test_fourth_request_of_a_day_waits_and_is_told_until_when(member, other_member, language, told):
    with time_machine.travel("2026-11-24T09:00:00Z", tick=False) as clock:
        here = signed_in(member)
        for _ in range(3):
            press(here, "erase")
            # A second tap counts nothing.
            press(here, "erase")
            press(here, "cancel_erase")
        refused = press(here, "erase", language)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == "86400"
        page = refused.content.decode()
        assert told in page
        assert f'lang="{language}"' in page
        assert not ErasureRequest.objects.filter(state=State.ASKED).exists()
        assert Outbox.objects.filter(kind="erasure_asked").count() == 3
        assert kinds_of(member.pk).count("erasure.asked") == 3
        press(signed_in(other_member), "erase")
        assert ErasureRequest.objects.get(state=State.ASKED).user == other_member, "each has a limit of their own"
        clock.move_to(timezone.now() + timedelta(days=1))
        press(signed_in(member), "erase")
        assert ErasureRequest.objects.filter(user=member, state=State.ASKED).exists()
        assert press(signed_in(member), "cancel_erase").status_code == 302


def test_third_request_is_taken_back_however_often_it_is_asked_for(member):
    """Whoever got in and asked shall not have used up the owner's way to stop it."""
    for _ in range(3):
        erasure.ask_erasure(user=member)
        assert erasure.cancel_erasure(user=member)
    with pytest.raises(LimitReached):
        erasure.ask_erasure(user=member)
    assert ErasureRequest.objects.filter(state=State.CANCELLED).count() == 3


def test_erasure_needs_a_fresh_proof(here):
    let_proof_age(here)
    assert press(here, "erase").url.startswith(url("account_reauthenticate", language="en"))
    assert not ErasureRequest.objects.exists()


def test_database_holds_one_waiting_request_and_no_decision_by_oneself(member):
    first = erasure.ask_erasure(user=member)
    with pytest.raises(IntegrityError), transaction.atomic():
        ErasureRequest.objects.create(user=member, due_at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        ErasureRequest.objects.filter(pk=first.pk).update(
            state=State.DONE, decided_at=timezone.now(), decided_by=member
        )


# --- Deciding -----------------------------------------------------------------------------------


@pytest.fixture
def there(reviewer):
    """Somebody on the staff who decides on erasures."""
    give_role(reviewer, "reviewer").user_permissions.add(
        *Permission.objects.filter(codename__in=["view_erasurerequest", "change_erasurerequest"])
    )
    return signed_in(reviewer)


def page_of(asked: ErasureRequest) -> str:
    return f"/admin/accounts/erasurerequest/{asked.pk}/change/"


def test_account_without_a_file_is_deleted(client, smtp, there):
    register(client, "nora@example.com", email_consent="on")
    deliver()
    type_code(client, code_in(smtp.messages[0]))
    asked = erasure.ask_erasure(user=User.objects.get(email="nora@example.com"))
    there.post(page_of(asked), {"action": "complete"})
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by.email) == (State.DONE, "reviewer@example.com")
    assert not User.objects.filter(pk=asked.user_id).exists()
    for model in (Consent, PendingRegistration):
        assert not model.objects.exists()
    assert not SignInName.objects.filter(value="nora@example.com").exists()
    assert not EmailAddress.objects.filter(email="nora@example.com").exists()
    assert client.get(url("profile")).status_code == 302, "its session is over"
    assert sign_in(Client(), "nora@example.com").status_code == 200
    deliver()
    mail = mails_to(smtp, "nora@example.com")[-1]
    assert subject_of(mail) == "مُحي حسابك"
    assert "حُذف حسابك" in text_of(mail)
    assert kinds_of(asked.user_id)[-2:] == ["erasure.asked", "erasure.done"], "the history outlives the account"
    assert f"#{asked.user_id}" in there.get(page_of(asked)).content.decode()
    assert register(Client(), "nora@example.com").status_code == 302


def test_account_with_a_file_is_emptied_and_the_file_stays(here, member, file, there, smtp):
    request = send_request(here, file, name_latin="Noura Alharbi", evidence=make_picture())
    Consent.objects.create(
        user=member, kind="email", version="1", digest="x", language="en", accepted_at=timezone.now()
    )
    before = Member.objects.values().get()
    asked = erasure.ask_erasure(user=member)
    there.post(page_of(asked), {"action": "complete"})
    after = Member.objects.values().get()
    assert {name for name in before if before[name] != after[name]} == {"user_id", "tied_at", "updated_at"}
    request.refresh_from_db()
    assert (request.state, MemberFile.objects.count()) == (UpdateRequest.State.WITHDRAWN, 1)
    closed = User.objects.get(pk=member.pk)
    assert (closed.first_name, closed.last_name, closed.birth_date, closed.is_active) == ("", "", None, False)
    assert closed.email == f"erased-{member.pk}@erased.invalid"
    assert not closed.has_usable_password()
    for rows in (closed.sign_in_names, closed.consents, closed.emailaddress_set):
        assert not rows.exists()
    assert here.get(url("profile")).status_code == 302, "its session is over"
    for name in (member.email, file.membership_number):
        assert sign_in(Client(), name, PASSWORD).status_code == 200
    deliver()
    assert "Your file in the registry of practitioners stays" in text_of(mails_to(smtp, member.email)[-1])
    assert not mails_to(smtp, closed.email)


def test_emptied_account_leaves_its_file_to_be_linked_anew(member, file, reviewer, other_member):
    erasure.complete_erasure(erasure=erasure.ask_erasure(user=member), by=reviewer)
    claim = make_claim(other_member, file)
    claims.approve_claim(claim=claim, reviewer=reviewer)
    assert Member.objects.get().user == other_member


def test_claims_of_an_erased_account_are_kept(member, reviewer):
    Claim.objects.create(
        member=make_registry_member(), user=member, state="stopped", decided_at=timezone.now(), due_at=timezone.now()
    )
    assert erasure.complete_erasure(erasure=erasure.ask_erasure(user=member), by=reviewer) is True
    assert Claim.objects.get().user_id == member.pk


def test_refusal_needs_a_reason_that_its_owner_reads(here, member, there, smtp):
    asked = erasure.ask_erasure(user=member)
    answer = there.post(page_of(asked), {"action": "refuse", "reason": " "})
    assert "Write a reason the applicant will see." in answer.content.decode()
    asked.refresh_from_db()
    assert asked.state == State.ASKED
    there.post(page_of(asked), {"action": "refuse", "reason": "A case is open <b>."})
    asked.refresh_from_db()
    assert (asked.state, asked.reason) == (State.REFUSED, "A case is open <b>.")
    page = read(here)
    assert "A case is open &lt;b&gt;." in page
    assert "Ask for the erasure of my account" in page
    deliver()
    assert "A case is open <b>." in text_of(mails_to(smtp, member.email)[-1])
    assert kinds_of(member.pk) == ["erasure.asked", "erasure.refused"]
    member.refresh_from_db()
    assert member.is_active


@pytest.mark.parametrize("action", ["complete", "refuse"])
def test_decided_request_is_not_decided_again(member, there, action):
    asked = erasure.ask_erasure(user=member)
    erasure.cancel_erasure(user=member)
    answer = there.post(page_of(asked), {"action": action, "reason": "x"}, follow=True)
    assert "decided on or cancelled meanwhile" in answer.content.decode()
    assert User.objects.filter(pk=member.pk, is_active=True).exists()


def test_nobody_decides_on_their_own_request(reviewer, there):
    asked = erasure.ask_erasure(user=reviewer)
    assert "Erase the account" not in there.get(page_of(asked)).content.decode()
    for action in ("complete", "refuse"):
        answer = there.post(page_of(asked), {"action": action, "reason": "x"}, follow=True)
        assert "a request of your own" in answer.content.decode()
    asked.refresh_from_db()
    assert asked.state == State.ASKED


def test_nobody_decides_for_whoever_gave_them_rights_lately(member, reviewer, there):
    asked = erasure.ask_erasure(user=member)
    record_event("rights.changed", user=reviewer, actor=member)
    assert "Erase the account" not in there.get(page_of(asked)).content.decode()
    with pytest.raises(erasure.OwnErasure):
        erasure.refuse_erasure(erasure=asked, by=reviewer, reason="x")


def test_staff_account_is_not_erased(other_member, there):
    other_member.is_staff = True
    other_member.save()
    asked = erasure.ask_erasure(user=other_member)
    assert (
        "Take its rights away first."
        in there.post(page_of(asked), {"action": "complete"}, follow=True).content.decode()
    )
    assert User.objects.filter(pk=other_member.pk).exists()


def test_account_whose_address_may_come_back_is_not_erased(member, reviewer):
    now = timezone.now()
    EmailChange.objects.create(
        user=member, old_address="old@example.com", new_address=member.email, requested_at=now, completed_at=now,
        undo_until=now + timedelta(days=10), undo_key_id="x",
    )  # fmt: skip
    asked = erasure.ask_erasure(user=member)
    with pytest.raises(erasure.AddressChangedLately):
        erasure.complete_erasure(erasure=asked, by=reviewer)
    with time_machine.travel(now + timedelta(days=11)):
        erasure.complete_erasure(erasure=asked, by=reviewer)
    assert not User.objects.filter(pk=member.pk).exists()


def test_second_tap_on_erase_finds_it_done(member, there):
    asked = erasure.ask_erasure(user=member)
    for _ in range(2):
        answer = there.post(page_of(asked), {"action": "complete"}, follow=True)
    assert "decided on or cancelled meanwhile" in answer.content.decode()
    assert Outbox.objects.filter(kind="erasure_done").count() == 1


def test_half_an_erasure_is_none(member, file, reviewer, monkeypatch):
    def fail(user):
        raise RuntimeError

    monkeypatch.setattr(erasure, "empty_account", fail)
    asked = erasure.ask_erasure(user=member)
    with pytest.raises(RuntimeError):
        erasure.complete_erasure(erasure=asked, by=reviewer)
    file.refresh_from_db()
    asked.refresh_from_db()
    assert (file.user_id, asked.state) == (member.pk, State.ASKED)
    assert not Outbox.objects.filter(kind="erasure_done").exists()


# --- What others have noted about the account ---------------------------------------------------


@pytest.fixture
def administrator(db):
    return give_role(make_user("admin@example.com", first_name="Laila", last_name="Ghamdi"), "administrator")


def note_about(user, administrator, reviewer) -> StaffCase:
    """Leave what staff write about an account: a case that waits, one that is over, and the log of the admin."""
    ended = cases.ask_case(user=user, asked_by=administrator, kind="clear_mfa", reason="Noura lost her phone")
    cases.refuse_case(case=ended, by=reviewer)
    page = reverse("admin:accounts_user_change", args=[user.pk])
    assert signed_in(administrator).post(page, {"is_active": "on"}).status_code == 302
    LogEntry.objects.log_actions(administrator.pk, [user], CHANGE, change_message="Noura showed her ID card")
    assert LogEntry.objects.filter(object_repr=user.email).count() == 2
    return cases.ask_case(
        user=user, asked_by=administrator, kind="change_email", reason="Noura", new_address="noura@example.com"
    )


@pytest.mark.parametrize("has_file", [True, False])
def test_notes_of_staff_go_with_the_account(member, administrator, reviewer, has_file):
    if has_file:
        make_registry_member(member)
    case = note_about(member, administrator, reviewer)
    LogEntry.objects.log_actions(administrator.pk, [administrator], CHANGE, change_message="Stays")
    other = LogEntry.objects.latest("pk")
    assert erasure.complete_erasure(erasure=erasure.ask_erasure(user=member), by=reviewer) is has_file
    assert not StaffCase.objects.exists()
    assert not EmailChange.objects.exists()
    log = LogEntry.objects.filter(object_id=str(case.user_id))
    assert set(log.values_list("user", "object_repr", "change_message")) == {(administrator.pk, f"#{case.user_id}", "")}
    assert log.count() == 2, "who acted and when stays"
    other.refresh_from_db()
    assert (other.object_repr, other.change_message) == (administrator.email, "Stays")
    with pytest.raises(cases.CaseDecided):
        cases.confirm_case(case=case, by=reviewer)
    deliver()


def test_nothing_that_names_somebody_stays_in_the_database(member, file, administrator, reviewer):
    """Whoever looks for the address or the name of an emptied account finds them in no table but the mails'."""
    note_about(member, administrator, reviewer)
    kept = {"mail_outbox", "profiles_member"}
    User.objects.filter(pk=member.pk).update(first_name="Zubaydah", last_name="Zubaydah")
    erasure.complete_erasure(erasure=erasure.ask_erasure(user=member), by=reviewer)
    found = set()
    with connection.cursor() as cursor:
        for table in set(connection.introspection.table_names()) - kept:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            rows = str(cursor.fetchall())
            found |= {table for word in ("member@example.com", "noura", "zubaydah") if word in rows.lower()}
    assert found == set()


def test_waiting_claim_of_an_erased_account_ends(member, reviewer):
    claim = make_claim(member, make_registry_member())
    assert erasure.complete_erasure(erasure=erasure.ask_erasure(user=member), by=reviewer) is True
    claim.refresh_from_db()
    assert claim.state == Claim.State.REFUSED
    assert not Outbox.objects.filter(kind="claim_refused").exists(), "the last message is about the erasure"
    with time_machine.travel(timezone.now() + timedelta(days=10), tick=False):
        assert claims.tie_due_claims() == 0
    assert not Member.objects.filter(user=member).exists()


def test_request_that_is_decided_on_meanwhile_stops_no_erasure(member, file, there, reviewer, monkeypatch):
    request = send_request(signed_in(member), file, name_latin="Noura Alharbi", evidence=make_picture())
    withdraw = services.withdraw_update_request

    def come_too_late(**named):
        services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
        return withdraw(**named)

    monkeypatch.setattr(services, "withdraw_update_request", come_too_late)
    asked = erasure.ask_erasure(user=member)
    there.post(page_of(asked), {"action": "complete"})
    asked.refresh_from_db()
    request.refresh_from_db()
    assert (asked.state, request.state) == (State.DONE, UpdateRequest.State.APPROVED)


# --- The list of staff --------------------------------------------------------------------------

LIST = "/admin/accounts/erasurerequest/"


def test_list_shows_what_is_due_first_with_the_days_left(member, other_member, there):
    late, soon = erasure.ask_erasure(user=member), erasure.ask_erasure(user=other_member)
    ErasureRequest.objects.filter(pk=late.pk).update(due_at=timezone.now() - timedelta(hours=1))
    ErasureRequest.objects.filter(pk=soon.pk).update(due_at=timezone.now() + timedelta(days=3))
    page = there.get(LIST).content.decode()
    assert page.index("Overdue") < page.index("3 days left")
    assert "other@example.com" not in there.get(LIST, {"q": "member@example.com"}).content.decode()


def test_who_may_only_look_decides_nothing(member, reviewer):
    give_role(reviewer, "reviewer").user_permissions.add(Permission.objects.get(codename="view_erasurerequest"))
    there, asked = signed_in(reviewer), erasure.ask_erasure(user=member)
    assert "Erase the account" not in there.get(page_of(asked)).content.decode()
    assert there.post(page_of(asked), {"action": "complete"}).status_code == 403
    assert User.objects.filter(pk=member.pk).exists()


def test_list_is_closed_without_the_permission(member, reviewer):
    asked = erasure.ask_erasure(user=member)
    there = signed_in(give_role(reviewer, "reviewer"))
    assert {there.get(path).status_code for path in (LIST, page_of(asked))} == {403}


@pytest.mark.parametrize("action", ["complete", "refuse"])
def test_decision_asks_staff_for_a_fresh_proof(member, there, action):
    """One person does what nobody can undo: not whoever finds an open browser."""
    asked = erasure.ask_erasure(user=member)
    with time_machine.travel(timezone.now() + timedelta(minutes=14), tick=False):
        there.get(page_of(asked))
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        answer = there.post(page_of(asked), {"action": action, "reason": "A case is open."})
    assert "reauthenticate" in answer.url
    asked.refresh_from_db()
    assert asked.state == State.ASKED
