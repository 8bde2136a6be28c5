"""Story: a reviewer decides on claims and looks members up; every look is recorded."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.events import record_event
from accounts.models import AccountEvent, SignInName, User
from mumaris.capped_pages import CappedPaginator
from mumaris.mail.models import Outbox
from profiles import claims
from profiles.models import Claim, Member, RecordView, Specialty
from tests.conftest import make_user
from tests.journey import deliver, mails_to, subject_of, text_of, waiting
from tests.registry import BIRTH_DATE, make_registry_member
from tests.roles import give_role, signed_in

pytestmark = pytest.mark.django_db
State = Claim.State
CLAIMS = reverse("admin:profiles_claim_changelist")
MEMBERS = reverse("admin:profiles_member_changelist")
VIEWS = reverse("admin:profiles_recordview_changelist")


@pytest.fixture
def reviewer(reviewer):
    return give_role(reviewer, "reviewer")


@pytest.fixture
def here(reviewer):
    return signed_in(reviewer)


@pytest.fixture
def file(db):
    return make_registry_member()


def make_claim(user, file) -> Claim:
    return claims.claim_member(
        user=user,
        membership_number=file.membership_number,
        identity_number=file.identity_number,
        birth_date=BIRTH_DATE,
    )


@pytest.fixture
def claim(member, file):
    return make_claim(member, file)


def page_of(row) -> str:
    return reverse(f"admin:profiles_{row._meta.model_name}_change", args=[row.pk])


def read(client, row) -> str:
    return client.get(page_of(row)).content.decode()


def press(client, claim, action: str, **fields) -> str:
    answer = client.post(page_of(claim), {"action": action} | fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def result_of(client, path: str, **query) -> str:
    page = client.get(path, query).content.decode()
    return page.partition('id="result_list"')[2].partition("</table>")[0]


def warning_in(page: str) -> str:
    return page.partition("Warning to the registry email")[2].partition("<td>")[2].partition("</td>")[0]


# --- The decision on a claim ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "said"), [("ar", "تم ربط ملف العضوية بالحساب."), ("en", "The member file was linked")]
)
def test_reviewer_approves_a_claim(reviewer, claim, member, file, smtp, language, said):  # noqa: PLR0917
    assert said in press(signed_in(reviewer, language), claim, "approve")
    claim.refresh_from_db()
    file.refresh_from_db()
    assert (claim.state, claim.decided_by, file.user) == (State.TIED, reviewer, member)
    assert SignInName.objects.get(value=file.membership_number).user == member
    deliver()
    assert subject_of(mails_to(smtp, member.email)[-1]) == "Your member file is linked to your account"


@pytest.mark.parametrize(
    ("language", "asked"), [("ar", "اكتب سببًا يراه مقدم الطلب."), ("en", "Write a reason the applicant will see.")]
)
def test_refusal_needs_a_reason(reviewer, claim, member, file, smtp, language, asked):  # noqa: PLR0917
    client = signed_in(reviewer, language)
    assert asked in press(client, claim, "refuse", reason=" \u200f ")
    assert 'value="Call us.\u202e"' in press(client, claim, "refuse", reason="Call us.\u202e"), "what was typed stays"
    claim.refresh_from_db()
    assert claim.state == State.WAITING
    press(client, claim, "refuse", reason="Call us.")
    claim.refresh_from_db()
    file.refresh_from_db()
    assert (claim.state, claim.reason, file.user) == (State.REFUSED, "Call us.", None)
    deliver()
    assert "Call us." in text_of(mails_to(smtp, member.email)[-1])


def test_second_tap_leads_to_the_decided_claim(here, claim):
    press(here, claim, "approve")
    page = press(here, claim, "approve")
    assert "decided on meanwhile" in page
    assert "decided on meanwhile" in press(here, claim, "refuse", reason="No.")
    assert 'name="action"' not in page
    claim.refresh_from_db()
    assert claim.state == State.TIED
    assert waiting("claim_tied") == 1
    assert waiting("claim_refused") == 0


def test_taken_member_is_said(here, claim, file, other_member):
    claims.tie_member(member=file, user=other_member)
    page = press(here, claim, "approve")
    assert "has an account in use by now" in page
    claim.refresh_from_db()
    file.refresh_from_db()
    assert (claim.state, file.user) == (State.WAITING, other_member)


@pytest.mark.parametrize(
    ("language", "told"), [("en", "disabled or closed. Refuse the claim."), ("ar", "موقوف أو مغلق. ارفض طلب الربط.")]
)
def test_claim_of_a_closed_account_is_never_tied(reviewer, claim, file, language, told):
    User.objects.filter(pk=claim.user_id).update(is_active=False)
    Claim.objects.update(warned_at=timezone.now(), due_at=timezone.now())
    assert claims.tie_due_claims() == 0
    here = signed_in(reviewer, language)
    assert told in press(here, claim, "approve")
    file.refresh_from_db()
    assert file.user is None
    press(here, claim, "refuse", reason="Closed.")
    claim.refresh_from_db()
    assert claim.state == State.REFUSED


def test_due_claim_whose_account_is_closed_a_moment_ago_is_passed_over(claim, member, file, monkeypatch):
    Claim.objects.update(warned_at=timezone.now(), due_at=timezone.now())
    lock = claims._lock

    def close_first(due):
        User.objects.filter(pk=member.pk).update(is_active=False)
        return lock(due)

    monkeypatch.setattr(claims, "_lock", close_first)
    assert claims.tie_due_claims() == 0
    file.refresh_from_db()
    assert file.user is None


def test_claim_that_went_with_its_account_is_decided(here, claim, member, reviewer):
    member.delete()
    with pytest.raises(claims.ClaimDecided):
        claims.approve_claim(claim=claim, reviewer=reviewer)


def test_nobody_decides_on_their_own_claim(here, reviewer, file):
    own = make_claim(reviewer, file)
    page = read(here, own)
    assert "You cannot review a claim of your own," in page
    assert 'name="action"' not in page
    assert "You cannot review a claim of your own," in press(here, own, "approve")
    press(here, own, "refuse", reason="No.")
    own.refresh_from_db()
    assert own.state == State.WAITING


def test_nobody_decides_on_a_claim_of_whoever_gave_them_rights_or_on_their_own_file(reviewer, member, file):
    claim = make_claim(member, file)
    event = record_event("rights.changed", user=reviewer, actor=member)
    with pytest.raises(claims.OwnClaim):
        claims.approve_claim(claim=claim, reviewer=reviewer)
    AccountEvent.objects.filter(pk=event.pk).update(actor=None)
    Member.objects.filter(pk=file.pk).update(user=reviewer, tied_at=timezone.now())
    with pytest.raises(claims.OwnClaim):
        claims.refuse_claim(claim=claim, reviewer=reviewer, reason="Mine.")
    Member.objects.filter(pk=file.pk).update(user=None, tied_at=None)
    assert claims.approve_claim(claim=claim, reviewer=reviewer) == file


def test_page_compares_file_and_account(here, claim, member, file):
    page = read(here, claim)
    for shown in (file.name_arabic, file.name_latin, file.registry_email, member.get_full_name(), member.email):
        assert shown in page
    assert "No account" in page
    assert warning_in(page) == "waiting"
    rows = Outbox.objects.filter(kind="claim_warning")
    rows.update(state=Outbox.State.SENT, finished_at=timezone.now())
    assert warning_in(read(here, claim)).startswith("sent, ")
    rows.update(state=Outbox.State.REFUSED)
    assert warning_in(read(here, claim)).startswith("refused by the mailbox, ")


def test_page_tells_that_nobody_could_be_warned(here, member):
    silent = make_registry_member(registry_email="")
    assert "nobody could be warned" in read(here, make_claim(member, silent))


def test_contested_claims_name_each_other(here, claim, file, other_member):
    rival = make_claim(other_member, file)
    page = read(here, claim)
    assert "Another account claims this file too" in page
    assert page_of(rival) in page
    assert result_of(here, CLAIMS).count("Contested") == 2
    press(here, claim, "approve")
    rival.refresh_from_db()
    assert rival.state == State.REFUSED
    assert "Contested" not in result_of(here, CLAIMS, state="all")


def test_decided_claim_leads_to_the_next(here, claim, other_member):
    later = make_claim(other_member, make_registry_member())
    assert page_of(later) in press(here, claim, "approve")


def test_queue_is_what_waits_and_is_due_first(here, claim, other_member):
    second = make_claim(other_member, make_registry_member())
    Claim.objects.filter(pk=second.pk).update(due_at=timezone.now() - timedelta(hours=1))
    rows = result_of(here, CLAIMS)
    assert rows.index(page_of(second)) < rows.index(page_of(claim))
    press(here, second, "approve")
    assert page_of(second) not in result_of(here, CLAIMS)
    assert page_of(second) in result_of(here, CLAIMS, state="tied")
    assert page_of(claim) not in result_of(here, CLAIMS, state="tied")


@pytest.mark.parametrize("spelling", [str, lambda t: f"\u200f{t} ", str.upper])
def test_search_finds_a_claim_by_number_and_address(here, claim, member, other_member, spelling):
    make_claim(other_member, make_registry_member())
    for typed in (claim.member.membership_number, member.email):
        rows = result_of(here, CLAIMS, q=spelling(typed))
        assert rows.count("/change/") == 1
        assert page_of(claim) in rows
    assert "/change/" not in result_of(here, CLAIMS, q="'; --")


def test_address_is_masked_for_who_may_only_view(claim, member, file):
    viewer = make_user("viewer@example.com", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_claim"))
    client = signed_in(viewer)
    page = read(client, claim)
    assert member.email not in page
    assert file.registry_email not in page
    assert 'name="action"' not in page
    assert client.post(page_of(claim), {"action": "approve"}).status_code == 403
    claim.refresh_from_db()
    assert claim.state == State.WAITING


def test_unknown_claims_and_acts_answer_calmly(here, claim):
    for number in ("0", "9" * 18, "9" * 40, "x", "١"):
        assert here.get(reverse("admin:profiles_claim_change", args=[number])).status_code == 302
    press(here, claim, "explode")
    press(here, claim, "")
    claim.refresh_from_db()
    assert claim.state == State.WAITING


def test_hostile_text_is_shown_literally(here, member):
    hostile = make_registry_member(name_latin="<script>alert(1)</script> {{ 7|add:7 }}")
    for row in (make_claim(member, hostile), hostile):
        assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7|add:7 }}" in read(here, row)


def test_nobody_meets_the_secrets_of_a_claim(here, claim):
    token = claims.objection_token(claim).partition("-")[2]
    for page in (read(here, claim), here.get(CLAIMS).content.decode()):
        assert claim.nonce not in page
        assert token not in page


# --- Members ----------------------------------------------------------------------------------------


def test_identity_number_is_shown_only_when_asked_for(here, file, reviewer):
    page = read(here, file)
    assert file.identity_number not in page
    assert file.identity_number[-4:] in page
    answer = here.post(page_of(file))
    assert file.identity_number in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert file.identity_number not in read(here, file)
    assert list(RecordView.objects.order_by("pk").values_list("member", "viewed_by", "what")) == [
        (file.pk, reviewer.pk, "member"), (file.pk, reviewer.pk, "identity"), (file.pk, reviewer.pk, "member"),
    ]  # fmt: skip


def test_support_looks_up_masked(file):
    client = signed_in(give_role(make_user("support@example.com"), "support"))
    page = read(client, file)
    assert file.name_latin in page
    for hidden in (file.identity_number, file.mobile, "55 123 4567", file.registry_email, file.address, "1405", "1985"):
        assert hidden not in page
    assert "Show the identity number" not in page
    assert client.post(page_of(file)).status_code == 403
    assert not RecordView.objects.filter(what="identity").exists()


def test_search_finds_a_member_by_each_whole_name(here, file):
    make_registry_member()
    for typed in (
        file.membership_number,
        file.identity_number,
        file.registry_email.upper(),
        f"\u200f{file.membership_number}",
    ):
        rows = result_of(here, MEMBERS, q=typed)
        assert rows.count("/change/") == 1
        assert page_of(file) in rows
    for typed in (file.membership_number[:-1], "Noura", "'; --"):
        assert "/change/" not in result_of(here, MEMBERS, q=typed)
    assert here.get(MEMBERS, {"q": "\x00"}).status_code == 200


def test_list_shows_no_number_of_identity(here, file, member):
    make_registry_member(member)
    rows = result_of(here, MEMBERS)
    assert file.identity_number not in rows
    assert rows.count("Not linked") == 1
    assert not RecordView.objects.exists(), "lists are not views of a record"


# --- What is recorded, and who may ------------------------------------------------------------------


def test_every_view_of_a_claim_is_recorded(here, claim, file, reviewer):
    read(here, claim)
    here.post(page_of(claim), {"action": "refuse", "reason": ""})
    here.get(CLAIMS)
    assert list(RecordView.objects.values_list("member", "viewed_by", "what")) == [(file.pk, reviewer.pk, "claim")] * 2


@pytest.mark.parametrize("language", ["ar", "en"])
def test_record_views_are_listed_for_administrators(here, claim, reviewer, language):
    read(here, claim)
    root = signed_in(give_role(make_user("root@example.com"), "administrator"), language)
    rows = result_of(root, VIEWS, q=claim.member.membership_number)
    assert reviewer.get_full_name() in rows
    assert {"ar": "طلب ربط ملف عضوية", "en": "Claim on a member file"}[language] in rows
    assert "<td" not in result_of(root, VIEWS, q="1")
    assert here.get(VIEWS).status_code == 403


# role → (members, claims, decides on claims, whole numbers, record views, terms)
MATRIX = {
    "support": (True, False, False, False, False, False),
    "reviewer": (True, True, True, True, False, False),
    "senior reviewer": (True, True, True, True, False, False),
    "administrator": (True, True, True, True, True, True),
    None: (False, False, False, False, False, False),
}


@pytest.mark.parametrize("role", MATRIX)
def test_roles(role, claim, file):
    user = make_user("staff@example.com", is_staff=True)
    if role:
        give_role(user, role)
    client = signed_in(user)
    members, sees, decides, whole, views, terms = MATRIX[role]
    term = Specialty.objects.first()
    for may, method, path in (
        (members, client.get, MEMBERS), (members, client.get, page_of(file)), (whole, client.post, page_of(file)),
        (sees, client.get, CLAIMS), (sees, client.get, page_of(claim)), (views, client.get, VIEWS),
        (terms, client.get, page_of(term)), (terms, client.get, reverse("admin:profiles_rank_add")),
    ):  # fmt: skip
        assert method(path).status_code == (200 if may else 403), (method, path)
    for row in (claim, file, term):
        assert client.post(page_of(row).replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
    for model in ("claim", "member", "recordview"):
        assert client.post(reverse(f"admin:profiles_{model}_add"), {}).status_code == 403
    assert client.post(page_of(claim), {"action": "approve"}).status_code == (302 if decides else 403)
    claim.refresh_from_db()
    assert (claim.state == State.TIED) == decides


def test_members_and_visitors_reach_none_of_it(claim, file, member):
    for client in (Client(), signed_in(member)):
        for path in (CLAIMS, MEMBERS, VIEWS, page_of(claim), page_of(file)):
            assert client.get(path).status_code in {302, 403}
    assert not RecordView.objects.exists()


@pytest.mark.parametrize("language", ["ar", "en"])
def test_pages_work_in_both_languages(reviewer, claim, file, language):
    client = signed_in(reviewer, language)
    for path in (CLAIMS, MEMBERS, page_of(claim), page_of(file)):
        page = client.get(path).content.decode()
        assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in page
        assert ("رقم العضوية" if language == "ar" else "embership number") in page


# --- Terms ------------------------------------------------------------------------------------------


def test_administrator_keeps_terms_in_both_languages():
    root = signed_in(give_role(make_user("root@example.com"), "administrator"))
    add = reverse("admin:profiles_specialty_add")
    fields = {"code": "hearing-aids", "name_ar": "البصريات", "name_en": "Optometry", "is_active": "on"}
    assert "hidden direction characters" in root.post(add, fields | {"name_en": "\u202eOptometry"}).content.decode()
    assert root.post(add, fields).status_code == 302
    term = Specialty.objects.get(code="hearing-aids")
    root.post(page_of(term), fields | {"code": "other", "name_ar": " علم  البصريات "})
    term.refresh_from_db()
    assert (term.code, term.name_ar, term.is_active) == ("hearing-aids", "علم البصريات", True)
    root.post(page_of(term), {name: value for name, value in fields.items() if name != "is_active"})
    term.refresh_from_db()
    assert not term.is_active


# --- What lists cost --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 50])
def test_lists_take_few_statements(here, count, django_assert_max_num_queries):
    for number in range(count):
        make_claim(make_user(f"claimant{number}@example.com"), make_registry_member())
    for path in (CLAIMS, MEMBERS):
        here.get(path)
        with django_assert_max_num_queries(12):
            assert result_of(here, path).count("/change/") == count


def test_count_stops_at_the_cap(here, monkeypatch, django_assert_max_num_queries):
    monkeypatch.setattr(CappedPaginator, "CAP", 3)
    for _ in range(4):
        make_registry_member()
    assert "More than 3." in here.get(MEMBERS).content.decode()
    Member.objects.order_by("pk").last().delete()
    page = here.get(MEMBERS).content.decode()
    assert "More than" not in page
    assert "Total: 3" in page


def test_count_asks_the_database_for_no_more_than_the_cap(django_assert_num_queries):
    with django_assert_num_queries(1) as seen:
        assert CappedPaginator(Member.objects.order_by("pk"), 50).count == 0
    assert f"LIMIT {CappedPaginator.CAP + 1}" in seen[0]["sql"]
    assert "ORDER BY" not in seen[0]["sql"]


def test_decisions_are_mailed_once(here, claim):
    press(here, claim, "refuse", reason="No.")
    press(here, claim, "refuse", reason="No.")
    assert Outbox.objects.filter(kind="claim_refused").count() == 1
