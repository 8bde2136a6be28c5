"""The history of an account: written beside the act, by whom, where from, and nothing that must not be kept."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import cases, disowning
from accounts.email_change import begin_email_change, undo_token
from accounts.erasure import ask_erasure
from accounts.events import record_event, say_event
from accounts.models import AccountEvent, StaffCase, User
from accounts.tasks import purge
from mumaris.origin import current_origin
from profiles import claims, services
from profiles.models import MemberFile, RecordView, UpdateRequest
from profiles.tasks import tend
from tests.conftest import make_user
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    ask_reset,
    code_in,
    deliver,
    link_in,
    mails_to,
    register,
    sign_in,
    text_of,
    type_code,
    undo_link_in,
    url,
)
from tests.registry import edit_fields, make_picture, make_registry_member, make_terms
from tests.registry_rows import write_rows
from tests.roles import give_role, signed_in

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"


def test_sign_in_writes_an_event_with_its_source(client, member):
    sign_in(client, member.email, headers={"user-agent": PHONE})
    event = AccountEvent.objects.get(kind="sign_in.done")
    assert (event.outcome, event.user, event.actor) == ("done", member, member)
    assert (event.network, event.device) == ("127.0.0.1", "Chrome, Android")


@pytest.mark.parametrize("known", [True, False])
def test_wrong_password_writes_one_event_for_known_and_unknown(client, member, known):
    sign_in(client, member.email if known else "nobody@example.com", password="Wrong-2-Password")
    event = AccountEvent.objects.get()
    assert (event.kind, event.outcome, event.actor) == ("sign_in.failed", "refused", None)
    assert event.user == (member if known else None)


def test_events_outlive_their_account(client, member):
    record_event("sign_out.done", user=member, actor=member)
    owner = member.pk
    member.delete()
    assert AccountEvent.objects.get().user_id == owner


def test_event_of_no_request_names_no_source(member):
    event = record_event("sign_out.done", user=member)
    assert (event.network, event.device, event.actor_id) == (None, "", None)


def test_origin_ends_with_its_request(member):
    signed_in(member).get("/en/profile/")
    assert current_origin().request is None


def test_unknown_kind_is_refused(member):
    with pytest.raises(KeyError):
        record_event("sign_in.dnoe", user=member)
    assert not AccountEvent.objects.exists()


def test_every_kind_has_a_sentence_in_both_languages(settings):
    from django.utils.translation import override

    from accounts.events import list_kinds

    for kind in list_kinds():
        with override("ar"):
            arabic = say_event(kind)
        with override("en"):
            english = say_event(kind)
        assert arabic != english, kind
        assert arabic.endswith("."), kind


def test_no_password_is_written(client, member):
    sign_in(client, member.email, password="Wrong-2-Password")
    sign_in(client, member.email)
    for row in AccountEvent.objects.values_list():
        assert PASSWORD not in str(row)
        assert "Wrong-2-Password" not in str(row)


# --- Each act, by its owner ---------------------------------------------------------------------


def history_of(user) -> list[tuple[str, str, object]]:
    """Return (kind, outcome, id of who did it) of an account, oldest first."""
    return list(AccountEvent.objects.filter(user=user).order_by("pk").values_list("kind", "outcome", "actor"))


def kinds_of(user) -> list[str]:
    return [kind for kind, _outcome, _actor in history_of(user)]


def test_registration_writes_what_was_accepted(client, smtp):
    register(client, "nora@example.com", email_consent="on")
    deliver()
    assert not AccountEvent.objects.exists(), "nobody has an account yet"
    type_code(client, code_in(smtp.messages[0]))
    user = User.objects.get()
    assert kinds_of(user) == ["registration.done", *["consent.given"] * 3, "sign_in.done", "device.added"]
    given = AccountEvent.objects.filter(kind="consent.given").values_list("subject", flat=True)
    assert set(given) == {"declaration", "terms", "email"}


@pytest.mark.parametrize("known", [True, False])
def test_code_guessed_to_its_end_writes_one_event_for_known_and_unknown(client, member, known):
    register(client, member.email if known else "nobody@example.com")
    for number in range(7):
        type_code(client, f"{number:06}")
    event = AccountEvent.objects.get()
    assert (event.kind, event.outcome, event.subject, event.actor) == (
        "code.exhausted",
        "refused",
        "registration",
        None,
    )
    assert event.user == (member if known else None)


def test_password_change_is_written_and_a_refused_one_is_not(member):
    here = signed_in(member)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    here.post(url("account_change_password"), fields | {"oldpassword": "Wrong-2-Password"})
    assert "password.changed" not in kinds_of(member)
    here.post(url("account_change_password"), fields)
    assert history_of(member)[-1] == ("password.changed", "done", member.pk)


def test_reset_is_written_when_its_mail_is_sent_with_where_it_was_asked(client, member, smtp):
    for address in (member.email, "nobody@example.com"):
        ask_reset(client, address)
        assert not AccountEvent.objects.exists(), "the page asks for no account"
    deliver()
    event = AccountEvent.objects.get()
    assert (event.kind, event.user, event.actor, event.network) == ("reset.asked", member, None, "127.0.0.1")
    page = client.get(link_in(mails_to(smtp, member.email)[0]), follow=True)
    client.post(page.redirect_chain[-1][0], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert history_of(member)[-1] == ("reset.done", "done", None)


def test_change_of_address_is_written_step_by_step(member, smtp):
    here = signed_in(member)
    here.post(url("account_email"), {"email": "one@example.com"})
    here.post(url("account_email_code"), {"action": "cancel"})
    here.post(url("account_email"), {"email": "two@example.com"})
    deliver()
    here.post(url("account_email_code"), {"code": code_in(mails_to(smtp, "two@example.com")[0])})
    deliver()
    client = Client()
    client.post(undo_link_in(mails_to(smtp, "member@example.com")[-1]))
    assert history_of(member)[1:] == [
        ("email_change.asked", "done", member.pk), ("email_change.cancelled", "done", member.pk),
        ("email_change.asked", "done", member.pk), ("email.changed", "done", member.pk),
        ("email.restored", "done", None),
    ]  # fmt: skip


def test_language_is_written_once(member):
    here = signed_in(member)
    for language in ("ar", "ar", "xx"):
        here.post(url("set_language"), {"language": language})
    assert kinds_of(member) == ["sign_in.done", "language.changed"]


# --- Staff --------------------------------------------------------------------------------------


@pytest.fixture
def administrator(db):
    return make_user("admin@example.com", first_name="Amal", last_name="Saleh", is_staff=True, is_superuser=True)


def test_rights_are_written_with_the_names_of_groups(member, administrator):
    here, page = signed_in(administrator), f"/admin/accounts/user/{member.pk}/change/"
    support, reviewer = (Group.objects.get(name=name).pk for name in ("support", "reviewer"))
    fields = {"first_name": "Mona", "last_name": "Harbi", "language": "en", "is_active": "on"}
    here.post(page, fields | {"first_name": "Muna"})
    assert not history_of(member), "a name is no right"
    here.post(page, fields | {"is_staff": "on", "groups": [support]})
    here.post(page, fields | {"is_staff": "on", "groups": [reviewer], "is_active": ""})
    here.post(page, fields | {"is_staff": "on", "groups": [reviewer]})
    events = AccountEvent.objects.filter(user=member).order_by("pk")
    assert {event.actor for event in events} == {administrator}
    assert [(event.kind, event.fields) for event in events] == [
        ("rights.changed", ["staff: no → yes", "groups: – → support"]), ("account.disabled", []),
        ("rights.changed", ["groups: support → reviewer"]), ("account.enabled", []),
    ]  # fmt: skip


def test_reset_mail_by_staff_is_written_at_once(member, administrator):
    here = signed_in(administrator)
    here.post("/admin/accounts/user/", {"action": "send_reset_mail", "_selected_action": [member.pk]})
    deliver()
    assert history_of(member) == [("reset.sent", "done", administrator.pk)]


def test_closed_admin_page_is_written_for_staff_alone(member, reviewer):
    give_role(reviewer, "support")
    assert signed_in(reviewer).get("/admin/mail/outbox/").status_code == 403
    event = AccountEvent.objects.get(user=reviewer, kind="access.refused")
    assert (event.outcome, event.subject) == ("refused", "admin:mail_outbox_changelist")
    assert signed_in(member).get("/admin/mail/outbox/").status_code in {302, 403}
    assert kinds_of(member) == ["sign_in.done"]


def test_view_of_a_record_is_written_for_its_owner(member, reviewer):
    file = make_registry_member(member)
    here = signed_in(give_role(reviewer, "reviewer"))
    here.get(f"/admin/profiles/member/{file.pk}/change/")
    here.get("/admin/profiles/member/")
    event = AccountEvent.objects.get(user=member)
    assert (event.kind, event.actor, event.subject) == ("record.viewed", reviewer, "member")
    assert RecordView.objects.get().viewed_by == reviewer


# --- Member data --------------------------------------------------------------------------------


def test_update_request_is_written_step_by_step(member, reviewer):
    file, here = make_registry_member(member), signed_in(member)
    here.post(url("update_begin"), {"membership_number": file.membership_number})
    request = UpdateRequest.objects.get()
    edit, check = url("update_edit", request.reference), url("update_check", request.reference)
    here.post(edit, edit_fields(file, name_latin="Noura Saad Alharbi", evidence=make_picture()))
    here.post(check, {"action": "finish"})
    request.refresh_from_db()
    services.return_update_request(
        request=request, reviewer=reviewer, revision=request.revision, remarks={"name_latin": "As in the passport."}
    )
    here.post(edit, edit_fields(file, name_latin="Noura S Alharbi"))
    here.post(check, {"action": "finish"})
    request.refresh_from_db()
    services.approve_update_request(request=request, reviewer=reviewer, revision=request.revision)
    assert history_of(member)[1:] == [
        ("file.uploaded", "done", member.pk), ("request.submitted", "done", member.pk),
        ("request.returned", "done", reviewer.pk), ("request.submitted", "done", member.pk),
        ("request.approved", "done", reviewer.pk),
    ]  # fmt: skip
    last = AccountEvent.objects.latest("pk")
    assert (last.subject, last.fields) == (request.reference, ["name_latin"])
    assert "Alharbi" not in str(list(AccountEvent.objects.values_list()))


def test_contact_details_and_deleted_files_are_written(member):
    file, here = make_registry_member(member), signed_in(member)
    here.post(url("update_begin"), {"membership_number": file.membership_number})
    request = UpdateRequest.objects.get()
    here.post(url("update_edit", request.reference), edit_fields(file, city="جدة", evidence=make_picture()))
    here.post(url("member_file", MemberFile.objects.get().pk))
    here.post(url("update_check", request.reference), {"action": "finish"})
    assert kinds_of(member)[1:] == ["file.uploaded", "file.deleted", "request.applied"]


def test_withdrawn_request_is_written_and_a_draft_is_not(member):
    file, here = make_registry_member(member), signed_in(member)
    for wish, sent in (("مدير", False), ("مشرف", True)):
        here.post(url("update_begin"), {"membership_number": file.membership_number})
        request = UpdateRequest.objects.latest("pk")
        here.post(url("update_edit", request.reference), edit_fields(file, job_title=wish))
        if sent:
            here.post(url("update_check", request.reference), {"action": "finish"})
        here.post(url("update_request", request.reference), {"action": "withdraw"})
    assert kinds_of(member)[1:] == ["request.submitted", "request.withdrawn"]


def test_claims_are_written_without_their_reason(member, reviewer):
    file = make_registry_member()
    proof = {"identity_number": file.identity_number, "birth_date": file.birth_date}
    for number in ("99999999", file.membership_number):
        with pytest.raises(claims.ClaimFailed):
            claims.claim_member(user=member, membership_number=number, identity_number="1", birth_date=file.birth_date)
    claim = claims.claim_member(user=member, membership_number=file.membership_number, **proof)
    claims.refuse_claim(claim=claim, reviewer=reviewer, reason="No")
    claim = claims.claim_member(user=member, membership_number=file.membership_number, **proof)
    claims.approve_claim(claim=claim, reviewer=reviewer)
    assert history_of(member) == [
        ("claim.failed", "refused", None), ("claim.failed", "refused", None), ("claim.made", "done", None),
        ("claim.refused", "done", reviewer.pk), ("claim.made", "done", None), ("claim.tied", "done", reviewer.pk),
    ]  # fmt: skip
    assert set(AccountEvent.objects.values_list("subject", flat=True)) == {""}


def test_objection_by_link_is_nobodys_on_the_staff(member, other_member):
    file = make_registry_member()
    claim = claims.claim_member(
        user=member, membership_number=file.membership_number, identity_number=file.identity_number,
        birth_date=file.birth_date,
    )  # fmt: skip
    signed_in(other_member).post(url("claim_objection", claims.objection_token(claim)))
    assert history_of(member)[-1] == ("claim.objected", "done", None)


def reset_by_link(here, member, smtp) -> None:
    ask_reset(Client(), member.email)
    deliver()
    mail = next(mail for mail in mails_to(smtp, member.email) if "/password/reset/key/" in text_of(mail))
    page = here.get(link_in(mail)).url
    here.post(page, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})


def disown_by_link(here, member, smtp) -> None:
    here.post(url("account_not_me", disowning.not_me_token(member.devices.latest("created_at"))))


def undo_by_link(here, member, smtp) -> None:
    here.post(url("account_email_undo", undo_token(StaffCase.objects.get().change)))


LINKS = {
    reset_by_link: {"reset.done", "email_change.cancelled"},
    disown_by_link: {"sign_in.disowned", "email_change.cancelled", "mfa.passkey_removed", "erasure.cancelled"},
    undo_by_link: {"email_change.stopped", "case.refused"},
}


@pytest.mark.parametrize("act", LINKS)
def test_act_of_a_link_is_nobodys_who_is_signed_in_beside_it(member, other_member, reviewer, smtp, act):
    """The link of a mail is opened in a browser where somebody else is signed in."""
    sign_in(Client(), member.email)
    Authenticator.objects.create(user=member, type="webauthn", data={"name": "x", "credential": {}})
    ask_erasure(user=member)
    begin_email_change(member, "new@example.com")
    if act is undo_by_link:
        cases.ask_case(user=member, asked_by=reviewer, kind="change_email", reason="Seen", new_address="a@example.com")
    before = AccountEvent.objects.latest("pk").pk
    act(signed_in(other_member), member, smtp)
    written = AccountEvent.objects.filter(pk__gt=before, user=member).exclude(kind="reset.asked")
    assert set(written.values_list("kind", flat=True)) == LINKS[act]
    assert set(written.values_list("actor", flat=True)) == {None}


def test_import_is_written_with_who_and_how_many(tmp_path):
    make_terms()
    with (tmp_path / "registry.csv").open("w", newline="") as target:
        write_rows(target, 2)
    call_command("import_members", str(tmp_path / "registry.csv"), "--dry-run")
    assert not AccountEvent.objects.exists()
    call_command("import_members", str(tmp_path / "registry.csv"))
    begun, done = AccountEvent.objects.order_by("pk")
    assert (begun.kind, done.kind) == ("registry.import_begun", "registry.imported")
    assert done.subject.startswith("command by ")
    assert {"rows: 2", "created: 2"} <= set(done.fields)


# --- The clock ----------------------------------------------------------------------------------


def test_purges_are_written_when_they_found_something(client):
    register(client)
    assert (purge()["pending registrations"], tend()["files deleted"]) == (0, 0)
    assert not AccountEvent.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(days=4)):
        purge()
    event = AccountEvent.objects.get()
    assert (event.kind, event.user, event.actor, event.subject) == ("purge.done", None, None, "accounts")
    assert "pending registrations: 1" in event.fields


def test_event_goes_with_the_act_or_not_at_all(member, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("accounts.password_reset.queue_mail", fail)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    with pytest.raises(RuntimeError):
        signed_in(member).post(url("account_change_password"), fields)
    assert kinds_of(member) == ["sign_in.done"]
    member.refresh_from_db()
    assert member.check_password(PASSWORD)
