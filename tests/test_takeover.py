"""What an intruder left goes when the owner brings the account back by either link; a closed account keeps nothing."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from accounts import closing, disowning, email_change
from accounts.challenges import derive_code
from accounts.erasure import ask_erasure
from accounts.models import AccountEvent, ErasureRequest, LatePost, Session
from mumaris.mail.models import Outbox
from tests.conftest import make_user
from tests.journey import sign_in, url
from tests.roles import add_app, give_role, signed_in

pytestmark = pytest.mark.django_db
WAYS = ("disowned", "undone")
APP, PASSKEY, CODES = "totp", "webauthn", "recovery_codes"


def add_step(user, kind: str, *, before: timedelta | None = None) -> Authenticator:
    """Add a second step: now, or so long ago."""
    step = Authenticator.objects.create(user=user, type=kind, data={"name": kind, "credential": {}})
    if before:
        Authenticator.objects.filter(pk=step.pk).update(created_at=timezone.now() - before)
    return step


def get_in(user):
    """Sign in from a device that the account does not know; return its row."""
    sign_in(Client(), user.email)
    sign_in(Client(REMOTE_ADDR="203.0.113.7"), user.email)
    return user.devices.order_by("created_at").last()


def bring_back(user, device, way: str) -> None:
    """Do what the owner does by the link of a mail."""
    if way == "disowned":
        disowning.disown_sign_in(device)
        return
    change = email_change.begin_email_change(user, "intruder@example.com")
    email_change.complete_email_change(change, derive_code(email_change.challenge_of(change)))
    email_change.undo_email_change(change)


def kinds_of(user) -> list[str]:
    return list(AccountEvent.objects.filter(user=user).order_by("pk").values_list("kind", flat=True))


def keep_late_post(user) -> None:
    later = timezone.now() + timedelta(minutes=30)
    LatePost.objects.create(user=user, path="/x/", sealed=b"x", expires_at=later)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("own", "left_behind", "stays"),
    [
        # A passkey opens the account without a password: one that stayed would let the intruder in again.
        ([PASSKEY], [PASSKEY], [PASSKEY]),
        ([APP, CODES], [PASSKEY], [APP, CODES]),
        # Codes made anew take the place of the owner's: they are the intruder's.
        ([APP], [PASSKEY, CODES], [APP]),
        ([], [APP, PASSKEY, CODES], []),
        # The owner's app was taken away: codes alone are no second step.
        ([CODES], [APP], []),
        ([APP, PASSKEY, CODES], [], [APP, PASSKEY, CODES]),
    ],
)
def test_second_steps_of_an_intruder_go_and_older_ones_stay(member, way, own, left_behind, stays):
    # The intruder proved the second step too, where there is one.
    device = get_in(member)
    older = [add_step(member, kind, before=timedelta(days=40)) for kind in own]
    for kind in left_behind:
        add_step(member, kind)
    bring_back(member, device, way)
    assert list(member.authenticator_set.order_by("pk")) == [step for step in older if step.type in stays]
    removed = [*left_behind, *(kind for kind in own if kind not in stays)]
    names = {APP: "mfa.totp_removed", PASSKEY: "mfa.passkey_removed", CODES: "mfa.codes_removed"}
    told = AccountEvent.objects.filter(kind__in=names.values())
    assert sorted(told.values_list("kind", "actor")) == sorted((names[kind], None) for kind in removed)


def test_step_from_before_the_sign_in_stays_and_one_a_moment_after_goes(member):
    device = get_in(member)
    for seconds in (-1, 0):
        step = add_step(member, PASSKEY)
        moment = device.created_at + timedelta(seconds=seconds)
        Authenticator.objects.filter(pk=step.pk).update(created_at=moment)
    bring_back(member, device, "disowned")
    assert member.authenticator_set.get().created_at == device.created_at - timedelta(seconds=1)


def test_link_of_a_change_takes_steps_of_the_day_before_it(member):
    device = get_in(member)
    kept = add_step(member, PASSKEY, before=timedelta(hours=24, minutes=1))
    add_step(member, PASSKEY, before=timedelta(hours=23, minutes=59))
    bring_back(member, device, "undone")
    assert member.authenticator_set.get() == kept


@pytest.mark.parametrize("way", WAYS)
def test_nothing_else_of_an_intruder_stays(member, way):
    device = get_in(member)
    ask_erasure(user=member)
    keep_late_post(member)
    bring_back(member, device, way)
    assert not member.devices.known().exists()
    assert not LatePost.objects.exists()
    assert ErasureRequest.objects.get().state == "cancelled"
    assert "erasure.cancelled" in kinds_of(member)


# --- A double account that is closed --------------------------------------------------------------


@pytest.fixture
def administrator(db):
    return give_role(make_user("admin@example.com", first_name="Laila", last_name="Ghamdi"), "administrator")


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("en", ("Its two-step sign-in is removed.", "Its request for erasure ends.")),
        ("ar", ("يُزال التحقق بخطوتين من الحساب.", "ينتهي طلب محو الحساب.")),
    ],
)
def test_closing_foresees_what_ends(administrator, member, other_member, language, lines):
    here, page = signed_in(administrator, language), f"/admin/accounts/user/{other_member.pk}/close/"
    fields = {"kept": member.email, "reason": "Same ID card", "action": "show"}
    assert not [line for line in lines if line in here.post(page, fields).content.decode()]
    add_app(other_member)
    ask_erasure(user=other_member)
    assert all(line in here.post(page, fields).content.decode() for line in lines)


def test_closed_account_keeps_nothing_that_opens_it(administrator, member, other_member):
    get_in(other_member)
    add_app(other_member)
    add_step(other_member, PASSKEY, before=timedelta(days=40))
    ask_erasure(user=other_member)
    keep_late_post(other_member)
    own = add_step(member, PASSKEY)
    closing.close_double_account(kept=member, closed=other_member, by=administrator, reason="Same ID card")
    assert list(Authenticator.objects.all()) == [own], "the other account is left alone"
    assert not Session.objects.filter(user=other_member).exists()
    assert not LatePost.objects.exists()
    assert ErasureRequest.objects.get().state == "cancelled"
    told = AccountEvent.objects.filter(user=other_member, actor=administrator)
    assert set(told.values_list("kind", flat=True)) == {
        "mfa.totp_removed", "mfa.codes_removed", "mfa.passkey_removed", "erasure.cancelled", "account.merged",
    }  # fmt: skip
    # Enabled again it opens by its password, and its owner hears of the device.
    type(other_member).objects.filter(pk=other_member.pk).update(is_active=True)
    assert not other_member.devices.known().exists()
    told_before = Outbox.objects.filter(kind="new_device").count()
    browser = Client()
    assert sign_in(browser, other_member.email).status_code == 302
    assert browser.get(url("profile")).status_code == 200
    assert Outbox.objects.filter(kind="new_device").count() == told_before + 1
