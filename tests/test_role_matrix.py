"""Who may open and use which page of the admin: every role, every page, both methods.

The pages are read off the admin itself: one that is not in the table fails.
"""

import copy

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import cases
from accounts.email_change import begin_email_change
from accounts.erasure import ask_erasure
from accounts.events import record_event
from accounts.models import Consent, PendingRegistration
from mumaris.mail.models import Outbox
from profiles import claims
from profiles.models import Rank, RecordView, Specialty, UpdateRequest
from tests.admin_pages import list_routes
from tests.conftest import make_user
from tests.registry import BIRTH_DATE, make_registry_member
from tests.roles import MIGRATION, ROLES, WHEN_PRESENT, give_role, signed_in

pytestmark = pytest.mark.django_db
PEOPLE = ["support", "reviewer", "senior reviewer", "administrator", "superuser"]
SIGNS = {200: "2", 302: "3", 403: ".", 404: "4", 405: "5"}

# Route: GET and POST, each for support, reviewer, senior reviewer, administrator, superuser.
# 2 shown (or a form shown again), 3 led on, . refused, 4 not there.
MATRIX = {
    "": ("22222", "22222"),
    "(?P<url>.*)$": ("44444", "44444"),
    "^(?P<app_label>accounts|auth|mail|operations|profiles)/$": ("22222", "22222"),
    "accounts/accountevent/": ("...22", "...22"),
    "accounts/accountevent/<path:object_id>/": ("33333", "33333"),
    "accounts/accountevent/<path:object_id>/change/": ("...22", "....."),
    "accounts/accountevent/<path:object_id>/delete/": (".....", "....."),
    "accounts/accountevent/<path:object_id>/history/": ("...22", "...22"),
    "accounts/accountevent/add/": (".....", "....."),
    "accounts/consent/": ("22222", "22222"),
    "accounts/consent/<path:object_id>/": ("33333", "33333"),
    "accounts/consent/<path:object_id>/change/": ("22222", "....."),
    "accounts/consent/<path:object_id>/delete/": (".....", "....."),
    "accounts/consent/<path:object_id>/history/": ("22222", "22222"),
    "accounts/consent/add/": (".....", "....."),
    "accounts/emailchange/": ("...22", "...22"),
    "accounts/emailchange/<path:object_id>/": ("33333", "33333"),
    "accounts/emailchange/<path:object_id>/change/": ("...22", "....."),
    "accounts/emailchange/<path:object_id>/delete/": (".....", "....."),
    "accounts/emailchange/<path:object_id>/history/": ("...22", "...22"),
    "accounts/emailchange/add/": (".....", "....."),
    "accounts/erasurerequest/": ("...22", "...22"),
    "accounts/erasurerequest/<path:object_id>/": ("33333", "33333"),
    "accounts/erasurerequest/<path:object_id>/change/": ("...22", "...33"),
    "accounts/erasurerequest/<path:object_id>/delete/": (".....", "....."),
    "accounts/erasurerequest/<path:object_id>/history/": ("...22", "...22"),
    "accounts/erasurerequest/add/": (".....", "....."),
    "accounts/pendingregistration/": ("22222", "22222"),
    "accounts/pendingregistration/<path:object_id>/": ("33333", "33333"),
    "accounts/pendingregistration/<path:object_id>/change/": ("22222", "....."),
    "accounts/pendingregistration/<path:object_id>/delete/": (".....", "....."),
    "accounts/pendingregistration/<path:object_id>/history/": ("22222", "22222"),
    "accounts/pendingregistration/add/": (".....", "....."),
    "accounts/staffcase/": ("2.222", "2.222"),
    "accounts/staffcase/<path:object_id>/": ("33333", "33333"),
    "accounts/staffcase/<path:object_id>/change/": ("2.222", "..333"),
    "accounts/staffcase/<path:object_id>/delete/": (".....", "....."),
    "accounts/staffcase/<path:object_id>/history/": ("2.222", "2.222"),
    "accounts/staffcase/add/": (".....", "....."),
    "accounts/user/": ("22222", "22222"),
    "accounts/user/<path:object_id>/": ("33333", "33333"),
    "accounts/user/<path:object_id>/change/": ("22222", "...33"),
    "accounts/user/<path:object_id>/delete/": (".....", "....."),
    "accounts/user/<path:object_id>/history/": ("22222", "22222"),
    "accounts/user/<str:object_id>/ask/<slug:kind>/": ("2...2", "2...2"),
    "accounts/user/<str:object_id>/close/": ("...22", "...22"),
    "accounts/user/add/": (".....", "....."),
    "auth/group/": ("...22", "...22"),
    "auth/group/<path:object_id>/": ("33333", "33333"),
    "auth/group/<path:object_id>/change/": ("...22", "....2"),
    "auth/group/<path:object_id>/delete/": ("....2", "....2"),
    "auth/group/<path:object_id>/history/": ("...22", "...22"),
    "auth/group/add/": ("....2", "....2"),
    "autocomplete/": (".....", "55555"),
    "jsi18n/": ("22222", "55555"),
    "login/": ("33333", "33333"),
    "logout/": ("55555", "33333"),
    "mail/outbox/": ("...22", "...22"),
    "mail/outbox/<path:object_id>/": ("33333", "33333"),
    "mail/outbox/<path:object_id>/change/": ("...22", "....."),
    "mail/outbox/<path:object_id>/delete/": (".....", "....."),
    "mail/outbox/<path:object_id>/history/": ("...22", "...22"),
    "mail/outbox/add/": (".....", "....."),
    "operations/dailyfigure/": ("..222", "55555"),
    "password_change/": ("33333", "33333"),
    "password_change/done/": ("22222", "55555"),
    "profiles/claim/": (".2222", ".2222"),
    "profiles/claim/<path:object_id>/": ("33333", "33333"),
    "profiles/claim/<path:object_id>/change/": (".2222", ".3333"),
    "profiles/claim/<path:object_id>/delete/": (".....", "....."),
    "profiles/claim/<path:object_id>/history/": (".2222", ".2222"),
    "profiles/claim/add/": (".....", "....."),
    "profiles/member/": ("22222", "22222"),
    "profiles/member/<path:object_id>/": ("33333", "33333"),
    "profiles/member/<path:object_id>/change/": ("22222", ".2222"),
    "profiles/member/<path:object_id>/delete/": (".....", "....."),
    "profiles/member/<path:object_id>/history/": ("22222", "22222"),
    "profiles/member/add/": (".....", "....."),
    "profiles/member/export/": ("..222", "..222"),
    "profiles/member/import/": ("...22", "...22"),
    "profiles/member/process_import/": ("55555", "...22"),
    "profiles/rank/": ("...22", "...22"),
    "profiles/rank/<path:object_id>/": ("33333", "33333"),
    "profiles/rank/<path:object_id>/change/": ("...22", "...22"),
    "profiles/rank/<path:object_id>/delete/": (".....", "....."),
    "profiles/rank/<path:object_id>/history/": ("...22", "...22"),
    "profiles/rank/add/": ("...22", "...22"),
    "profiles/recordview/": ("...22", "...22"),
    "profiles/recordview/<path:object_id>/": ("33333", "33333"),
    "profiles/recordview/<path:object_id>/change/": ("...22", "....."),
    "profiles/recordview/<path:object_id>/delete/": (".....", "....."),
    "profiles/recordview/<path:object_id>/history/": ("...22", "...22"),
    "profiles/recordview/add/": (".....", "....."),
    "profiles/specialty/": ("...22", "...22"),
    "profiles/specialty/<path:object_id>/": ("33333", "33333"),
    "profiles/specialty/<path:object_id>/change/": ("...22", "...22"),
    "profiles/specialty/<path:object_id>/delete/": (".....", "....."),
    "profiles/specialty/<path:object_id>/history/": ("...22", "...22"),
    "profiles/specialty/add/": ("...22", "...22"),
    "profiles/updaterequest/": (".2222", ".2222"),
    "profiles/updaterequest/<path:object_id>/": ("33333", "33333"),
    "profiles/updaterequest/<path:object_id>/change/": (".2222", ".3333"),
    "profiles/updaterequest/<path:object_id>/delete/": (".....", "....."),
    "profiles/updaterequest/<path:object_id>/history/": (".2222", ".2222"),
    "profiles/updaterequest/add/": (".....", "....."),
    "profiles/updaterequest/export/": ("..222", "..222"),
}


@pytest.fixture
def rows(db) -> dict[str, object]:
    """One row of each model, about people who are none of the staff."""
    user = make_user("somebody@example.com", first_name="Sami", last_name="Harbi")
    member, other = make_registry_member(user), make_registry_member()
    claimant = make_user("claimant@example.com", first_name="Huda", last_name="Salem")
    claim = claims.claim_member(
        user=claimant, membership_number=other.membership_number, identity_number=other.identity_number,
        birth_date=BIRTH_DATE,
    )  # fmt: skip
    asker = make_user("asker@example.com", first_name="Adel", last_name="Saleh", is_staff=True)
    return {
        "user": user,
        "member": member,
        "claim": claim,
        "staffcase": cases.ask_case(user=user, asked_by=asker, kind="clear_mfa", reason="Seen with an ID card"),
        "emailchange": begin_email_change(user, "new@example.com"),
        "accountevent": record_event("sign_out.done", user=user),
        "erasurerequest": ask_erasure(user=user),
        "consent": Consent.objects.create(user=user, kind="terms", language="ar", accepted_at=timezone.now()),
        "pendingregistration": PendingRegistration.objects.create(address="p@example.com", visitor="v", language="ar"),
        "updaterequest": UpdateRequest.objects.create(
            reference="UPD-AAAA-BBBB", member=member, requested_by=user, state="submitted", submitted_at=timezone.now()
        ),
        "recordview": RecordView.objects.create(member=member, what="member"),
        "specialty": Specialty.objects.get(code="nursing"),
        "rank": Rank.objects.get(code="specialist"),
        "group": Group.objects.get(name="reviewer"),
        "outbox": Outbox.objects.order_by("created_at").first(),
    }


def address_of(route: str, rows) -> str:
    if route == "(?P<url>.*)$":
        return "/admin/no-such-page/"
    if route.startswith("^"):
        return "/admin/accounts/"
    found = rows.get(route.split("/")[1]) if "<" in route else None
    filled = route.replace("<path:object_id>", str(found and found.pk)).replace(
        "<str:object_id>", str(found and found.pk)
    )
    return f"/admin/{filled.replace('<slug:kind>', 'change_email')}"


def make_person(role: str):
    person = make_user("staff@example.com", first_name="Reem", last_name="Otaibi")
    if role == "superuser":
        person.is_staff = person.is_superuser = True
        person.save()
    elif role == "nobody":
        person.is_staff = True
        person.save()
    elif role != "member":
        give_role(person, role)
    return person


def ask(client, method: str, address: str) -> int:
    """Return the status; whatever the page has done is taken back."""
    kept = copy.deepcopy(client.cookies)
    with transaction.atomic():
        status = getattr(client, method)(address).status_code
        transaction.set_rollback(True)
    # Signing out ends here too.
    client.cookies = kept
    return status


def observe(role: str, rows) -> dict[str, tuple[int, int]]:
    client = signed_in(make_person(role))
    found = {}
    for route in list_routes():
        address = address_of(route, rows)
        found[route] = tuple(ask(client, method, address) for method in ("get", "post"))
    return found


def test_every_page_of_the_admin_is_in_the_matrix():
    routes = list_routes()
    assert sorted(set(routes) - set(MATRIX)) == [], "say in MATRIX who may use the new page"
    assert sorted(set(MATRIX) - set(routes)) == [], "take the page that is gone out of MATRIX"


@pytest.mark.parametrize("role", PEOPLE)
def test_role_opens_and_uses_its_pages_alone(rows, role):
    column = PEOPLE.index(role)
    expected = {route: (get[column], post[column]) for route, (get, post) in MATRIX.items()}
    observed = {route: tuple(SIGNS[status] for status in pair) for route, pair in observe(role, rows).items()}
    assert observed == expected


def test_staff_without_a_role_open_no_row(rows):
    open_to_all = {"", "(?P<url>.*)$", "jsi18n/", "login/", "logout/", "password_change/", "password_change/done/"}
    for route, pair in observe("nobody", rows).items():
        # A row's bare address leads to its page, which refuses.
        if route not in open_to_all and not route.endswith("<path:object_id>/"):
            assert set(pair) <= {403, 404, 405}, route


def test_member_opens_no_page(rows):
    client = signed_in(make_person("member"))
    for route in set(list_routes()) - {"logout/"}:
        for method in ("get", "post"):
            answer = getattr(client, method)(address_of(route, rows), follow=True)
            assert (answer.status_code, len(answer.redirect_chain)) == (403, 0 if route == "login/" else 1), route


def test_anonymous_is_led_to_the_sign_in(rows):
    for route in list_routes():
        for method in ("get", "post"):
            answer = getattr(Client(), method)(address_of(route, rows))
            assert answer.status_code == 302, route
            assert answer.url.startswith("/ar/accounts/login/"), route


@pytest.mark.parametrize("role", ROLES)
def test_migration_gives_a_role_what_it_says_and_no_more(role):
    held = Group.objects.get(name=role).permissions.select_related("content_type")
    names = {f"{permission.content_type.app_label}.{permission.codename}" for permission in held}
    assert names - set(WHEN_PRESENT.get(role, ())) == set(ROLES[role])


def test_migration_run_again_changes_nothing():
    group = Group.objects.get(name="support")
    before = set(group.permissions.values_list("pk", flat=True))
    group.permissions.add(Permission.objects.get(codename="change_user"))
    for _time in range(2):
        MIGRATION.set_roles(apps, connection.SchemaEditorClass(connection))
        assert set(group.permissions.values_list("pk", flat=True)) == before
