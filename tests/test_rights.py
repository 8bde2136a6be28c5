"""Story: an administrator gives somebody rights: proved a short while ago, and nothing else of the account changes."""

import re
import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import AccountEvent, User
from accounts.rights import is_own
from mumaris.mail.models import Outbox
from tests.conftest import make_user
from tests.journey import NEW_PASSWORD, sign_in, url
from tests.roles import give_role, signed_in
from tests.test_admin import RIGHTS, page_of

pytestmark = pytest.mark.django_db


def later(minutes: int):
    return time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True)


@pytest.fixture
def administrator(reviewer):
    return give_role(reviewer, "administrator")


@pytest.fixture
def superuser(db):
    return User.objects.create_superuser("root@example.com", NEW_PASSWORD, first_name="Root", last_name="User")


def asks_for_proof(answer) -> bool:
    return answer.status_code == 302 and answer.url.startswith(url("account_reauthenticate", language="en"))


# --- With a fresh proof alone -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "posted"),
    [
        ({}, {"is_active": "on", "is_staff": "on"}),
        ({}, {"is_active": "on", "groups": True}),
        ({}, {}),
        ({"is_active": False}, {"is_active": "on"}),
    ],
    ids=["staff", "role", "disabled", "enabled"],
)
def test_rights_ask_for_a_fresh_proof(administrator, member, before, posted):
    User.objects.filter(pk=member.pk).update(**before)
    here, page = signed_in(administrator), page_of("accounts_user", "change", member.pk)
    if "groups" in posted:
        posted = posted | {"groups": [Group.objects.get(name="senior reviewer").pk]}
    kept = User.objects.values().get(pk=member.pk)
    with later(14):
        assert here.get(page).status_code == 200
    with later(16):
        assert here.get(page).status_code == 200, "to look asks for nothing"
        assert asks_for_proof(here.post(page, posted))
    assert User.objects.values().get(pk=member.pk) == kept
    assert not member.groups.exists()
    assert not AccountEvent.objects.filter(kind__in=["rights.changed", "account.disabled", "account.enabled"]).exists()


def test_superuser_is_made_with_a_fresh_proof_alone(superuser, member):
    here, page = signed_in(superuser), page_of("accounts_user", "change", member.pk)
    with later(14):
        here.get(page)
    with later(16):
        assert asks_for_proof(here.post(page, RIGHTS))
    assert not User.objects.get(pk=member.pk).is_superuser
    assert here.post(page, RIGHTS).status_code == 302
    assert User.objects.get(pk=member.pk).is_superuser


def test_roles_themselves_change_with_a_fresh_proof_alone(superuser):
    """What a role may do is a right of everybody who has it."""
    group, supporter = Group.objects.get(name="support"), give_role(make_user("helper@example.com"), "support")
    confirm = Permission.objects.get(codename="confirm_staffcase").pk
    here, change = signed_in(superuser), page_of("auth_group", "change", group.pk)
    posts = [
        (change, {"name": "support", "permissions": [confirm]}),
        (page_of("auth_group", "add"), {"name": "mine", "permissions": [confirm]}),
        (page_of("auth_group", "delete", group.pk), {"post": "yes"}),
        (page_of("auth_group"), {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}),
    ]
    kept = list(Permission.objects.filter(group=group).values_list("pk", flat=True))
    with later(14):
        here.get(change)
    with later(16):
        assert here.get(change).status_code == here.get(page_of("auth_group")).status_code == 200
        assert all(asks_for_proof(here.post(*post)) for post in posts)
    assert list(Permission.objects.filter(group=group).values_list("pk", flat=True)) == kept
    assert not Group.objects.filter(name="mine").exists()
    assert not AccountEvent.objects.filter(kind="role.changed").exists()
    assert here.post(*posts[0]).status_code == 302
    assert list(group.permissions.values_list("pk", flat=True)) == [confirm]
    # What it may do and may no longer, by whom.
    [event] = AccountEvent.objects.filter(kind="role.changed")
    assert (event.actor_id, event.user, event.subject) == (superuser.pk, None, "support")
    assert "+ accounts.confirm_staffcase" in event.fields
    assert "– accounts.ask_staffcase" in event.fields
    # Whoever has the role has other rights now, and whoever changed it stands behind them.
    assert is_own(supporter, superuser.pk)
    here.post(*posts[3])
    assert AccountEvent.objects.filter(kind="role.changed").latest("pk").fields == ["– accounts.confirm_staffcase"]


@pytest.mark.parametrize("action", ["sign_out", "send_reset_mail"])
def test_acts_on_many_accounts_ask_for_a_fresh_proof(administrator, member, action):
    here, page = signed_in(administrator), page_of("accounts_user")
    sign_in(Client(), member.email)
    Outbox.objects.all().delete()
    make_user("unticked@example.com")
    # «Select all» reaches those who were ticked, and nobody else.
    posted = {"action": action, "_selected_action": [member.pk], "select_across": "1"}
    with later(14):
        here.get(page)
    with later(16):
        assert here.get(page).status_code == 200
        assert asks_for_proof(here.post(page, posted))
    assert not Outbox.objects.exists()
    assert not AccountEvent.objects.filter(kind="sessions.closed").exists()
    assert not asks_for_proof(here.post(page, posted))
    done = Outbox.objects.filter(kind="password_reset"), AccountEvent.objects.filter(kind="sessions.closed")
    assert [rows.count() for rows in done] == ([0, 1] if action == "sign_out" else [1, 0])


def test_permissions_are_named_in_the_language_of_the_page(superuser):
    group = Group.objects.get(name="support")
    page = signed_in(superuser, "ar").get(page_of("auth_group", "change", group.pk)).content.decode()
    boxes = re.findall(r'<option value="\d+"[^>]*>([^<]+)</option>', page)
    assert len(boxes) > 40
    held = Permission.objects.filter(group__isnull=False).values_list("pk", flat=True)
    assert all(f'<option value="{pk}"' in page for pk in held), "a role loses nothing when its page is saved"
    assert [box for box in boxes if re.search("[A-Za-z]{3}", box)] == []


# --- Nothing but the rights -------------------------------------------------------------------------


def wait_for_a_lock() -> None:
    """Return when another connection waits for a row that is locked here."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            # A transaction sees who is connected as it first saw it, unless it forgets that.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE NOT granted AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    pytest.fail("nobody waits")


def post_while_locked(here, user, posted: dict, meanwhile) -> int:
    """Post rights while another transaction has the account, which does ``meanwhile`` to it; return the status."""
    answers = []

    def post():
        try:
            answers.append(here.post(page_of("accounts_user", "change", user.pk), posted).status_code)
        finally:
            connection.close()

    thread = threading.Thread(target=post)
    with transaction.atomic():
        found = User.objects.select_for_update().get(pk=user.pk)
        thread.start()
        wait_for_a_lock()
        meanwhile(found)
    thread.join()
    return answers[0]


@pytest.mark.django_db(transaction=True)
def test_password_and_address_that_change_meanwhile_stay(administrator, member):
    def change(found):
        found.set_password(NEW_PASSWORD)
        found.email, found.session_epoch = "new@example.com", 7
        found.save()

    posted = {"is_active": "on", "is_staff": "on"}
    assert post_while_locked(signed_in(administrator), member, posted, change) == 302
    member.refresh_from_db()
    assert (member.email, member.session_epoch, member.is_staff) == ("new@example.com", 7, True)
    assert member.check_password(NEW_PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_right_that_was_taken_meanwhile_does_not_come_back(administrator, member):
    """The form brings every right along; what it did not change is left as it is."""
    give_role(member, "support")

    def take(found):
        found.is_staff = False
        found.save()
        found.groups.clear()

    posted = {"is_staff": "on", "groups": [Group.objects.get(name="support").pk]}
    assert post_while_locked(signed_in(administrator), member, posted, take) == 302
    member.refresh_from_db()
    assert (member.is_active, member.is_staff, list(member.groups.all())) == (False, False, [])
    told = AccountEvent.objects.filter(user=member).order_by("pk").values_list("kind", "fields")
    assert list(told) == [("account.disabled", [])]


@pytest.mark.django_db(transaction=True)
def test_who_became_a_superuser_meanwhile_is_left_alone(administrator, member):
    def raise_up(found):
        found.is_superuser = True
        found.save()

    assert post_while_locked(signed_in(administrator), member, {"is_staff": "on"}, raise_up) == 403
    member.refresh_from_db()
    assert (member.is_active, member.is_staff) == (True, False)
