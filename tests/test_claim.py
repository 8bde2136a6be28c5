"""Story: somebody says that a member file is theirs, and the registry address may object."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from mumaris.mail.models import Outbox
from profiles import claims
from profiles.models import Claim, Member
from tests.conftest import make_user
from tests.journey import deliver, mails_to, objection_link_in, subject_of, text_of, url
from tests.registry import make_registry_member

pytestmark = pytest.mark.django_db
State = Claim.State


@pytest.fixture
def file(db):
    """A member file that nobody has activated."""
    return make_registry_member(registry_email="noura@registry.example")


@pytest.fixture
def here(client, member):
    client.force_login(member)
    return client


def proof(file, **changes) -> dict:
    return {
        "membership_number": file.membership_number,
        "identity_number": file.identity_number,
        "birth_date": "15/07/1405",
        "calendar": "hijri",
    } | changes


def post_claim(client, file, language: str = "en", **changes):
    return client.post(url("claim", language=language), proof(file, **changes))


def let_time_pass(hours: int) -> None:
    """Send what waits, and let so much of the wait pass."""
    deliver()
    Claim.objects.update(due_at=timezone.now() + timedelta(hours=72 - hours))


def objection_link(smtp, address: str) -> str:
    deliver()
    return objection_link_in(mails_to(smtp, address)[-1])


def test_claim_waits_and_ties_the_file(here, member, file, smtp):
    assert post_claim(here, file).url == url("claim", language="en")
    assert "The file is linked on" in here.get(url("claim", language="en")).content.decode()
    assert "The file is linked on" in here.get(url("profile", language="en")).content.decode()
    let_time_pass(71)
    assert claims.tie_due_claims() == 0
    file.refresh_from_db()
    assert file.user is None
    let_time_pass(73)
    assert claims.tie_due_claims() == 1
    assert claims.tie_due_claims() == 0
    file.refresh_from_db()
    member.refresh_from_db()
    assert file.user == member
    assert member.birth_date == file.birth_date
    assert set(member.sign_in_names.values_list("value", flat=True)) == {member.email, file.membership_number}
    deliver()
    assert [subject_of(mail) for mail in mails_to(smtp, member.email)] == [
        "We received your request to link your member file",
        "Your member file is linked to your account",
    ]
    page = here.get(url("profile", language="en")).content.decode()
    assert file.membership_number in page


def test_registry_address_is_warned_and_may_object(here, member, file, smtp):
    post_claim(here, file)
    link = objection_link(smtp, "noura@registry.example")
    [warning] = mails_to(smtp, "noura@registry.example")
    assert "طلب" in subject_of(warning), "in Arabic: nobody has chosen another language"
    assert member.first_name not in text_of(warning), "no text that the claimant typed"
    stranger = Client()
    assert stranger.get(link).status_code == 200
    assert Claim.objects.get().state == State.WAITING, "opening consumes nothing"
    stranger.post(link)
    claim = Claim.objects.get()
    assert claim.state == State.STOPPED
    assert "لم يعد" in stranger.get(link).content.decode()
    let_time_pass(73)
    assert claims.tie_due_claims() == 0
    file.refresh_from_db()
    assert file.user is None
    deliver()
    assert "could not be linked" in subject_of(mails_to(smtp, member.email)[-1])


@pytest.mark.parametrize("token", ["1-abc", "x", "0", "99999999999999999999-a", "١-a", "1"])
def test_wrong_objection_link_says_so(here, file, token):
    post_claim(here, file)
    for answer in (here.get(url("claim_objection", token)), here.post(url("claim_objection", token))):
        assert answer.status_code == 200
        assert "هذا الرابط" in answer.content.decode()
    assert Claim.objects.get().state == State.WAITING


def test_every_failure_reads_the_same(here, file, other_member):
    used = make_registry_member(other_member)
    attempts = [
        proof(file, membership_number="99999999"),
        proof(file, identity_number=used.identity_number),
        proof(file, birth_date="16/07/1405"),
        proof(used),
    ]
    pages = set()
    for fields in attempts:
        answer = here.post(url("claim", language="en"), fields)
        page = answer.content.decode()
        assert "The file could not be linked with these details." in page
        page = re.sub(r'value="[^"]*"|<p[^>]*_words".*?</p>', "", page, flags=re.DOTALL)
        pages.add((answer.status_code, page))
    assert len(pages) == 1
    assert not Claim.objects.exists()
    assert not Outbox.objects.exists()


def test_five_claims_an_hour_whether_right_or_wrong(here, file):
    for _ in range(5):
        post_claim(here, file, birth_date="16/07/1405")
    answer = post_claim(here, file)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    assert not Claim.objects.exists()


def test_twenty_claims_an_hour_from_one_address(file):
    answers = []
    for number in range(21):
        client = Client()
        client.force_login(make_user(f"claimant{number}@example.com"))
        answers.append(post_claim(client, file, birth_date="16/07/1405").status_code)
    assert answers == [200] * 20 + [429]


def test_activated_member_cannot_be_claimed(here, file):
    owner = make_user("owner@example.com")
    Member.objects.filter(pk=file.pk).update(user=owner, tied_at=timezone.now())
    assert post_claim(here, file).status_code == 200
    assert not Claim.objects.exists()


def make_unused_account(file) -> User:
    """The account that an import makes: no password, never signed in."""
    account = User.objects.create_user("noura@registry.example", None, first_name="نورة", last_name="القحطاني")
    file.user, file.tied_at = account, timezone.now()
    file.save()
    account.sign_in_names.create(value=file.membership_number)
    return account


def test_account_that_nobody_used_gives_way(here, member, file):
    account = make_unused_account(file)
    post_claim(here, file)
    let_time_pass(73)
    claims.tie_due_claims()
    file.refresh_from_db()
    assert file.user == member
    assert not User.objects.filter(pk=account.pk).exists()
    assert member.sign_in_names.filter(value=file.membership_number).exists()


def test_account_used_during_the_wait_keeps_its_file(here, member, file, smtp):
    account = make_unused_account(file)
    post_claim(here, file)
    account.set_password("Sunlit-Wadi7")
    account.save()
    let_time_pass(73)
    assert claims.tie_due_claims() == 0
    file.refresh_from_db()
    assert file.user == account
    assert Claim.objects.get().state == State.REFUSED
    deliver()
    assert "could not be linked" in subject_of(mails_to(smtp, member.email)[-1])


def test_two_claims_on_one_file_wait_for_a_reviewer(here, member, other_member, file, reviewer, smtp):  # noqa: PLR0917
    post_claim(here, file)
    other = Client()
    other.force_login(other_member)
    post_claim(other, file)
    let_time_pass(73)
    assert claims.tie_due_claims() == 0
    mine, theirs = Claim.objects.order_by("pk")
    claims.approve_claim(claim=theirs, reviewer=reviewer)
    mine.refresh_from_db()
    file.refresh_from_db()
    assert (mine.state, file.user) == (State.REFUSED, other_member)
    deliver()
    assert "could not be linked" in subject_of(mails_to(smtp, member.email)[-1])


def test_reviewer_ties_before_the_wait_is_over_but_not_their_own(here, member, file, reviewer):
    post_claim(here, file)
    claim = Claim.objects.get()
    with pytest.raises(claims.OwnClaim):
        claims.approve_claim(claim=claim, reviewer=member)
    assert claims.approve_claim(claim=claim, reviewer=reviewer).user == member
    with pytest.raises(claims.ClaimDecided):
        claims.refuse_claim(claim=claim, reviewer=reviewer, reason="late")


def test_second_tap_makes_no_second_claim(here, file):
    assert post_claim(here, file).url == url("claim", language="en")
    assert post_claim(here, file).status_code == 200
    assert Claim.objects.count() == 1


def test_tied_user_needs_no_claim(client, member):
    make_registry_member(member)
    client.force_login(member)
    assert client.get(url("claim")).url == url("profile")


def test_member_without_registry_address_waits_all_the_same(here, file, smtp, member):
    Member.objects.update(registry_email="")
    post_claim(here, file)
    deliver()
    assert [mail.rcpt_tos for mail in smtp.messages] == [[member.email]]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"membership_number": ""}, "أدخل رقم العضوية."),
        ({"membership_number": "12ab"}, "يتكون رقم العضوية من أرقام فقط."),
        ({"birth_date": "1405-07-15", "calendar": "gregorian"}, "التقويم الهجري"),
        ({"birth_date": ""}, "أدخل تاريخ الميلاد."),
    ],
)
def test_claim_form_says_what_to_do(here, file, changes, sentence):
    answer = post_claim(here, file, "ar", **changes)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not Claim.objects.exists()


# --- What the clock leaves to a reviewer ------------------------------------------------------------


def test_whom_the_owner_stopped_once_cannot_claim_again(here, member, file, smtp):
    post_claim(here, file)
    link = objection_link(smtp, "noura@registry.example")
    Client().post(link)
    answer = post_claim(here, file)
    assert "The file could not be linked" in answer.content.decode()
    assert Claim.objects.count() == 1
    assert len(mails_to(smtp, "noura@registry.example")) == 1, "the owner is not asked again and again"
    page = here.get(url("claim", language="en")).content.decode()
    assert "was stopped on" in page


def test_file_once_objected_for_is_tied_by_a_reviewer_only(here, file, smtp, other_member, reviewer):
    post_claim(here, file)
    Client().post(objection_link(smtp, "noura@registry.example"))
    other = Client()
    other.force_login(other_member)
    assert post_claim(other, file).status_code == 302
    let_time_pass(100)
    assert claims.tie_due_claims() == 0
    assert claims.approve_claim(claim=Claim.objects.waiting().get(), reviewer=reviewer).user == other_member


def test_refused_claim_tells_its_reason_on_the_page(here, file, reviewer):
    post_claim(here, file)
    claims.refuse_claim(claim=Claim.objects.get(), reviewer=reviewer, reason="Bring <b>your</b> card.")
    page = here.get(url("claim", language="en")).content.decode()
    assert "Your last request was refused" in page
    assert "Bring &lt;b&gt;your&lt;/b&gt; card." in page


def test_wait_begins_when_the_warning_was_accepted(here, file, smtp):
    post_claim(here, file)
    Claim.objects.update(due_at=timezone.now() - timedelta(hours=1))
    assert claims.tie_due_claims() == 0, "nobody was warned yet"
    deliver()
    claim = Claim.objects.get()
    assert timedelta(hours=71) < claim.due_at - timezone.now() < timedelta(hours=73)
    assert claim.warned_at


def test_claim_whose_warning_cannot_be_delivered_waits_for_a_reviewer(here, file, smtp):
    smtp.answer_recipient = lambda address: "550 no such user" if address == "noura@registry.example" else None
    post_claim(here, file)
    let_time_pass(100)
    assert claims.tie_due_claims() == 0
    assert Claim.objects.get().state == State.WAITING


def test_disabled_account_is_not_tied(here, member, file):
    account = make_unused_account(file)
    post_claim(here, file)
    User.objects.filter(pk=member.pk).update(is_active=False)
    let_time_pass(73)
    assert claims.tie_due_claims() == 0
    assert User.objects.filter(pk=account.pk).exists()


def test_claim_of_a_file_that_the_import_has_tied_meanwhile_ends_well(here, member, file, smtp):
    post_claim(here, file)
    claims.tie_member(member=file, user=member)
    let_time_pass(73)
    assert claims.tie_due_claims() == 1
    assert Claim.objects.get().state == State.TIED
