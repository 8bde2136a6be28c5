"""After every flow has run a superuser opens every page of the admin: no code, link, password, hash, nonce or mail."""

import re

import pytest
from django.contrib.auth.models import Group
from django.db import transaction

from accounts import cases
from accounts.challenges import derive_code
from accounts.email_change import undo_token
from accounts.erasure import ask_erasure
from accounts.models import (
    AccountEvent,
    Challenge,
    Consent,
    EmailChange,
    ErasureRequest,
    PendingRegistration,
    StaffCase,
    User,
)  # fmt: skip
from accounts.password_reset import link_parts
from mumaris.mail.models import Outbox
from profiles import claims
from profiles.claims import objection_token
from profiles.models import Claim, Rank, RecordView, Specialty, UpdateRequest
from tests.admin_pages import list_routes
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
    text_of,
    type_code,
    url,
)
from tests.registry import BIRTH_DATE, make_registry_member
from tests.roles import signed_in

pytestmark = pytest.mark.django_db
NORA, SARA, MOVED = "nora@example.com", "sara@example.com", "moved@example.com"
# Where a form field may not lead: nobody types or reads such a thing here.
SECRET_FIELDS = re.compile(
    r'<(?:input|textarea|select)[^>]*\b(?:name="(?!csrf)[^"]*(?:password|hash|code(?!")|seal|nonce|lease|token)'
    r'|type="password")'
)


@pytest.fixture
def journey(client, member, smtp) -> set[str]:
    """Register, change the address, forget the password, claim a file, ask support; return what came of it."""
    register(client, NORA)
    deliver()
    secrets = {code_in(mails_to(smtp, NORA)[0]), PASSWORD, NEW_PASSWORD, "argon2"}
    type_code(client, *(code for code in secrets if code.isdigit()))
    client.post(url("account_email"), {"email": MOVED})
    deliver()
    change_code = code_in(mails_to(smtp, MOVED)[0])
    client.post(url("account_email_code"), {"action": "verify", "code": change_code})
    client.logout()
    register(client, SARA, password1="Shady-Palms8x", password2="Shady-Palms8x")
    ask_reset(client, member.email)
    deliver()
    reset = client.get(link_in(mails_to(smtp, member.email)[0]))
    client.post(reset.url, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    ask_reset(client, MOVED)
    _use_member_data(member)
    deliver()
    assert User.objects.filter(email=MOVED).exists(), "the change is complete"
    return secrets | {change_code, "Shady-Palms8x"} | _stored_secrets() | _mail_lines(smtp)


def _use_member_data(member) -> None:
    file, claimed = make_registry_member(member), make_registry_member()
    UpdateRequest.objects.create(
        reference="UPD-AAAA-BBBB", member=file, requested_by=member, state="withdrawn", decided_at=file.created_at
    )
    RecordView.objects.create(member=file, what="member")
    mover = User.objects.get(email=MOVED)
    claims.claim_member(
        user=mover, membership_number=claimed.membership_number, identity_number=claimed.identity_number,
        birth_date=BIRTH_DATE,
    )  # fmt: skip
    asker = make_user("asker@example.com", first_name="Adel", last_name="Saleh")
    cases.ask_case(user=member, asked_by=asker, kind="change_email", reason="Seen", new_address="found@example.com")
    ask_erasure(user=mover)


def _stored_secrets() -> set[str]:
    secrets = set(Challenge.objects.values_list("nonce", flat=True))
    secrets |= set(EmailChange.objects.values_list("undo_nonce", flat=True))
    secrets |= set(Claim.objects.values_list("nonce", flat=True))
    secrets |= {derive_code(challenge) for challenge in Challenge.objects.all()}
    secrets |= {undo_token(change).partition("-")[2] for change in EmailChange.objects.all()}
    secrets |= {objection_token(claim).partition("-")[2] for claim in Claim.objects.all()}
    secrets |= {link_parts(row, user)[1] for row in Challenge.objects.all() for user in User.objects.all()}
    secrets |= set(User.objects.values_list("password", flat=True))
    return secrets | set(PendingRegistration.objects.values_list("password", flat=True))


def _mail_lines(smtp) -> set[str]:
    """Return whole sentences of every mail: no page shows a body."""
    lines = {line.strip() for mail in smtp.messages for line in text_of(mail).splitlines()}
    return {line for line in lines if len(line) > 40}


def addresses_of(route: str) -> list[str]:
    """Return the addresses that a route has with the rows that are there."""
    rows = {
        "user": User, "consent": Consent, "pendingregistration": PendingRegistration, "emailchange": EmailChange,
        "staffcase": StaffCase, "outbox": Outbox, "group": Group, "specialty": Specialty, "rank": Rank,
        "member": User.objects.get(email="member@example.com").member._meta.model, "claim": Claim,
        "updaterequest": UpdateRequest, "recordview": RecordView, "accountevent": AccountEvent,
        "erasurerequest": ErasureRequest,
    }  # fmt: skip
    if route.startswith(("(", "^")):
        return ["/admin/accounts/", "/admin/profiles/"]
    if "object_id" not in route:
        return [f"/admin/{route}"]
    keys = rows[route.split("/")[1]].objects.values_list("pk", flat=True)
    assert keys, f"the journey makes no row for {route}"
    filled = [re.sub(r"<\w+:object_id>", str(key), route) for key in keys]
    return [f"/admin/{one.replace('<slug:kind>', kind)}" for one in filled for kind in ("change_email", "clear_mfa")]


def is_shown(secret: str, page: str) -> bool:
    """Tell whether a page holds a secret; six digits as a number of their own, not within a longer one."""
    return bool(re.search(rf"(?<![\w-]){secret}(?![\w-])", page)) if secret.isdigit() else secret in page


@pytest.mark.parametrize("language", ["ar", "en"])
def test_no_page_shows_a_secret_after_every_flow(journey, language):
    root = User.objects.create_superuser("root@example.com", PASSWORD, first_name="Root", last_name="User")
    here = signed_in(root, language)
    seen = 0
    for route in set(list_routes()) - {"logout/"}:
        for address in dict.fromkeys(addresses_of(route)):
            with transaction.atomic():
                page = here.get(address).content.decode()
                transaction.set_rollback(True)
            shown = {secret for secret in journey if is_shown(secret, page)}
            assert not shown, f"{address} shows {shown}"
            assert not SECRET_FIELDS.search(page), address
            seen += 1
    assert seen > 100


def test_the_search_for_secrets_finds_one(journey, member):
    """Else a page that shows one would pass unseen."""
    root = User.objects.create_superuser("root@example.com", PASSWORD, first_name="Root", last_name="User")
    User.objects.filter(pk=member.pk).update(first_name=undo_token(EmailChange.objects.first()).partition("-")[2][:64])
    page = signed_in(root).get("/admin/accounts/user/").content.decode()
    assert [secret for secret in journey if is_shown(secret, page)]
    assert is_shown("482915", "<td>482915</td>")
    assert SECRET_FIELDS.search('<input type="text" name="new_password">')
    assert SECRET_FIELDS.search('<input type="password" name="x">')
