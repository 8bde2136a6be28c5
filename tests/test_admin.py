"""Story: staff look accounts up and send reset mails; nobody sees or sets a secret."""

import re
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.urls import reverse
from django.utils import translation

from accounts.email_change import undo_token
from accounts.events import record_event
from accounts.models import AccountEvent, Consent, EmailChange, PendingRegistration, User
from mumaris.mail.kinds import list_kinds
from mumaris.mail.models import Outbox
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    answer_visual_code,
    ask_reset,
    code_in,
    deliver,
    link_in,
    mails_to,
    register,
    sign_in,
    type_code,
    url,
)
from tests.roles import add_app, app_code, enter, give_role, signed_in

pytestmark = pytest.mark.django_db
LANGUAGES = {"ar": "rtl", "en": "ltr"}
READ_ONLY = ["accounts_pendingregistration", "accounts_consent", "accounts_emailchange", "mail_outbox"]
LISTS = ["accounts_user", *READ_ONLY]
NORA, SARA = "nora@example.com", "sara@example.com"


@pytest.fixture
def superuser(db):
    return User.objects.create_superuser("root@example.com", PASSWORD, first_name="Root", last_name="User")


@pytest.fixture
def supporter(reviewer):
    """Staff who may look at everything and change users, and who are no superuser."""
    codenames = [
        "view_user", "change_user", "view_pendingregistration", "view_consent", "view_emailchange", "view_outbox",
        "send_reset_mail", "view_whole_address",
    ]  # fmt: skip
    reviewer.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return reviewer


@pytest.fixture
def secrets(client, member, smtp) -> list[str]:
    """What no page may show: of a finished registration, a waiting one, a change of address and a reset link."""
    register(client, NORA)
    deliver()
    code = code_in(mails_to(smtp, NORA)[0])
    type_code(client, code)
    client.post(url("account_email"), {"email": "new@example.com"})
    deliver()
    change_code = code_in(mails_to(smtp, "new@example.com")[0])
    undo = undo_token(EmailChange.objects.get()).partition("-")[2]
    client.logout()
    register(client, SARA, password1="Shady-Palms8x", password2="Shady-Palms8x")
    ask_reset(client, member.email)
    deliver()
    link = link_in(mails_to(smtp, member.email)[0])
    hashes = [
        *User.objects.values_list("password", flat=True),
        *PendingRegistration.objects.values_list("password", flat=True),
    ]
    pending_code = code_in(mails_to(smtp, SARA)[0])
    return [code, change_code, undo, pending_code, link, link.split("-", 1)[1], PASSWORD, "argon2", *hashes]


def in_language(client, language: str):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client


def row_of(model: str):
    return {
        "accounts_user": User.objects.filter(email=NORA),
        "accounts_pendingregistration": PendingRegistration.objects,
        "accounts_consent": Consent.objects,
        "accounts_emailchange": EmailChange.objects,
        "mail_outbox": Outbox.objects,
    }[model].first()


def page_of(model: str, action: str = "changelist", *args) -> str:
    return reverse(f"admin:{model}_{action}", args=args)


# --- The door -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_staff_sign_in_through_the_portal(client, reviewer, language):
    sent = in_language(client, language).get("/admin/")
    assert sent.url == f"{url('account_login', language=language)}?next=%2Fadmin%2F"
    page = client.get(sent.url)
    assert 'name="next" value="/admin/"' in page.content.decode()

    fields = {"login": reviewer.email, "password": PASSWORD, "next": "/admin/"} | answer_visual_code(page)
    key = add_app(reviewer)
    second = client.post(sent.url, fields)
    assert second.url == url("mfa_authenticate", language=language)
    assert "_auth_user_id" not in client.session
    answer = client.post(second.url, {"code": app_code(key)})

    assert answer.url == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_admins_own_sign_in_page_asks_for_no_password(client, superuser):
    """It would have no limits and no visual code."""
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.status_code == 302
    assert answer.url.startswith(url("account_login"))
    answer = client.post("/admin/login/", {"username": superuser.email, "password": PASSWORD})
    assert answer.url.startswith(url("account_login"))
    assert "_auth_user_id" not in client.session


def test_staff_who_saved_the_admins_sign_in_page_get_in(client, superuser):
    enter(client, superuser)
    answer = client.get("/admin/login/")
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/admin/")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/admin/", "/admin/accounts/user/", "/admin/mail/outbox/", "/admin/login/"])
def test_member_is_refused_in_words(client, member, path, language):
    client.force_login(member)
    answer = in_language(client, language).get(path, follow=True)
    assert answer.status_code == 403
    page = answer.content.decode()
    assert f'<html lang="{language}" dir="{LANGUAGES[language]}">' in page
    assert ("ليس لديك صلاحية" if language == "ar" else "You may not see this page") in page


def test_staff_without_rights_see_no_row(client, reviewer):
    enter(client, reviewer)
    assert client.get("/admin/").status_code == 200
    for model in LISTS:
        assert client.get(page_of(model)).status_code == 403


def test_disabled_staff_are_out_at_the_next_request(client, supporter):
    enter(client, supporter)
    assert client.get("/admin/").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/admin/").status_code == 302


def test_admin_sends_no_one_to_its_own_change_of_password(client, superuser):
    enter(client, superuser)
    assert client.get("/admin/password_change/").url == url("account_change_password")


# --- The lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["superuser", "supporter"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_lists_and_rows_show_no_secret(request, client, secrets, person, language):
    enter(client, request.getfixturevalue(person))
    in_language(client, language)
    for model in LISTS:
        row = row_of(model)
        assert row, model
        for path in (page_of(model), page_of(model, "change", row.pk), page_of(model, "history", row.pk)):
            answer = client.get(path)
            assert answer.status_code == 200, path
            page = answer.content.decode()
            assert f'lang="{language}"' in page
            assert f'dir="{LANGUAGES[language]}"' in page
            assert not [secret for secret in secrets if secret in page], path
            assert not re.search(r'name="[^"]*(password|hash|code|seal|nonce|lease)[^"]*"', page), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_lists_name_the_rows_in_words_of_the_language(client, superuser, secrets, language):
    enter(client, superuser)
    page = in_language(client, language).get("/admin/").content.decode()
    names = {
        "ar": ["المستخدم", "التسجيل", "الموافق", "تغييرات البريد", "صندوق الصادر"],
        "en": ["Users", "Pending registrations", "Consents", "Changes of email addresses", "Outbox"],
    }
    for name in names[language]:
        assert name in page
    outbox = client.get(page_of("mail_outbox")).content.decode()
    assert SARA in outbox
    assert SARA in client.get(page_of("accounts_pendingregistration")).content.decode()
    assert NORA in client.get(page_of("accounts_user")).content.decode()


def test_search_finds_one_address_only(client, superuser, member, other_member):
    enter(client, superuser)
    page = client.get(page_of("accounts_user"), {"q": member.email}).content.decode()
    assert member.email in page
    assert other_member.email not in page


@pytest.mark.parametrize("rows", [1, 3])
def test_list_of_users_asks_as_often_for_three_as_for_one(client, superuser, rows, django_assert_max_num_queries):
    for number in range(rows):
        User.objects.create_user(f"user{number}@example.com", None, first_name="A", last_name="B")
    enter(client, superuser)
    with django_assert_max_num_queries(5):
        assert client.get(page_of("accounts_user")).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "?q=' or 1=1 --",
        "?q=%00",
        "?e=1",
        "?password__startswith=a",
        "?o=99.99",
        "?p=-1",
        "?is_active__exact=x",
        "?q=%ED%A0%80",
        "?language__exact=%00",
    ],
)
def test_hostile_query_on_a_list_shows_nothing_more(client, superuser, query):
    enter(client, superuser)
    answer = client.get(page_of("accounts_user") + query)
    assert answer.status_code in {200, 302, 400}


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("accounts_user", "password"),
        ("accounts_pendingregistration", "password"),
        ("accounts_consent", "user__password"),
        ("accounts_emailchange", "undo_nonce"),
        ("mail_outbox", "sealed_message"),
    ],
)
@pytest.mark.parametrize("person", ["superuser", "supporter"])
def test_secrets_cannot_be_guessed_by_filters(request, client, person, model, field):
    """Django lets a list be filtered by any field of its model: that tells a hash letter by letter."""
    enter(client, request.getfixturevalue(person))
    assert client.get(page_of(model), {f"{field}__startswith": "a"}).status_code == 400


# --- Acts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["superuser", "supporter"])
@pytest.mark.usefixtures("other_member")
def test_reset_mail_is_sent_and_the_password_stays(request, client, member, smtp, person):
    enter(client, request.getfixturevalue(person))
    before = dict(User.objects.values_list("pk", "password"))
    act = {"action": "send_reset_mail", "_selected_action": [member.pk]}
    page = in_language(client, "ar").post(page_of("accounts_user"), act, follow=True)
    assert "رسالة استعادة كلمة المرور في طريقها إلى مستخدم واحد." in page.content.decode()
    assert list(Outbox.objects.values_list("kind", "recipient")) == [("password_reset", member.email)]

    deliver()
    assert link_in(mails_to(smtp, member.email)[0])
    assert len(smtp.messages) == 1
    assert dict(User.objects.values_list("pk", "password")) == before


def test_reset_mail_needs_its_own_right(client, reviewer, member):
    reviewer.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    enter(client, reviewer)
    client.post(page_of("accounts_user"), {"action": "send_reset_mail", "_selected_action": [member.pk]})
    assert not Outbox.objects.exists()


def test_disabled_account_gets_no_reset_mail(client, superuser, member):
    User.objects.filter(pk=member.pk).update(is_active=False)
    enter(client, superuser)
    client.post(page_of("accounts_user"), {"action": "send_reset_mail", "_selected_action": [member.pk]})
    assert not Outbox.objects.exists()


SIGNED_OUT = {
    "ar": ("سُجّل خروج مستخدم واحد من جميع أجهزته.", "سُجّل خروج جميع الأجهزة."),
    "en": ("1 user was signed out of all devices.", "All devices were signed out."),
}


@pytest.mark.parametrize("language", SIGNED_OUT)
def test_staff_sign_somebody_out_everywhere(supporter, member, other_member, language):
    told, line = SIGNED_OUT[language]
    browsers, other, here = [signed_in(member), signed_in(member)], signed_in(other_member), signed_in(supporter)
    act = {"action": "sign_out", "_selected_action": [member.pk, supporter.pk]}
    page = in_language(here, language).post(page_of("accounts_user"), act, follow=True)
    assert told in page.content.decode()
    assert [browser.get(url("profile")).status_code for browser in [*browsers, other]] == [302, 302, 200]
    assert AccountEvent.objects.get(kind="sessions.closed").actor == supporter
    history = signed_in(member, language).get(url("account_activity", language=language)).content.decode()
    assert line in history


@pytest.mark.parametrize("role", ["support", "reviewer", "senior reviewer"])
def test_only_an_administrator_signs_others_out(reviewer, member, role):
    browser, here = signed_in(member), signed_in(give_role(reviewer, role))
    assert 'value="sign_out"' not in here.get(page_of("accounts_user")).content.decode()
    here.post(page_of("accounts_user"), {"action": "sign_out", "_selected_action": [member.pk]})
    assert browser.get(url("profile")).status_code == 200


def test_superuser_is_signed_out_by_a_superuser_alone(supporter, superuser):
    browser, here = signed_in(superuser), signed_in(supporter)
    here.post(page_of("accounts_user"), {"action": "sign_out", "_selected_action": [superuser.pk]})
    assert browser.get(url("profile")).status_code == 200
    assert not AccountEvent.objects.filter(kind="sessions.closed").exists()


@pytest.mark.parametrize("person", ["superuser", "supporter"])
def test_nobody_sets_a_password_or_an_address_by_hand(request, client, member, person):
    enter(client, request.getfixturevalue(person))
    before = member.password
    posted = {
        "email": "stolen@example.com", "first_name": "Mona", "last_name": "Harbi", "language": "en", "is_active": "on",
        "password": NEW_PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "birth_date": "2000-01-01",
        "user_permissions": ["1"],
    }  # fmt: skip
    answer = client.post(page_of("accounts_user", "change", member.pk), posted)
    assert answer.status_code == 302
    member.refresh_from_db()
    assert (member.password, member.email, member.birth_date) == (before, "member@example.com", None)
    assert not member.user_permissions.exists()
    for path in (f"/admin/accounts/user/{member.pk}/password/", f"/admin/auth/user/{member.pk}/password/"):
        answer = client.post(path, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
        assert answer.status_code in {302, 404}
    member.refresh_from_db()
    assert member.password == before


RIGHTS = {"is_active": "on", "is_staff": "on", "is_superuser": "on"}


def give_rights(client, user, **posted):
    reviewers = Group.objects.get(name="reviewer").pk
    answer = client.post(page_of("accounts_user", "change", user.pk), RIGHTS | {"groups": [reviewers]} | posted)
    user.refresh_from_db()
    return answer.status_code, user.is_staff, user.is_superuser, [group.name for group in user.groups.all()]


def test_administrator_gives_a_role_and_never_a_superuser(reviewer, member):
    client = signed_in(give_role(reviewer, "administrator"))
    assert give_rights(client, member) == (302, True, False, ["reviewer"])


def test_nobody_changes_their_own_rights(reviewer, superuser):
    administrator = give_role(reviewer, "administrator")
    client = signed_in(administrator)
    assert give_rights(client, administrator, is_staff="") == (302, True, False, ["administrator"])
    assert give_rights(signed_in(superuser), superuser, is_superuser="") == (302, True, True, [])


def test_administrator_does_not_touch_a_superuser(reviewer, superuser):
    client = signed_in(give_role(reviewer, "administrator"))
    assert give_rights(client, superuser, is_active="") == (403, True, True, [])
    assert superuser.is_active


def test_superuser_makes_a_superuser(superuser, member):
    assert give_rights(signed_in(superuser), member) == (302, True, True, ["reviewer"])


@pytest.mark.parametrize("role", ["support", "reviewer", "senior reviewer"])
def test_other_roles_give_no_rights(reviewer, member, role):
    client = signed_in(give_role(reviewer, role))
    assert give_rights(client, member) == (403, False, False, [])


def test_support_reads_masked_addresses_alone(client, reviewer, member, secrets):
    supporter = give_role(reviewer, "support")
    client = signed_in(supporter)
    for model in ("accounts_user", "accounts_pendingregistration", "accounts_consent"):
        row = row_of(model)
        for path in (page_of(model), page_of(model, "change", row.pk), page_of(model, "history", row.pk)):
            page = client.get(path).content.decode()
            for address in (NORA, SARA, member.email):
                assert address not in page, path
    page = client.get(page_of("accounts_user"), {"q": NORA}).content.decode()
    assert "n•••@example.com" in page, "a whole address that support types is found"
    assert "m•••@example.com" not in page


def test_masked_row_is_never_saved(reviewer, member):
    """Somebody with an odd set of rights would else write the mask into the account."""
    rights = Permission.objects.filter(codename__in=["view_user", "change_user"])
    reviewer.user_permissions.set(rights)
    assert give_rights(signed_in(reviewer), member)[0] == 403
    assert member.email == "member@example.com"


@pytest.mark.parametrize("person", ["superuser", "supporter"])
@pytest.mark.parametrize("model", READ_ONLY)
def test_read_only_rows_refuse_every_change(request, client, secrets, model, person):
    enter(client, request.getfixturevalue(person))
    row = row_of(model)
    before = type(row).objects.values().get(pk=row.pk)
    rows = type(row).objects.count()
    assert client.get(page_of(model, "add")).status_code == 403
    assert client.post(page_of(model, "add"), {"kind": "x"}).status_code == 403
    assert client.post(page_of(model, "change", row.pk), {"language": "en", "state": "sent"}).status_code == 403
    assert client.get(page_of(model, "delete", row.pk)).status_code == 403
    assert client.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    client.post(page_of(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert type(row).objects.count() == rows
    assert type(row).objects.values().get(pk=row.pk) == before


def test_users_are_neither_added_nor_deleted(client, superuser, member):
    enter(client, superuser)
    assert client.post(page_of("accounts_user", "add"), {"email": "x@example.com"}).status_code == 403
    assert client.post(page_of("accounts_user", "delete", member.pk), {"post": "yes"}).status_code == 403
    client.post(page_of("accounts_user"), {"action": "delete_selected", "_selected_action": [member.pk], "post": "yes"})
    assert User.objects.filter(pk=member.pk).exists()


def test_names_are_shown_as_text(client, superuser, member):
    User.objects.filter(pk=member.pk).update(first_name="<script>alert(1)</script>", last_name="{{ 7*7 }}")
    enter(client, superuser)
    for path in (page_of("accounts_user"), page_of("accounts_user", "change", member.pk)):
        page = client.get(path).content.decode()
        assert "<script>alert(1)" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "{{ 7*7 }}" in page


def test_staff_are_not_remembered(client, reviewer):
    sign_in(client, reviewer.email, PASSWORD, remember="on")
    assert client.session["signed_in"]["kind"] == "staff"


def test_member_promoted_while_signed_in_signs_in_again_first(client, member):
    sign_in(client, member.email, PASSWORD)
    User.objects.filter(pk=member.pk).update(is_staff=True, is_superuser=True)
    assert client.get("/admin/", follow=True).status_code == 403
    client.post("/ar/accounts/logout/")
    key = add_app(member)
    sign_in(client, member.email, PASSWORD)
    client.post(url("mfa_authenticate"), {"code": app_code(key)})
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("ticked", ["", "x", "\x00", "-1", "9" * 19, "9" * 400, "٤", "1.5", "<b>", "\ud800"])
@pytest.mark.parametrize(("model", "action"), [("accounts_user", "send_reset_mail"), ("auth_group", "delete_selected")])
def test_row_that_no_list_shows_cannot_be_ticked(client, superuser, model, action, ticked):
    enter(client, superuser)
    body = urlencode({"action": action, "_selected_action": ticked.encode("utf-8", "surrogatepass")})
    answer = client.post(page_of(model), body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert not Outbox.objects.exists()


@pytest.mark.parametrize("query", ["_to_field=", "_to_field=password", "_to_field=%00", "_popup=1&_to_field=email"])
def test_row_is_found_by_its_key_alone(client, superuser, member, query):
    enter(client, superuser)
    answer = client.get(f"{page_of('accounts_user', 'change', member.pk)}?{query}")
    assert answer.status_code in {200, 302, 400}


# --- In the words of the language --------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_roles_are_ticked_and_listed_by_their_names(superuser, member, language):
    give_role(member, "reviewer")
    client = signed_in(superuser, language)
    name = {"ar": "مراجع", "en": "Reviewer"}[language]
    page = client.get(page_of("accounts_user", "change", member.pk)).content.decode()
    assert re.search(rf'<input type="checkbox" name="groups"[^>]* checked>\s*{name}<', page)
    assert "SelectFilter2" not in page, "Django's own chooser has no Arabic"
    listed = client.get(page_of("auth_group", "changelist")).content.decode()
    assert re.search(rf'<th class="field-role"><a [^>]*>{name}</a></th><td class="field-people">1</td>', listed)


def test_pages_of_mails_and_events_hold_no_english_words_of_ours(superuser, member):
    client = signed_in(superuser, "ar")
    event = record_event("access.refused", user=member, refused=True)
    mail = Outbox.objects.create(kind="welcome", lane=3, recipient=member.email, language="ar")
    assert "رقم الرسالة" in client.get(page_of("mail_outbox", "change", mail.pk)).content.decode()
    assert ">Id" not in client.get(page_of("mail_outbox", "change", mail.pk)).content.decode()
    listed = client.get(page_of("mail_outbox"), {"kind": "welcome"}).content.decode()
    assert mail.recipient in listed
    with translation.override("ar"):
        names = list_kinds()
    assert {kind for kind, name in names.items() if re.search("[A-Za-z]", name)} == set()
    assert all(f'?kind={kind}">{name}' in listed for kind, name in names.items() if kind != "welcome")
    assert "access.refused:" not in client.get(page_of("accounts_accountevent", "changelist")).content.decode()
    assert client.get(page_of("accounts_accountevent", "change", event.pk)).status_code == 200
