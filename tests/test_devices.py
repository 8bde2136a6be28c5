"""Story: an account knows the browsers of its owner, tells of a new one, and strangers do not lock it."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.core import signing
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import disowning, known_devices, limits, tasks
from accounts.models import AccountEvent, KnownDevice, Throttle
from accounts.password_reset import LinkSpent
from mumaris.mail.models import Lane, Outbox
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    answer_visual_code,
    ask_reset,
    code_in,
    deliver,
    link_in,
    mails_to,
    not_me_link_in,
    register,
    sign_in,
    subject_of,
    text_of,
    type_code,
    url,
    waiting,
)

pytestmark = pytest.mark.django_db
COOKIE = settings.DEVICE_COOKIE_NAME
LANGUAGES = ("ar", "en")
PHONE = {"user-agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36"}
WRONG = "Wrong-Password1"
HOME, ABROAD = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def _mid_window():
    """No window of an address limit ends while a test counts."""
    with time_machine.travel(timezone.now().replace(minute=10, second=10), tick=True):
        yield


@pytest.fixture
def owner(member):
    """The browser of a member who has signed in on it before, signed out again."""
    browser = Client(REMOTE_ADDR=HOME)
    sign_in(browser, member.email)
    browser.post(url("account_logout"))
    return browser


def events(kind: str) -> list[AccountEvent]:
    return list(AccountEvent.objects.filter(kind=kind))


# --- The cookie ---------------------------------------------------------------------------------


def test_sign_in_gives_the_browser_a_signed_random_id(client, member):
    cookie = sign_in(client, member.email, headers=PHONE).cookies[COOKIE]
    assert (COOKIE, cookie["max-age"]) == ("__Host-device", 365 * 24 * 3600)
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert re.fullmatch(r"[A-Za-z0-9]{32}:[\w-]+:[\w-]+", cookie.value)
    device = KnownDevice.objects.get()
    assert (device.user, device.name, device.network) == (member, "Chrome, Android", "127.0.0.0/24")
    assert cookie.value.partition(":")[0] not in str(list(KnownDevice.objects.values()))
    [event] = events("device.added")
    assert (event.user, event.actor, event.device) == (member, member, "Chrome, Android")
    assert not waiting(), "the first device of an account is no news"


def test_completed_registration_makes_the_browser_known(client, smtp):
    register(client)
    assert COOKIE not in client.cookies
    deliver()
    type_code(client, code_in(mails_to(smtp, "nora@example.com")[0]))
    assert COOKIE in client.cookies
    assert KnownDevice.objects.get().user.email == "nora@example.com"
    assert not waiting("new_device")


def test_wrong_password_makes_no_device(client, member):
    assert COOKIE not in sign_in(client, member.email, WRONG).cookies
    assert not KnownDevice.objects.exists()


def test_known_browser_is_known_again_and_its_year_begins_anew(client, member):
    first = sign_in(client, member.email).cookies[COOKIE].value
    client.post(url("account_logout"))
    with time_machine.travel(timezone.now() + timedelta(days=300), tick=True):
        second = sign_in(client, member.email, headers=PHONE).cookies[COOKIE].value
        device = KnownDevice.objects.get()
        assert device.last_seen_at - device.created_at > timedelta(days=299)
    assert first.partition(":")[0] == second.partition(":")[0]
    assert first != second
    assert device.name == "Chrome, Android"
    assert len(events("device.added")) == 1
    assert not waiting()


def test_browser_is_forgotten_after_a_year_without_a_sign_in(client, member):
    sign_in(client, member.email)
    client.post(url("account_logout"))
    with time_machine.travel(timezone.now() + timedelta(days=366), tick=True):
        sign_in(client, member.email)
    assert KnownDevice.objects.count() == 2
    assert waiting("new_device") == 1


def test_one_browser_is_known_to_several_people(client, member, other_member):
    for user in (member, other_member, member, other_member):
        sign_in(client, user.email)
        client.post(url("account_logout"))
    assert KnownDevice.objects.values_list("digest").distinct().count() == 1
    assert sorted(KnownDevice.objects.values_list("user", flat=True)) == sorted([member.pk, other_member.pk])
    assert not waiting()


@pytest.mark.parametrize("forged", ["x" * 32, "", "\x00", "a:b:c", "\xd8\xb9" * 40])
def test_cookie_that_we_did_not_sign_is_nobodys(client, member, owner, forged):
    client.cookies[COOKIE] = forged
    answer = sign_in(client, member.email)
    assert answer.status_code == 302
    assert KnownDevice.objects.count() == 2
    assert waiting("new_device") == 1


def test_cookie_signed_for_another_use_is_nobodys(member, owner):
    device_id = owner.cookies[COOKIE].value.partition(":")[0]
    stranger = Client(REMOTE_ADDR=ABROAD)
    stranger.cookies[COOKIE] = signing.get_cookie_signer(salt="something else").sign(device_id)
    sign_in(stranger, member.email)
    assert KnownDevice.objects.count() == 2


def test_rotated_keys_forget_no_device(settings, member, owner):
    before = KnownDevice.objects.get().digest
    settings.CODE_KEYS = ["k" * 40, *settings.CODE_KEYS]
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "s" * 60
    assert sign_in(owner, member.email).status_code == 302
    assert KnownDevice.objects.get().digest != before
    assert not waiting("new_device")


# --- Whose wrong passwords count -----------------------------------------------------------------


def test_stranger_in_the_same_network_slows_himself_and_not_the_owner(member, owner):
    stranger = Client(REMOTE_ADDR=HOME)
    for _ in range(5):
        sign_in(stranger, member.email, WRONG)
    assert sign_in(stranger, member.email).status_code == 429
    assert sign_in(owner, member.email).status_code == 302


def test_known_device_has_five_tries_of_its_own(member, owner):
    for _ in range(5):
        assert sign_in(owner, member.email, WRONG).status_code == 200
    assert sign_in(owner, member.email).status_code == 429
    elsewhere = Client(REMOTE_ADDR=HOME)
    assert sign_in(elsewhere, member.email).status_code == 302


def test_device_of_another_person_is_a_stranger_here(client, member, owner, other_member):
    """An attacker with an account gets nothing from the cookie of his own browser."""
    attacker = Client(REMOTE_ADDR=ABROAD)
    sign_in(attacker, other_member.email)
    attacker.post(url("account_logout"))
    for _ in range(5):
        sign_in(attacker, member.email, WRONG)
    bare = Client(REMOTE_ADDR=ABROAD)
    assert sign_in(bare, member.email).status_code == 429, "he counts by his network, cookie or not"
    assert limits.used(limits.SIGN_IN_STREAK, member.email)[0] == 5


def test_known_device_is_not_counted_with_strangers_nor_clears_them(member, owner):
    for _ in range(3):
        sign_in(Client(REMOTE_ADDR=ABROAD), member.email, WRONG)
    sign_in(owner, member.email, WRONG)
    sign_in(owner, member.email)
    for limit in (limits.SIGN_IN_ANYWHERE, limits.SIGN_IN_STREAK):
        assert limits.used(limit, member.email)[0] == 3


def use_up(limit, name: str, times: int) -> None:
    for _ in range(times):
        limits.count(limit, name)


@pytest.mark.parametrize("name", ["member@example.com", "nobody@example.com"])
def test_fifty_from_everywhere_stop_strangers_of_known_and_unknown_names_alike(member, owner, name):
    use_up(limits.SIGN_IN_ANYWHERE, name, 49)
    assert sign_in(Client(REMOTE_ADDR="192.0.2.1"), name, WRONG).status_code == 200
    page = sign_in(Client(REMOTE_ADDR="192.0.3.1"), name, WRONG)
    assert page.status_code == 429
    assert 3500 < int(page.headers["Retry-After"]) <= 3600
    assert sign_in(owner, member.email).status_code == 302


@pytest.mark.parametrize("name", ["member@example.com", "nobody@example.com"])
def test_a_hundred_in_a_row_leave_known_devices_only(member, owner, name):
    use_up(limits.SIGN_IN_STREAK, name, 99)
    assert sign_in(Client(REMOTE_ADDR="192.0.2.1"), name, WRONG).status_code == 200
    for days in (0, 2, 40):
        with time_machine.travel(timezone.now() + timedelta(days=days), tick=True):
            page = sign_in(Client(REMOTE_ADDR="192.0.3.1"), name, PASSWORD)
            assert page.status_code == 429
            assert "من جهاز سبق أن استخدمته" in page.content.decode()
            assert "Retry-After" not in page.headers
            tasks.purge()
    assert sign_in(owner, member.email).status_code == 302


def test_streak_is_one_over_days_and_ends_with_a_success(member):
    for day in range(3):
        with time_machine.travel(timezone.now() + timedelta(days=2 * day), tick=True):
            sign_in(Client(REMOTE_ADDR=f"192.0.{day}.1"), member.email, WRONG)
            tasks.purge()
            assert limits.used(limits.SIGN_IN_STREAK, member.email)[0] == day + 1
            assert limits.used(limits.SIGN_IN_ANYWHERE, member.email)[0] == 1
    with time_machine.travel(timezone.now() + timedelta(days=5), tick=True):
        sign_in(Client(REMOTE_ADDR=HOME), member.email)
        assert limits.used(limits.SIGN_IN_STREAK, member.email)[0] == 0


def test_refused_tries_do_not_lengthen_the_streak(member):
    attacker = Client(REMOTE_ADDR=ABROAD)
    for _ in range(9):
        sign_in(attacker, member.email, WRONG)
    assert limits.used(limits.SIGN_IN_STREAK, member.email)[0] == 5


def test_password_reset_opens_every_door_again(client, member, smtp):
    number = member.sign_in_names.create(value="1234567").value
    for name in (member.email, number):
        use_up(limits.SIGN_IN_STREAK, name, 100)
        use_up(limits.SIGN_IN_ANYWHERE, name, 50)
    ask_reset(client, member.email)
    deliver()
    page = client.get(link_in(mails_to(smtp, member.email)[-1]), follow=True)
    client.post(page.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    for name in (member.email, number):
        browser = Client(REMOTE_ADDR="192.0.2.200")
        assert sign_in(browser, name, NEW_PASSWORD).status_code == 302


def test_known_device_passes_where_the_network_is_used_up(member, owner):
    visitor = Client(REMOTE_ADDR=HOME)
    for number in range(30):
        sign_in(visitor, f"somebody{number}@example.com", WRONG)
    assert sign_in(visitor, "new@example.com", WRONG).status_code == 429
    assert sign_in(owner, member.email).status_code == 302


# --- What it costs -------------------------------------------------------------------------------


def statements_of_sign_in(browser, name: str, password: str = PASSWORD) -> list[str]:
    # Without a session: what ended before is no part of the sign-in.
    browser.cookies.pop(settings.SESSION_COOKIE_NAME, None)
    fields = {"login": name, "password": password} | answer_visual_code(browser.get(url("account_login")))
    with CaptureQueriesContext(connection) as seen:
        browser.post(url("account_login"), fields)
    return [query["sql"] for query in seen.captured_queries]


def touching(statements: list[str], table: str) -> list[str]:
    return [sql for sql in statements if re.search(rf'(INTO|UPDATE) "{table}"', sql)]


# Before devices were known a sign-in took so many.
BEFORE = 20


def test_sign_in_costs_at_most_two_statements_more(member, owner):
    known = statements_of_sign_in(owner, member.email)
    assert len(known) <= BEFORE + 2, "\n".join(known)
    new = statements_of_sign_in(Client(REMOTE_ADDR=HOME), member.email)
    # To tell of a new device, by its event, its mail and the count of mails, is no part of the price of a sign-in.
    told = touching(new, "accounts_accountevent")[1:] + touching(new, "mail_outbox")
    told += [sql for sql in new if "INTO accounts_throttle" in sql and "'notices'" in sql]
    assert len(told) == 3
    assert len(new) - len(told) <= BEFORE + 2, "\n".join(new)


def test_known_and_unknown_names_ask_the_database_the_same(member, owner):
    shapes = []
    for name in (member.email, "nobody@example.com"):
        statements = statements_of_sign_in(Client(REMOTE_ADDR="192.0.2.9"), name, WRONG)
        shapes.append([re.sub(r"'[^']*'|\d+|NULL", "?", sql) for sql in statements])
    assert shapes[0] == shapes[1]


# --- The page ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "here"), [("ar", "هذا الجهاز"), ("en", "This device")])
def test_page_lists_devices_and_marks_this_one(member, owner, other_member, language, here):
    browser = Client(REMOTE_ADDR="2001:db8:1:2::9")
    sign_in(browser, member.email, headers=PHONE)
    sign_in(Client(REMOTE_ADDR="192.0.2.77"), other_member.email)
    page = browser.get(url("account_devices", language=language)).content.decode()
    assert page.count(here) == 1
    assert "Chrome, Android" in page
    assert "198.51.100.0/24" in page
    assert "2001:db8:1:2::/64" in page
    assert "192.0.2." not in page, "another person's"
    assert "198.51.100.7" not in page, "shortened"
    assert (
        f'href="{url("account_devices", language=language)}"'
        in browser.get(url("profile", language=language)).content.decode()
    )


def test_revoked_device_is_a_new_one_at_its_next_sign_in(member, owner, smtp):
    browser = Client(REMOTE_ADDR=ABROAD)
    sign_in(browser, member.email)
    mine = KnownDevice.objects.latest("created_at")
    theirs = KnownDevice.objects.exclude(pk=mine.pk).get()
    answer = browser.post(url("account_devices"), {"device": str(theirs.pk)})
    assert answer.url == url("account_devices")
    assert list(member.devices.known()) == [mine]
    [event] = events("device.revoked")
    assert (event.user, event.actor_id, event.outcome) == (member, member.pk, "done")
    assert browser.get(url("profile")).status_code == 200
    Outbox.objects.all().delete()

    sign_in(owner, member.email)
    assert waiting("new_device") == 1
    assert member.devices.known().count() == 2


def test_two_tabs_that_sign_in_at_once_are_one_device(member, client):
    request = RequestFactory().post("/", REMOTE_ADDR=HOME)
    request.named = known_devices.Named(name=member.email, owner=member, has_devices=True)
    first = known_devices.remember_device(request, member)
    twin = RequestFactory().post("/", REMOTE_ADDR=HOME)
    # The other tab has looked before this one has written.
    twin.named = known_devices.Named(name=member.email, owner=member, has_devices=True)
    response = HttpResponse()
    known_devices.give_device_id(response, request.device_id)
    twin.COOKIES = {name: morsel.value for name, morsel in response.cookies.items()}
    assert known_devices.remember_device(twin, member) == first
    assert [device.pk for device in member.devices.all()] == [first]
    assert len(events("device.added")) == 1
    assert waiting("new_device") == 1


@pytest.mark.parametrize(
    ("language", "told", "rule"),
    [
        ("en", "The device was removed and signed out.", "Removing a device signs it out, unless it is the one"),
        ("ar", "أُزيل الجهاز وسُجّل خروجه،", "تؤدي إزالة الجهاز إلى تسجيل خروجه، إلا الجهاز الذي تستخدمه الآن."),
    ],
)
def test_removed_device_is_signed_out_and_no_other(member, owner, language, told, rule):
    here, twin = Client(REMOTE_ADDR=HOME), Client(REMOTE_ADDR=HOME)
    for browser in (owner, twin, here):
        sign_in(browser, member.email)
    # Signed in again with a new id of the session, as every proof gives it one.
    owner.post(url("account_reauthenticate"), {"password": PASSWORD})
    first = member.devices.earliest("created_at")
    page = url("account_devices", language=language)
    assert rule in here.get(page).content.decode()
    assert told in here.post(page, {"device": str(first.pk)}, follow=True).content.decode()
    states = [browser.get(url("profile")).status_code for browser in (owner, twin, here)]
    assert states == [302, 200, 200], "all three have one name and one network"
    assert [event.actor_id for event in events("session.ended")] == [member.pk]


def test_removed_device_in_use_stays_signed_in(member, owner):
    sign_in(owner, member.email)
    mine = member.devices.get()
    page = owner.post(url("account_devices", language="en"), {"device": str(mine.pk)}, follow=True).content.decode()
    assert "The device was removed. Its next" in page
    assert owner.get(url("profile")).status_code == 200
    assert not events("session.ended")


def test_session_from_before_devices_were_named_in_it_breaks_nothing(member, owner):
    sign_in(owner, member.email)
    session = owner.session
    session["signed_in"] = {name: value for name, value in session["signed_in"].items() if name != "known_device"}
    session.save()
    here = Client(REMOTE_ADDR=HOME)
    sign_in(here, member.email)
    here.post(url("account_devices"), {"device": str(member.devices.earliest("created_at").pk)})
    assert owner.get(url("profile")).status_code == 200


def test_another_persons_device_is_the_same_404_as_a_random_one(member, other_member, owner):
    browser = Client(REMOTE_ADDR=ABROAD)
    sign_in(browser, other_member.email)
    theirs = KnownDevice.objects.get(user=member)
    tried = [str(theirs.pk), str(uuid4()), "", "1", "\x00", "x" * 5000]
    answers = [browser.post(url("account_devices"), {"device": device}) for device in tried]
    assert {answer.status_code for answer in answers} == {404}
    assert answers[0].content == answers[1].content
    theirs.refresh_from_db()
    assert theirs.revoked_at is None
    assert not events("device.revoked")


def test_page_asks_for_a_fresh_proof(member):
    browser = Client()
    sign_in(browser, member.email)
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        assert browser.get(url("account_devices")).status_code == 302
        device = KnownDevice.objects.get()
        browser.post(url("account_devices"), {"device": str(device.pk)})
    device.refresh_from_db()
    assert device.revoked_at is None


# --- The mail, and «this was not me» --------------------------------------------------------------


@pytest.fixture
def intruder(member, owner, smtp):
    """Somebody who knows the password, signed in from abroad; the owner has the mail."""
    browser = Client(REMOTE_ADDR=ABROAD)
    sign_in(browser, member.email, headers=PHONE)
    deliver()
    return browser


@pytest.fixture
def link(intruder, member, smtp):
    return not_me_link_in(mails_to(smtp, member.email)[-1])


@pytest.mark.parametrize(
    ("language", "words"), [("ar", "تسجيل دخول جديد إلى حسابك"), ("en", "New sign-in to your account")]
)
def test_mail_of_a_new_device_names_it_in_the_owners_language(member, owner, smtp, language, words):
    member.language = language
    member.save()
    browser = Client(REMOTE_ADDR=ABROAD)
    sign_in(browser, member.email, language="en" if language == "ar" else "ar", headers=PHONE)
    assert Outbox.objects.get().lane == Lane.SECURITY
    deliver()
    [mail] = mails_to(smtp, member.email)
    assert subject_of(mail) == words
    text = text_of(mail)
    assert "Chrome, Android" in text
    assert "203.0.113.0/24" in text
    assert ABROAD not in text
    assert not_me_link_in(mail).startswith(f"/{language}/accounts/sessions/not-me/")


def test_ten_mails_a_day_tell_of_new_devices_and_the_history_of_all(member, owner, other_member):
    for number in range(12):
        sign_in(Client(REMOTE_ADDR=f"192.0.2.{number}"), member.email)
    assert waiting("new_device") == 10
    assert len(events("device.added")) == 1 + 12, "the owner's own, and each of them"
    for _ in range(2):
        sign_in(Client(), other_member.email)
    assert waiting("new_device") == 11, "each account has mails of its own"
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1), tick=True):
        sign_in(Client(), member.email)
        assert waiting("new_device") == 12


def test_opening_the_link_consumes_nothing(intruder, link, member):
    for _ in range(3):
        page = Client().get(link)
        assert page.status_code == 200
    assert "Chrome, Android" in page.content.decode()
    assert member.email not in page.content.decode()
    assert intruder.get(url("profile")).status_code == 200
    assert member.devices.known().count() == 2


def test_link_closes_the_account_to_everybody_but_the_mailbox(intruder, link, member, owner, smtp):
    owner_session = Client()
    owner_session.cookies = owner.cookies
    sign_in(owner_session, member.email)
    smtp.messages.clear()
    answer = Client().post(link)
    assert answer.url == link
    assert "The password no longer works" in Client().get(link).content.decode()
    for browser in (intruder, owner_session):
        assert browser.get(url("profile")).status_code == 302
    member.refresh_from_db()
    assert not member.has_usable_password()
    assert not member.devices.known().exists()
    assert sign_in(Client(REMOTE_ADDR=HOME), member.email).status_code == 200
    [event] = events("sign_in.disowned")
    assert (event.user, event.subject, event.actor_id) == (member, "Chrome, Android", None)
    deliver()
    mails = mails_to(smtp, member.email)
    assert {subject_of(mail) for mail in mails} >= {"All devices were signed out"}

    visitor = Client(REMOTE_ADDR=HOME)
    page = visitor.get(next(link_in(mail) for mail in mails if "password/reset/key" in text_of(mail)), follow=True)
    visitor.post(page.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert sign_in(visitor, member.email, NEW_PASSWORD).url == url("profile")


def test_link_serves_once(intruder, link, member):
    Client().post(link)
    Outbox.objects.all().delete()
    member.refresh_from_db()
    member.set_password(NEW_PASSWORD)
    member.save()
    epoch = member.session_epoch
    answer = Client().post(link, follow=True)
    assert answer.status_code == 200
    member.refresh_from_db()
    assert (member.session_epoch, member.has_usable_password()) == (epoch, True)
    assert not waiting()
    device = KnownDevice.objects.get(disowned_at__isnull=False)
    with pytest.raises(LinkSpent):
        disowning.disown_sign_in(device)
    assert len(events("sign_in.disowned")) == 1


def test_link_ends_after_ten_days(intruder, link, member):
    with time_machine.travel(timezone.now() + timedelta(days=10, minutes=1), tick=True):
        page = Client().post(link, follow=True).content.decode()
    assert '<form method="post">' not in page
    member.refresh_from_db()
    assert member.has_usable_password()
    assert not events("sign_in.disowned")


def test_intruder_cannot_take_the_link_away(intruder, link, member):
    mine = KnownDevice.objects.latest("created_at")
    intruder.post(url("account_devices"), {"device": str(mine.pk)})
    intruder.post(url("account_logout"))
    sign_in(intruder, member.email)
    Client().post(link)
    assert intruder.get(url("profile")).status_code == 302
    assert not member.devices.known().exists()


def test_address_that_the_intruder_changed_comes_back(intruder, link, member, smtp):
    intruder.post(url("account_email"), {"email": "thief@example.com"})
    deliver()
    code = code_in(mails_to(smtp, "thief@example.com")[-1])
    intruder.post(url("account_email_code"), {"action": "verify", "code": code})
    member.refresh_from_db()
    assert member.email == "thief@example.com"
    deliver()
    smtp.messages.clear()
    Client().post(link)
    member.refresh_from_db()
    assert (member.email, member.has_usable_password()) == ("member@example.com", False)
    deliver()
    assert "password/reset/key" in "".join(text_of(mail) for mail in mails_to(smtp, "member@example.com"))
    assert "password/reset/key" not in "".join(text_of(mail) for mail in mails_to(smtp, "thief@example.com"))


def test_change_of_address_that_waits_for_its_code_dies(intruder, link, member):
    intruder.post(url("account_email"), {"email": "thief@example.com"})
    Client().post(link)
    assert not member.email_changes.unfinished().exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_forged_links_show_one_dead_page(intruder, link, member, language):
    device = KnownDevice.objects.latest("created_at")
    first = KnownDevice.objects.earliest("created_at")
    mac = link.rstrip("/").partition("not-me/")[2].partition("-")[2]
    forged = [
        f"{device.pk.hex}-{'0' * 64}",
        f"{first.pk.hex}-{mac}",
        f"{uuid4().hex}-{mac}",
        "1-abc",
        "-",
        device.pk.hex,
    ]
    pages = set()
    for token in forged:
        path = url("account_not_me", token, language=language)
        assert Client().post(path).url == path
        pages.add(re.sub(r'value="[^"]*"|/sessions/not-me/[^/]*/', "", Client().get(path).content.decode()))
    assert len(pages) == 1
    member.refresh_from_db()
    assert member.has_usable_password()


def test_link_of_a_retired_key_is_dead(intruder, link, settings, member):
    settings.CODE_KEYS = ["z" * 40]
    Client().post(link)
    member.refresh_from_db()
    assert member.has_usable_password()


def test_unsent_mail_of_a_disowned_device_is_dropped(member, owner, smtp):
    sign_in(Client(REMOTE_ADDR=ABROAD), member.email)
    disowning.disown_sign_in(KnownDevice.objects.latest("created_at"))
    deliver()
    assert "New sign-in to your account" not in [subject_of(mail) for mail in mails_to(smtp, member.email)]


# --- The end of a device -------------------------------------------------------------------------


def test_purge_takes_devices_unused_for_four_hundred_days(member, owner):
    with time_machine.travel(timezone.now() + timedelta(days=399), tick=True):
        assert tasks.purge()["known devices"] == 0
    with time_machine.travel(timezone.now() + timedelta(days=401), tick=True):
        assert tasks.purge()["known devices"] == 1
    assert not KnownDevice.objects.exists()


def test_purge_keeps_a_streak_for_thirty_days_and_other_counters_for_one(member):
    sign_in(Client(), member.email, WRONG)
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=True):
        tasks.purge()
        assert list(Throttle.objects.values_list("kind", flat=True)) == ["sign-in-streak"]
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=True):
        tasks.purge()
        assert not Throttle.objects.exists()
