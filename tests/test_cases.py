"""Story: somebody locked out asks support; one member of staff asks, another decides, and the owner hears of both."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import cases
from accounts.email_change import AddressTaken, begin_email_change, undo_token
from accounts.events import record_event
from accounts.models import AccountEvent, EmailChange, SignInName, StaffCase, User
from accounts.tasks import purge
from mumaris.mail.models import Outbox
from tests.conftest import make_user
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    ask_reset,
    deliver,
    link_in,
    mails_to,
    sign_in,
    subject_of,
    text_of,
    undo_link_in,
)
from tests.roles import give_role, signed_in

pytestmark = pytest.mark.django_db
OLD, NEW = "member@example.com", "found@example.com"
REASON = "Came to the desk with her ID card"
State = StaffCase.State


@pytest.fixture
def supporter(db):
    return give_role(make_user("support@example.com", first_name="Salma", last_name="Amri"), "support")


@pytest.fixture
def senior(db):
    return give_role(make_user("senior@example.com", first_name="Faisal", last_name="Dosari"), "senior reviewer")


@pytest.fixture
def case(member, supporter):
    return cases.ask_case(user=member, asked_by=supporter, kind="change_email", reason=REASON, new_address=NEW)


@pytest.fixture
def mfa_case(member, supporter):
    return cases.ask_case(user=member, asked_by=supporter, kind="clear_mfa", reason=REASON)


def ask_page(user, kind: str = "change_email") -> str:
    return reverse("admin:accounts_user_ask", args=[user.pk, kind])


def case_page(case) -> str:
    return reverse("admin:accounts_staffcase_change", args=[case.pk])


def press(client, case, action: str) -> str:
    return client.post(case_page(case), {"action": action}, follow=True).content.decode()


def waiting_mails() -> set[tuple[str, str]]:
    return set(Outbox.objects.waiting().values_list("kind", "recipient"))


def events_of(user) -> list[tuple]:
    found = AccountEvent.objects.filter(user=user, kind__startswith="case.").order_by("pk")
    return list(found.values_list("kind", "actor", "subject"))


# --- The whole way, through pages and mails ---------------------------------------------------------


@pytest.mark.parametrize("language", ["ar", "en"])
def test_lost_mailbox_is_replaced_by_two_people(member, supporter, senior, smtp, language):
    client = Client()
    User.objects.filter(pk=member.pk).update(language=language)
    here = signed_in(supporter, language)
    page = here.get(reverse("admin:accounts_user_change", args=[member.pk])).content.decode()
    assert ask_page(member) in page
    assert ("طلب تغيير البريد" if language == "ar" else "Ask for a change of email address") in page
    page = here.post(ask_page(member), {"new_address": NEW, "reason": REASON}, follow=True).content.decode()
    assert ("بانتظار شخص آخر" if language == "ar" else "waits for a second person") in page
    member.refresh_from_db()
    assert member.email == OLD, "asking changes nothing"

    deliver()
    warning, told_new = mails_to(smtp, OLD)[0], mails_to(smtp, NEW)[0]
    assert ("طُلب من الدعم" if language == "ar" else "through support") in subject_of(warning)
    assert undo_link_in(warning)
    assert "undo" not in text_of(told_new)
    assert member.first_name not in text_of(told_new), "nobody has proved the new mailbox"
    smtp.clear()

    browser = signed_in(member)
    page = press(signed_in(senior, language), StaffCase.objects.get(), "confirm")
    assert ("تم تأكيد الطلب" if language == "ar" else "was confirmed") in page

    member.refresh_from_db()
    assert member.email == NEW
    assert list(SignInName.objects.filter(user=member).values_list("value", flat=True)) == [NEW]
    assert list(EmailAddress.objects.filter(user=member).values_list("email", "verified")) == [(NEW, False)]
    assert browser.get("/en/profile/").status_code == 302, "all sessions end"
    deliver()
    assert undo_link_in(mails_to(smtp, OLD)[0])
    assert "undo" not in text_of(mails_to(smtp, NEW)[0])
    assert events_of(member) == [
        ("case.asked", supporter.pk, "change_email"), ("case.confirmed", senior.pk, "change_email"),
    ]  # fmt: skip

    smtp.clear()
    ask_reset(client, NEW)
    deliver()
    reset = client.get(link_in(mails_to(smtp, NEW)[0]))
    client.post(reset.url, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert EmailAddress.objects.get(user=member).verified, "choosing a password proves the mailbox"
    sign_in(client, NEW, NEW_PASSWORD)
    assert "_auth_user_id" in client.session


def test_owner_stops_the_case_with_the_first_mail(client, case, member, senior, smtp):
    deliver()
    link = undo_link_in(mails_to(smtp, OLD)[0])
    page = client.get(link).content.decode()
    assert "stop the change. Our staff then refuse it" in page
    case.refresh_from_db()
    assert case.state == State.ASKED, "a GET stops nothing"
    page = client.post(link, follow=True).content.decode()
    assert "Our staff will not change it" in page
    case.refresh_from_db()
    assert (case.state, case.decided_by) == (State.REFUSED, None)
    assert "stopped by its owner" in press(signed_in(senior), case, "confirm")
    member.refresh_from_db()
    assert member.email == OLD
    assert [kind for kind, _actor, _subject in events_of(member)] == ["case.asked", "case.refused"]


def test_owner_brings_the_address_back_with_either_mail_for_ten_days(client, case, member, senior, smtp):
    deliver()
    first = undo_link_in(mails_to(smtp, OLD)[0])
    with time_machine.travel(timezone.now() + timedelta(hours=70), tick=False):
        cases.confirm_case(case=case, by=senior)
    with time_machine.travel(timezone.now() + timedelta(hours=70, days=9), tick=False):
        client.post(first, follow=True)
    member.refresh_from_db()
    assert (member.email, member.has_usable_password()) == (OLD, False)
    assert ("password_reset", OLD) in waiting_mails()


def test_old_address_is_kept_for_its_account(case, senior, other_member):
    cases.confirm_case(case=case, by=senior)
    assert EmailChange.objects.reserving(OLD).exists()
    with pytest.raises(AddressTaken):
        cases.ask_case(user=other_member, asked_by=senior, kind="change_email", reason=REASON, new_address=OLD)


def test_live_reset_link_of_the_old_mailbox_dies(client, case, member, senior, smtp):
    ask_reset(client, OLD)
    deliver()
    link = next(link_in(mail) for mail in mails_to(smtp, OLD) if "/password/reset/key/" in text_of(mail))
    cases.confirm_case(case=case, by=senior)
    before = User.objects.get(pk=member.pk).password
    answer = client.get(link, follow=True)
    client.post(answer.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert User.objects.get(pk=member.pk).password == before


# --- Lost second step -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["ar", "en"])
def test_second_step_is_cleared_by_two_people(member, mfa_case, senior, smtp, language):
    from django.apps import apps

    if apps.is_installed("allauth.mfa"):
        authenticator = apps.get_model("mfa", "Authenticator")
        authenticator.objects.create(user=member, type="recovery_codes", data={})
    User.objects.filter(pk=member.pk).update(language=language)
    deliver()
    browser = signed_in(member)
    press(signed_in(senior), mfa_case, "confirm")
    deliver()
    asked, done = mails_to(smtp, OLD)
    assert ("إلغاء التحقق بخطوتين" if language == "ar" else "Removal of your two-step sign-in") in subject_of(asked)
    assert ("أُلغي التحقق بخطوتين" if language == "ar" else "was removed") in subject_of(done)
    assert browser.get("/en/profile/").status_code == 302
    member.refresh_from_db()
    assert member.check_password(PASSWORD), "the password stays"
    if apps.is_installed("allauth.mfa"):
        assert not authenticator.objects.exists()


def test_former_address_is_told_too(member, supporter, senior):
    """Whoever has just moved the address away must not clear the second step unseen."""
    EmailChange.objects.create(
        user=member, old_address="before@example.com", new_address=OLD, requested_at=timezone.now(),
        completed_at=timezone.now(), undo_until=timezone.now() + timedelta(days=9), undo_key_id="k",
    )  # fmt: skip
    case = cases.ask_case(user=member, asked_by=supporter, kind="clear_mfa", reason=REASON)
    assert waiting_mails() == {("case_asked", OLD), ("case_asked", "before@example.com")}
    cases.confirm_case(case=case, by=senior)
    assert waiting_mails() >= {("case_confirmed", OLD), ("case_confirmed", "before@example.com")}


# --- Two people -------------------------------------------------------------------------------------


def test_asker_does_not_confirm(member, senior):
    case = cases.ask_case(user=member, asked_by=senior, kind="change_email", reason=REASON, new_address=NEW)
    page = signed_in(senior).get(case_page(case)).content.decode()
    assert "Another person must confirm it" in page
    assert 'value="confirm"' not in page
    press(signed_in(senior), case, "confirm")
    with pytest.raises(cases.SamePerson):
        cases.confirm_case(case=case, by=senior)
    member.refresh_from_db()
    assert member.email == OLD


def test_database_knows_two_people(case, supporter):
    with pytest.raises(IntegrityError), transaction.atomic():
        StaffCase.objects.update(state=State.CONFIRMED, decided_by=supporter, decided_at=timezone.now())


def test_nobody_asks_or_decides_about_themselves(supporter, senior):
    with pytest.raises(cases.OwnCase):
        cases.ask_case(user=supporter, asked_by=supporter, kind="clear_mfa", reason=REASON)
    case = cases.ask_case(user=senior, asked_by=supporter, kind="clear_mfa", reason=REASON)
    for act in (cases.confirm_case, cases.refuse_case):
        with pytest.raises(cases.OwnCase):
            act(case=case, by=senior)
    assert 'name="action"' not in signed_in(senior).get(case_page(case)).content.decode()


def test_nobody_decides_about_whoever_gave_them_rights_lately(supporter, senior, member):
    """A second account that somebody has given a role is no second person."""
    case = cases.ask_case(user=member, asked_by=supporter, kind="clear_mfa", reason=REASON)
    record_event("rights.changed", user=senior, actor=member)
    for act in (cases.confirm_case, cases.refuse_case):
        with pytest.raises(cases.OwnCase):
            act(case=case, by=senior)
    with pytest.raises(cases.OwnCase):
        cases.ask_case(user=member, asked_by=senior, kind="change_email", reason=REASON, new_address="n@example.com")
    assert 'name="action"' not in signed_in(senior).get(case_page(case)).content.decode()


def test_case_about_staff_needs_an_administrator(supporter, senior, reviewer):
    reviewer = give_role(reviewer, "reviewer")
    case = cases.ask_case(user=reviewer, asked_by=supporter, kind="clear_mfa", reason=REASON)
    with pytest.raises(cases.NeedsAdministrator):
        cases.confirm_case(case=case, by=senior)
    administrator = give_role(make_user("admin@example.com", first_name="Laila", last_name="Ghamdi"), "administrator")
    cases.confirm_case(case=case, by=administrator)
    assert StaffCase.objects.get().decided_by == administrator


@pytest.mark.parametrize("state", [{"is_active": False}, {"is_superuser": True}])
def test_account_of_a_superuser_or_a_disabled_one_is_left_alone(member, supporter, state):
    User.objects.filter(pk=member.pk).update(**state)
    page = signed_in(supporter).post(ask_page(member, "clear_mfa"), {"reason": REASON}).content.decode()
    assert "cannot be done for a disabled account" in page
    assert not StaffCase.objects.exists()
    assert not Outbox.objects.exists()


def test_support_decides_nothing(case, supporter, member):
    other = give_role(make_user("support2@example.com", first_name="Badr", last_name="Anazi"), "support")
    for action in ("confirm", "refuse"):
        assert signed_in(other).post(case_page(case), {"action": action}).status_code == 403
    case.refresh_from_db()
    assert case.state == State.ASKED
    page = signed_in(other).get(case_page(case)).content.decode()
    assert NEW not in page
    assert OLD not in page
    assert "f•••@example.com" in page


def test_decision_asks_for_a_fresh_proof(case, senior, member):
    here = signed_in(senior)
    with time_machine.travel(timezone.now() + timedelta(minutes=14, seconds=50), tick=False):
        assert here.get(case_page(case)).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        answer = here.post(case_page(case), {"action": "confirm"})
    assert "reauthenticate" in answer.url
    member.refresh_from_db()
    assert member.email == OLD


@pytest.mark.parametrize("kind", ["change_email", "clear_mfa"])
def test_asking_wants_a_fresh_proof_too(supporter, member, kind):
    here, fields = signed_in(supporter), {"reason": REASON, "new_address": NEW}
    with time_machine.travel(timezone.now() + timedelta(minutes=14, seconds=50), tick=False):
        assert here.get(ask_page(member, kind)).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        answer = here.post(ask_page(member, kind), fields)
    assert "reauthenticate" in answer.url
    assert not StaffCase.objects.exists()
    assert not waiting_mails()
    here.post(ask_page(member, kind), fields)
    assert StaffCase.objects.get().kind == kind


# --- Two people who are two --------------------------------------------------------------------------


def rights_from(granter, user, role: str):
    """Give a role as the page of accounts does."""
    group = Group.objects.get(name=role)
    answer = signed_in(granter).post(
        reverse("admin:accounts_user_change", args=[user.pk]),
        {"is_active": "on", "is_staff": "on", "groups": [group.pk]},
    )
    assert answer.status_code == 302
    return User.objects.get(pk=user.pk)


@pytest.fixture
def administrator(db):
    user = make_user("admin@example.com", first_name="Laila", last_name="Ghamdi")
    return give_role(user, "administrator")


def second_account(number: int = 1):
    return make_user(f"second{number}@example.com", first_name="Laila", last_name="Ghamdi")


def ask_about(member, by):
    return cases.ask_case(user=member, asked_by=by, kind="change_email", reason=REASON, new_address=NEW)


@pytest.mark.parametrize("language", ["ar", "en"])
def test_who_gave_the_asker_a_role_lately_does_not_confirm(administrator, member, senior, language):
    case = ask_about(member, rights_from(administrator, second_account(), "support"))
    here = signed_in(administrator, language)
    said = "في آخر 7 أيام" if language == "ar" else "in the last 7 days"
    page = here.get(case_page(case)).content.decode()
    assert said in page
    assert 'value="confirm"' not in page
    assert 'value="refuse"' in page, "to refuse gives nobody anything"
    assert said in press(here, case, "confirm")
    with pytest.raises(cases.SameHand):
        cases.confirm_case(case=case, by=administrator)
    member.refresh_from_db()
    assert member.email == OLD
    assert 'value="confirm"' in signed_in(senior).get(case_page(case)).content.decode()
    cases.confirm_case(case=case, by=senior)


def test_who_got_a_role_from_the_asker_lately_does_not_confirm(administrator, member):
    case = ask_about(member, administrator)
    second = rights_from(administrator, second_account(), "senior reviewer")
    with pytest.raises(cases.SameHand):
        cases.confirm_case(case=case, by=second)


def test_two_who_got_their_roles_from_one_do_not_confirm_for_each_other(administrator, member):
    asker = rights_from(administrator, second_account(1), "support")
    confirmer = rights_from(administrator, second_account(2), "senior reviewer")
    with pytest.raises(cases.SameHand):
        cases.confirm_case(case=ask_about(member, asker), by=confirmer)


def test_role_passed_on_by_a_second_account_leads_back_to_the_first(administrator, member):
    second = rights_from(administrator, second_account(1), "administrator")
    asker = rights_from(second, second_account(2), "support")
    with pytest.raises(cases.SameHand):
        cases.confirm_case(case=ask_about(member, asker), by=administrator)


def test_disabled_account_of_staff_that_is_opened_again_counts_as_given(administrator, member, supporter):
    User.objects.filter(pk=supporter.pk).update(is_active=False)
    case = ask_about(member, rights_from(administrator, supporter, "support"))
    assert AccountEvent.objects.filter(user=supporter, kind="account.enabled").exists()
    assert not AccountEvent.objects.filter(user=supporter, kind="rights.changed").exists()
    with pytest.raises(cases.SameHand):
        cases.confirm_case(case=case, by=administrator)


def test_role_given_a_week_ago_is_no_hindrance(administrator, member):
    asker = rights_from(administrator, second_account(), "support")
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1), tick=True):
        cases.confirm_case(case=ask_about(member, asker), by=administrator)
    member.refresh_from_db()
    assert member.email == NEW


def test_roles_from_different_people_are_no_hindrance(administrator, member):
    other = give_role(make_user("admin2@example.com", first_name="Saad", last_name="Qahtani"), "administrator")
    asker = rights_from(administrator, second_account(1), "support")
    cases.confirm_case(
        case=ask_about(member, asker), by=rights_from(other, second_account(2), "senior reviewer")
    )  # fmt: skip


# --- What may happen meanwhile ----------------------------------------------------------------------


def test_refusal_is_told_at_both_addresses_and_changes_nothing(case, senior, member, smtp):
    deliver()
    smtp.clear()
    browser = signed_in(member)
    assert "was refused" in press(signed_in(senior), case, "refuse")
    deliver()
    assert "refused" in subject_of(mails_to(smtp, OLD)[0])
    assert member.first_name not in text_of(mails_to(smtp, NEW)[0])
    member.refresh_from_db()
    assert member.email == OLD
    assert browser.get("/en/profile/").status_code == 200
    assert events_of(member)[-1] == ("case.refused", senior.pk, "change_email")


def test_case_is_decided_once(case, senior):
    cases.confirm_case(case=case, by=senior)
    for act in (cases.confirm_case, cases.refuse_case):
        with pytest.raises(cases.CaseDecided):
            act(case=case, by=senior)
    assert StaffCase.objects.get().state == State.CONFIRMED


def test_second_tap_on_the_same_button_is_no_fault(case, senior):
    here = signed_in(senior)
    answers = [
        here.post(case_page(case), {"action": action}, follow=True) for action in ("confirm", "confirm", "refuse")
    ]
    pages = [answer.content.decode() for answer in answers]
    assert "The case was confirmed and done." in pages[0]
    assert ["decided on, stopped by its owner" in page for page in pages] == [False, False, True]


def test_case_expires_after_72_hours(case, senior, member, supporter):
    with time_machine.travel(timezone.now() + timedelta(hours=72, seconds=1), tick=False):
        with pytest.raises(cases.CaseDecided):
            cases.confirm_case(case=case, by=senior)
        purge()
        case.refresh_from_db()
        assert (case.state, case.decided_by) == (State.EXPIRED, None)
        assert case.change.cancelled_at
        cases.ask_case(user=member, asked_by=supporter, kind="change_email", reason=REASON, new_address=NEW)
    member.refresh_from_db()
    assert member.email == OLD


def test_overdue_case_that_no_clock_has_ended_does_not_block_a_new_one(case, member, supporter):
    with time_machine.travel(timezone.now() + timedelta(hours=73), tick=False):
        cases.ask_case(user=member, asked_by=supporter, kind="change_email", reason=REASON, new_address=NEW)
    assert sorted(StaffCase.objects.values_list("state", flat=True)) == ["asked", "expired"]


def test_second_case_of_a_kind_waits_for_the_first(case, member, supporter):
    page = signed_in(supporter).post(ask_page(member), {"new_address": "x@example.com", "reason": REASON})
    assert "asked for already" in page.content.decode()
    assert StaffCase.objects.count() == EmailChange.objects.count() == 1
    cases.ask_case(user=member, asked_by=supporter, kind="clear_mfa", reason=REASON)


def test_address_that_is_taken_meanwhile_is_not_given(case, member, senior):
    make_user(NEW, first_name="Huda", last_name="Salem")
    page = press(signed_in(senior), case, "confirm")
    assert "has an account by now" in page
    member.refresh_from_db()
    case.refresh_from_db()
    assert (member.email, case.state) == (OLD, State.ASKED)


@pytest.mark.parametrize("address", ["other@example.com", "OTHER@EXAMPLE.COM", "ｏther@example.com", OLD])
@pytest.mark.usefixtures("other_member")
def test_address_in_use_is_refused_at_asking(member, supporter, address):
    page = signed_in(supporter).post(ask_page(member), {"new_address": address, "reason": REASON}).content.decode()
    assert "has an account or is kept for one" in page
    assert not StaffCase.objects.exists()


def test_owner_who_chooses_a_new_password_overtakes_the_case(client, case, member, senior, smtp):
    """The mailbox is not lost then."""
    ask_reset(client, OLD)
    deliver()
    link = next(link_in(mail) for mail in mails_to(smtp, OLD) if "/password/reset/key/" in text_of(mail))
    reset = client.get(link)
    client.post(reset.url, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert "has chosen a new password" in press(signed_in(senior), case, "confirm")
    member.refresh_from_db()
    assert member.email == OLD


def test_users_own_change_goes_on_beside_a_case(case, member):
    """A case takes over no wish of the user, and no code completes a case."""
    change = begin_email_change(member, "own@example.com")
    assert change.pk != case.change_id
    assert undo_token(change) != undo_token(case.change)
    assert EmailChange.objects.open().get() == change
    case.refresh_from_db()
    assert case.change.new_address == NEW


@pytest.mark.parametrize("fields", [{}, {"new_address": "no address", "reason": REASON}, {"new_address": NEW}])
@pytest.mark.parametrize("language", ["ar", "en"])
def test_incomplete_form_says_so_and_asks_nothing(member, supporter, fields, language):
    page = signed_in(supporter, language).post(ask_page(member), fields).content.decode()
    assert 'role="alert"' in page
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in page
    assert not StaffCase.objects.exists()


@pytest.mark.parametrize("path", ["/admin/accounts/user/1/ask/steal/", f"/admin/accounts/user/{10**20}/ask/clear_mfa/"])
def test_unknown_account_or_kind_is_not_there(supporter, path):
    assert signed_in(supporter).get(path).status_code == 404


def test_refusal_leaves_the_owners_reset_link_alone(client, case, senior, smtp):
    ask_reset(client, OLD)
    deliver()
    cases.refuse_case(case=case, by=senior)
    link = next(link_in(mail) for mail in mails_to(smtp, OLD) if "/password/reset/key/" in text_of(mail))
    reset = client.get(link)
    client.post(reset.url, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert User.objects.get(email=OLD).check_password(NEW_PASSWORD)
