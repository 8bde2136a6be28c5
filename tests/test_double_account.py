"""Story: an administrator closes one of two accounts of a person, by an act and not by hand."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from accounts import cases, closing
from accounts.email_change import begin_email_change
from accounts.events import record_event
from accounts.models import AccountEvent, EmailChange, SignInName, StaffCase, User
from mumaris.mail.models import Outbox
from profiles import claims
from profiles.models import Claim, Member, UpdateRequest
from tests.conftest import make_user
from tests.journey import PASSWORD, deliver, mails_to, register, sign_in, subject_of, text_of
from tests.registry import BIRTH_DATE, make_registry_member
from tests.roles import give_role, signed_in

pytestmark = pytest.mark.django_db
REASON = "Both accounts show the same ID card"


@pytest.fixture
def administrator(db):
    return give_role(make_user("admin@example.com", first_name="Laila", last_name="Ghamdi"), "administrator")


def page_of(user) -> str:
    return reverse("admin:accounts_user_close", args=[user.pk])


def close(client, kept, closed, action: str = "close") -> str:
    fields = {"kept": kept.email, "reason": REASON, "action": action}
    return client.post(page_of(closed), fields, follow=True).content.decode()


def make_request(member: Member, user, state: str = "draft") -> UpdateRequest:
    sent = None if state == "draft" else timezone.now()
    return UpdateRequest.objects.create(
        reference="UPD-AAAA-BBBB", member=member, requested_by=user, state=state, submitted_at=sent
    )


@pytest.mark.parametrize("language", ["ar", "en"])
def test_account_is_previewed_and_then_closed(administrator, member, other_member, smtp, language):
    file = make_registry_member(other_member)
    request = make_request(file, other_member, "submitted")
    browser, here = signed_in(other_member), signed_in(administrator, language)
    link = here.get(reverse("admin:accounts_user_change", args=[other_member.pk])).content.decode()
    assert page_of(other_member) in link

    page = close(here, member, other_member, "show")
    for sentence in {
        "ar": ("يُنقل ملف العضو إلى الحساب الباقي", "يُسحب طلب التحديث المفتوح", "يُبلَّغ العنوانان"),
        "en": ("Its member file moves", "open update request is withdrawn", "Both addresses are told"),
    }[language]:
        assert sentence in page
    other_member.refresh_from_db()
    assert other_member.is_active, "a preview changes nothing"
    assert not Outbox.objects.exists()

    page = close(here, member, other_member)
    assert ("أُغلق الحساب" if language == "ar" else "The account was closed") in page
    other_member.refresh_from_db()
    assert not other_member.is_active
    assert browser.get("/en/profile/").status_code == 302, "all sessions end"
    file.refresh_from_db()
    assert file.user == member
    assert SignInName.objects.get(value=file.membership_number).user == member
    request.refresh_from_db()
    assert request.state == "withdrawn"
    assert set(AccountEvent.objects.filter(kind="account.merged").values_list("user", "actor")) == {
        (member.pk, administrator.pk), (other_member.pk, administrator.pk),
    }  # fmt: skip
    assert LogEntry.objects.get().get_change_message() == REASON
    deliver()
    kept = next(mail for mail in mails_to(smtp, member.email) if "second account" in subject_of(mail))
    closed = next(mail for mail in mails_to(smtp, other_member.email) if "أُغلق حسابك" in subject_of(mail))
    assert "o•••@example.com" in text_of(kept)
    assert member.email not in text_of(closed)
    assert REASON not in text_of(closed)


def test_closed_address_stays_with_its_account(client, administrator, member, other_member, smtp):
    closing.close_double_account(kept=member, closed=other_member, by=administrator, reason=REASON)
    sign_in(client, other_member.email, PASSWORD)
    assert "_auth_user_id" not in client.session
    register(client, other_member.email)
    deliver()
    subjects = [subject_of(mail) for mail in mails_to(smtp, other_member.email)]
    assert not [subject for subject in subjects if "رمز" in subject], "nobody registers with it"
    sign_in(client, member.email, PASSWORD)
    assert "_auth_user_id" in client.session


def test_file_stays_when_the_other_account_has_one(administrator, member, other_member):
    own, other = make_registry_member(member), make_registry_member(other_member)
    assert "is not moved" in close(signed_in(administrator), member, other_member, "show")
    close(signed_in(administrator), member, other_member)
    own.refresh_from_db()
    other.refresh_from_db()
    assert (own.user, other.user) == (member, other_member)
    assert not SignInName.objects.filter(value=other.membership_number).exists()


def test_open_matters_of_the_closed_account_end(administrator, member, other_member):
    file = make_registry_member()
    claims.claim_member(
        user=other_member, membership_number=file.membership_number, identity_number=file.identity_number,
        birth_date=BIRTH_DATE,
    )  # fmt: skip
    begin_email_change(other_member, "new@example.com")
    case = cases.ask_case(user=other_member, asked_by=administrator, kind="clear_mfa", reason=REASON)
    kept_change = begin_email_change(member, "mine@example.com")
    assert "waiting claim" in close(signed_in(administrator), member, other_member, "show")
    close(signed_in(administrator), member, other_member)
    assert Claim.objects.get().state == "refused"
    assert list(EmailChange.objects.unfinished()) == [kept_change], "the other account is left alone"
    case.refresh_from_db()
    assert case.state == StaffCase.State.EXPIRED


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("other@example.com", "This is the same account."),
        ("admin@example.com", "with your own account,"),
        ("nobody@example.com", "No account has this email address."),
        ("disabled@example.com", "Both accounts must be active"),
        ("", "Enter the email address of the account that stays."),
    ],
)
@pytest.mark.parametrize("action", ["show", "close"])
def test_what_is_no_double_is_refused(administrator, other_member, kept, told, action):
    make_user("disabled@example.com", first_name="A", last_name="B", is_active=False)
    fields = {"kept": kept, "reason": REASON, "action": action}
    page = signed_in(administrator).post(page_of(other_member), fields).content.decode()
    assert told in page
    other_member.refresh_from_db()
    assert other_member.is_active
    assert not Outbox.objects.exists()


def test_account_with_rights_is_not_closed(administrator, member, reviewer):
    assert "must have no rights" in close(signed_in(administrator), member, reviewer)
    with pytest.raises(closing.OwnAccount):
        closing.close_double_account(kept=member, closed=administrator, by=administrator, reason=REASON)
    record_event("rights.changed", user=administrator, actor=member)
    with pytest.raises(closing.OwnAccount):
        closing.close_double_account(kept=member, closed=reviewer, by=administrator, reason=REASON)
    assert User.objects.filter(is_active=False).count() == 0


def test_closing_asks_for_a_fresh_proof(administrator, member, other_member):
    here = signed_in(administrator)
    with time_machine.travel(timezone.now() + timedelta(minutes=14), tick=False):
        # Within the idle limit of staff.
        here.get(page_of(other_member))
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        for answer in (
            here.get(page_of(other_member)),
            here.post(page_of(other_member), {"kept": member.email, "reason": REASON, "action": "close"}),
        ):
            assert "reauthenticate" in answer.url
    other_member.refresh_from_db()
    assert other_member.is_active


@pytest.mark.parametrize("role", ["support", "reviewer", "senior reviewer"])
def test_only_an_administrator_closes(reviewer, member, other_member, role):
    here = signed_in(give_role(reviewer, role))
    assert "/close/" not in here.get(reverse("admin:accounts_user_change", args=[other_member.pk])).content.decode()
    fields = {"kept": member.email, "reason": REASON, "action": "close"}
    assert here.post(page_of(other_member), fields).status_code == 403
    other_member.refresh_from_db()
    assert other_member.is_active


def test_second_press_finds_the_account_closed(administrator, member, other_member):
    close(signed_in(administrator), member, other_member)
    with pytest.raises(closing.AccountUnfit):
        closing.close_double_account(kept=member, closed=other_member, by=administrator, reason=REASON)
    assert AccountEvent.objects.filter(kind="account.merged").count() == 2
