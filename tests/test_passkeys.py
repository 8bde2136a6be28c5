"""Story: passkeys, which sign in alone, stand for the second step, and are bound to this site."""

import json
import os
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from accounts import limits, second_step
from accounts.models import AccountEvent, Throttle
from tests.journey import deliver, mails_to, sign_in, subject_of, text_of, url, waiting
from tests.roles import add_app
from tests.software_key import FLAG, SoftwareKey
from tests.test_two_step import is_signed_in, kinds

pytestmark = pytest.mark.django_db
LANGUAGES = ("ar", "en")
ADD, LOGIN, STEP, INDEX = "mfa_add_webauthn", "mfa_login_webauthn", "mfa_authenticate", "mfa_index"


def options(client, name: str, language: str = "ar") -> dict:
    answer = client.get(url(name, language=language), {"options": ""})
    assert answer.headers["Content-Type"] == "application/json"
    assert "no-store" in answer.headers["Cache-Control"]
    return answer.json()


def add_passkey(client, key: SoftwareKey, name: str = "هاتفي", language: str = "ar"):
    fields = {"name": name, "credential": key.make(options(client, ADD, language))}
    return client.post(url(ADD, language=language), fields)


def passkey_sign_in(client, key: SoftwareKey, language: str = "ar", **fields):
    credential = key.prove(options(client, LOGIN, language))
    return client.post(url(LOGIN, language=language), {"credential": credential} | fields)


@pytest.fixture
def here(client, member):
    sign_in(client, member.email)
    return client


@pytest.fixture
def key(member) -> SoftwareKey:
    """A passkey of the member, added a while ago."""
    made = SoftwareKey()
    owner = Client()
    sign_in(owner, member.email)
    assert add_passkey(owner, made).status_code == 302
    AccountEvent.objects.all().delete()
    return made


# --- Adding, renaming, removing -------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_passkey_is_added_told_and_other_devices_end(here, member, smtp, language):
    member.language = language
    member.save()
    elsewhere = Client()
    elsewhere.force_login(member)
    before = here.session.session_key

    answer = add_passkey(here, SoftwareKey(), language=language)

    assert answer.url == url("mfa_view_recovery_codes", language=language)
    assert here.session.session_key != before
    assert here.get(url("profile")).status_code == 200
    assert elsewhere.get(url("profile")).status_code == 302
    assert kinds()[-2:] == ["mfa.codes_made", "mfa.passkey_added"]
    assert "هاتفي" in here.get(url(INDEX, language=language)).content.decode()
    deliver()
    mail = mails_to(smtp, member.email)[0]
    said = {"ar": "أُضيف مفتاح مرور إلى حسابك", "en": "A passkey was added to your account"}
    assert subject_of(mail) == said[language]
    assert "هاتفي" not in text_of(mail)
    assert add_passkey(here, SoftwareKey(), "الثاني").url == url(INDEX)


def test_options_ask_for_a_key_of_this_site_that_asks_its_person(here, member, settings):
    wish = options(here, ADD)["publicKey"]
    assert wish["rp"] == {"id": settings.PUBLIC_HOST, "name": "ممارس بلس"}
    assert wish["authenticatorSelection"]["userVerification"] == "required"
    assert wish["authenticatorSelection"]["residentKey"] == "required"
    settings.ALLOWED_HOSTS = ["*"]
    told = here.get(url(ADD), {"options": ""}, headers={"host": "evil.example"}).json()
    assert told["publicKey"]["rp"]["id"] == settings.PUBLIC_HOST


def with_parts(credential: str, **response) -> str:
    parts = json.loads(credential)
    parts["response"] |= response
    return json.dumps(parts)


FORGED = {
    "other site": lambda wish: SoftwareKey(site="evil.example").make(wish),
    "other origin": lambda wish: SoftwareKey(origin="https://evil.example").make(wish),
    "other port": lambda wish: SoftwareKey(origin="http://localhost:9").make(wish),
    "other challenge": lambda wish: SoftwareKey().make({"publicKey": wish["publicKey"] | {"challenge": "AAAA"}}),
    "nothing": lambda wish: "",
    "no JSON": lambda wish: "{",
    "deep": lambda wish: "[" * 15_000,
    "long": lambda wish: json.dumps({"rawId": "x" * 20_000, "response": {}}),
    "a list": lambda wish: "[1, 2]",
    "a number": lambda wish: "7",
    "no response": lambda wish: '{"rawId": "AAAA", "response": null}',
    "NUL": lambda wish: '{"rawId": "\\u0000", "response": {"clientDataJSON": "\\ud800"}}',
    "no CBOR": lambda wish: with_parts(SoftwareKey().make(wish), attestationObject="AAAA"),
    "no client data": lambda wish: with_parts(SoftwareKey().make(wish), clientDataJSON="AAAA"),
}


@pytest.mark.parametrize("how", FORGED)
def test_forged_passkey_is_refused_in_words(here, member, how):
    page = here.post(url(ADD), {"name": "x1", "credential": FORGED[how](options(here, ADD))})
    assert page.status_code == 200
    assert "لم يُقبل مفتاح المرور. حاول مرة أخرى." in page.content.decode()
    assert not Authenticator.objects.exists()
    assert here.get(url("profile")).status_code == 200


def test_key_that_does_not_ask_its_person_is_refused(here, member):
    key = SoftwareKey()
    key.flags = FLAG.UP
    assert add_passkey(here, key).status_code == 200
    assert not Authenticator.objects.exists()


def test_only_known_parts_of_an_answer_are_stored(here, member):
    key = SoftwareKey()
    answer = json.loads(key.make(options(here, ADD))) | {"more": "\u0000", "clientExtensionResults": {"x": "y" * 99}}
    here.post(url(ADD), {"name": "x1", "credential": json.dumps(answer)})
    stored = Authenticator.objects.get(type="webauthn").data["credential"]
    assert set(stored) == {"rawId", "type", "response", "clientExtensionResults"}
    assert stored["clientExtensionResults"] == {"credProps": {"rk": True}}


def test_eleventh_passkey_is_refused(here, member):
    for number in range(10):
        add_passkey(here, SoftwareKey(), f"key {number}")
    assert "لديك 10 مفاتيح مرور." in add_passkey(here, SoftwareKey()).content.decode()
    assert Authenticator.objects.filter(type="webauthn").count() == 10


@pytest.mark.parametrize(
    ("language", "told"), [("ar", "مفتاح المرور هذا مضاف إلى حسابك"), ("en", "Your account has this passkey already.")]
)
def test_passkey_is_added_once(here, member, language, told):
    key = SoftwareKey()
    assert add_passkey(here, key, "first").status_code == 302
    assert told in add_passkey(here, key, "again", language).content.decode()
    assert [one.wrap().name for one in Authenticator.objects.filter(type="webauthn")] == ["first"]


@pytest.mark.parametrize("name", ["", "  ", "\u202eabc", "x" * 61, "\u200b", "---"])
def test_name_is_a_name(here, member, name):
    page = add_passkey(here, SoftwareKey(), name)
    assert page.status_code == 200
    assert 'id="id_name_error"' in page.content.decode()
    assert not Authenticator.objects.exists()


def test_passkey_that_is_removed_meanwhile_is_not_renamed(member):
    passkey = Authenticator.objects.create(user=member, type=Authenticator.Type.WEBAUTHN, data={"name": "Phone"})
    Authenticator.objects.all().delete()
    second_step.rename_passkey(passkey=passkey, name="Other")
    assert not Authenticator.objects.exists()


def test_passkey_is_renamed_and_removed_by_its_owner_alone(here, member, other_member, key, smtp):
    passkey = Authenticator.objects.get(type="webauthn")
    stranger = Client()
    sign_in(stranger, other_member.email)
    for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        for method in (stranger.get, stranger.post):
            assert method(url(name, passkey.pk), {"name": "mine"}).status_code == 404
            assert method(url(name, 10**18), {"name": "mine"}).status_code == 404
    sign_in(here, member.email)
    passkey_sign_in(here, key)

    here.post(url("mfa_edit_webauthn", passkey.pk), {"name": "  My <b>key</b> "})
    page = here.get(url(INDEX)).content.decode()
    assert "My &lt;b&gt;key&lt;/b&gt;" in page
    assert here.post(url("mfa_remove_webauthn", passkey.pk)).url == url(INDEX)
    assert not Authenticator.objects.exists()
    assert kinds()[-1] == "mfa.passkey_removed"
    deliver()
    assert subject_of(mails_to(smtp, member.email)[-1]) == "A passkey was removed from your account"


# --- Signing in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_passkey_signs_in_alone(client, member, key, language):
    page = client.get(url("account_login", language=language)).content.decode()
    assert f'data-passkey="{url(LOGIN, language=language)}?options"' in page
    assert {"ar": "الدخول بمفتاح المرور", "en": "Sign in with a passkey"}[language] in page
    answer = passkey_sign_in(client, key, language, next=f"/{language}/terms/")
    assert (answer.status_code, answer.url) == (302, f"/{language}/terms/")
    assert is_signed_in(client)
    assert client.session["signed_in"]["second_factor"] is True
    assert kinds() == ["sign_in.done"]
    assert client.get(url("mfa_view_recovery_codes")).status_code == 200, "a passkey is a fresh proof"


def test_passkey_of_staff_opens_the_admin(client, reviewer):
    key = SoftwareKey()
    sign_in(client, reviewer.email)
    add_passkey(client, key)
    client.post(url("account_logout"))
    assert passkey_sign_in(client, key, next="/admin/").url == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert client.session["signed_in"]["kind"] == "staff"


def test_answer_serves_once(member, key):
    first = Client()
    credential = key.prove(options(first, LOGIN))
    first.post(url(LOGIN), {"credential": credential})
    assert is_signed_in(first)
    first.post(url("account_logout"))
    for client in (first, Client()):
        options(client, LOGIN)
        client.post(url(LOGIN), {"credential": credential})
        assert not is_signed_in(client)
    unasked = Client()
    unasked.post(url(LOGIN), {"credential": credential})
    assert not is_signed_in(unasked)


def another_key(key: SoftwareKey, **changes) -> SoftwareKey:
    other = SoftwareKey(origin=changes.get("origin"), site=changes.get("site"))
    other.private = changes.get("private", key.private)
    other.identity, other.owner = changes.get("identity", key.identity), changes.get("owner", key.owner)
    other.flags, other.count = changes.get("flags", key.flags), key.count
    return other


STOLEN = {
    "signed by another": {"private": SoftwareKey().private},
    "unknown": {"identity": os.urandom(16)},
    "other site": {"site": "evil.example"},
    "other origin": {"origin": "https://evil.example"},
    "name below": {"origin": "https://x.localhost"},
    "nobody asked": {"flags": FLAG.UP},
    "nobody there": {"flags": FLAG(0)},
    "no owner": {"owner": b"zzzzzzzz"},
    "huge owner": {"owner": b"z" * 13},
    "no number": {"owner": b"\xff\x00-"},
    "empty owner": {"owner": b""},
}


@pytest.mark.parametrize("how", STOLEN)
def test_wrong_answer_signs_nobody_in_and_locks_nobody_out(client, member, key, how):
    answer = passkey_sign_in(client, another_key(key, **STOLEN[how]))
    assert urlsplit(answer.url).path == url("account_login")
    assert "لم يُقبل مفتاح المرور. حاول مرة أخرى، أو سجّل الدخول بكلمة المرور." in client.get(answer.url).content.decode()
    assert not is_signed_in(client)
    assert not Throttle.objects.filter(count__gt=0).exists()
    assert [(event.kind, event.user) for event in AccountEvent.objects.all()] == [("mfa.failed", None)]


@pytest.mark.parametrize("posted", ["", "{", "[" * 15_000, "7", '{"response": 7}', '{"response": {"userHandle": 7}}'])
def test_what_is_no_answer_is_refused(client, key, posted):
    options(client, LOGIN)
    assert client.post(url(LOGIN), {"credential": posted}).status_code == 302
    assert client.post(url(LOGIN), {}).status_code == 302
    assert not is_signed_in(client)


def test_passkey_of_a_disabled_account_is_refused(client, member, key):
    member.is_active = False
    member.save()
    assert passkey_sign_in(client, key).url == url("account_inactive")
    assert not is_signed_in(client)


def test_passkey_tries_of_one_network_are_limited(client, member, key, monkeypatch):
    monkeypatch.setitem(limits.IP_LIMITS, "sign-in", (2, 60))
    with time_machine.travel(timezone.now().replace(second=1), tick=False):
        answers = [client.post(url(LOGIN), {"credential": "{}"}).status_code for _ in range(3)]
    assert answers == [302, 302, 429]


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_passkey_leads_nowhere_else(client, member, key, target):
    assert passkey_sign_in(client, key, next=target).url == url("profile")


def test_page_for_passkeys_is_no_page(client, member):
    assert client.get(url(LOGIN)).url == url("account_login")
    client.force_login(member)
    assert client.get(url(LOGIN), {"options": ""}).url == url("profile")


# --- As the second step ---------------------------------------------------------------------------


def test_passkey_stands_for_the_second_step(client, member, key):
    assert sign_in(client, member.email).url == url(STEP)
    assert f'data-passkey="{url(STEP)}?options"' in client.get(url(STEP)).content.decode()
    wish = options(client, STEP)
    assert len(wish["publicKey"]["allowCredentials"]) == 1
    client.post(url(STEP), {"credential": key.prove(wish)})
    assert is_signed_in(client)


def test_page_offers_a_passkey_only_to_who_has_one(client, member):
    add_app(member)
    sign_in(client, member.email)
    assert "data-passkey" not in client.get(url(STEP)).content.decode()


def test_wrong_passkeys_of_the_second_step_are_counted(client, member, key):
    sign_in(client, member.email)
    for _ in range(5):
        wrong = another_key(key, private=SoftwareKey().private).prove(options(client, STEP))
        page = client.post(url(STEP), {"credential": wrong})
        assert "لم يُقبل مفتاح المرور. حاول مرة أخرى." in page.content.decode()
    assert client.post(url(STEP), {"credential": key.prove(options(client, STEP))}).status_code == 429
    assert kinds() == ["mfa.failed"] * 5
    assert not is_signed_in(client)


def test_passkey_of_another_person_is_no_second_step(client, key, other_member):
    add_app(other_member)
    sign_in(client, other_member.email)
    client.post(url(STEP), {"credential": key.prove(options(client, STEP))})
    assert not is_signed_in(client)


def test_passkey_is_a_fresh_proof(client, member, key):
    passkey_sign_in(client, key)
    page = url("mfa_view_recovery_codes")
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        assert client.get(page).status_code == 302
        proof = key.prove(options(client, "mfa_reauthenticate"))
        assert client.post(url("mfa_reauthenticate"), {"credential": proof, "next": page}).url == page
        assert client.get(page).status_code == 200
    assert urlsplit(client.get(url("mfa_reauthenticate_webauthn"), {"next": page}).url).path == url(
        "mfa_reauthenticate"
    )


def test_recovery_codes_open_an_account_whose_passkey_is_lost(client, member, key):
    code = second_step.factors_of(member).codes_left[0]
    sign_in(client, member.email)
    client.post(url(STEP), {"code": code})
    assert is_signed_in(client)


CODE_WORDS = {
    "ar": (
        "8 أرقام من رمز استرداد، إذا تعذّر عليك استخدام مفتاح المرور.",
        "رمز الاسترداد غير صحيح أو سبق استخدامه.",
        "تطبيق المصادقة",
    ),
    "en": (
        "8 digits of a recovery code, if you cannot use a passkey.",
        "The recovery code is wrong or was used already.",
        "authenticator app",
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_has_passkeys_alone_is_not_asked_for_an_app(client, member, key, language):
    asked, told, foreign = CODE_WORDS[language]
    sign_in(client, member.email)
    page = client.get(url(STEP, language=language)).content.decode()
    assert asked in page
    assert foreign not in page
    assert told in client.post(url(STEP, language=language), {"code": "12345678"}).content.decode()


# --- A question serves once, and what it was asked for ------------------------------------------------


def reauthenticate(client, credential: str) -> bool:
    page = url("mfa_view_recovery_codes")
    return client.post(url("mfa_reauthenticate"), {"credential": credential, "next": page}).status_code == 302


def test_question_of_a_sign_in_is_none_of_the_second_step(client, member, key):
    sign_in(client, member.email)
    wish = options(client, LOGIN)
    page = client.post(url(STEP), {"credential": key.prove(wish)})
    assert "لم يُقبل مفتاح المرور." in page.content.decode()
    assert not is_signed_in(client)


def test_question_of_the_second_step_signs_nobody_in_alone(client, member, key):
    sign_in(client, member.email)
    wish = options(client, STEP)
    client.post(url(LOGIN), {"credential": key.prove(wish)})
    assert not is_signed_in(client)


def test_question_for_a_new_passkey_is_no_proof(client, member, key):
    passkey_sign_in(client, key)
    assert not reauthenticate(client, key.prove(options(client, ADD)))
    assert reauthenticate(client, key.prove(options(client, "mfa_reauthenticate")))


def test_question_for_a_proof_adds_no_passkey(client, member, key):
    passkey_sign_in(client, key)
    wish = options(client, ADD)["publicKey"]
    asked = options(client, "mfa_reauthenticate")["publicKey"]["challenge"]
    answer = SoftwareKey().make({"publicKey": wish | {"challenge": asked}})
    assert client.post(url(ADD), {"name": "x1", "credential": answer}).status_code == 200
    assert Authenticator.objects.filter(type="webauthn").count() == 1


def test_question_to_one_person_is_not_answered_by_another(client, member, key, other_member):
    theirs, owner = SoftwareKey(), Client()
    sign_in(owner, other_member.email)
    add_passkey(owner, theirs)
    sign_in(client, member.email)
    wish = options(client, STEP)
    kept = client.session["mfa.webauthn.state"]
    client.post(url(STEP), {"action": "cancel"})
    sign_in(client, other_member.email)
    session = client.session
    session["mfa.webauthn.state"] = kept
    session.save()
    client.post(url(STEP), {"credential": theirs.prove(wish)})
    assert not is_signed_in(client)
    client.post(url(STEP), {"credential": theirs.prove(options(client, STEP))})
    assert is_signed_in(client)


def test_wrong_answer_uses_the_question_up(client, member, key):
    wish = options(client, LOGIN)
    client.post(url(LOGIN), {"credential": another_key(key, private=SoftwareKey().private).prove(wish)})
    client.post(url(LOGIN), {"credential": key.prove(wish)})
    assert not is_signed_in(client)


def test_question_that_comes_back_with_an_old_session_has_served(client, member, key):
    """Parallel posts of one session each read the question before the first has taken it away."""
    wish, old = options(client, LOGIN), Client()
    kept = client.session["mfa.webauthn.state"]
    client.post(url(LOGIN), {"credential": key.prove(wish)})
    assert is_signed_in(client)
    options(old, LOGIN)
    session = old.session
    session["mfa.webauthn.state"] = kept
    session.save()
    old.post(url(LOGIN), {"credential": key.prove(wish)})
    assert not is_signed_in(old)


def test_question_is_open_for_ten_minutes(client, member, key):
    for minutes, answered in ((11, False), (9, True)):
        wish = options(client, LOGIN)
        with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True):
            client.post(url(LOGIN), {"credential": key.prove(wish)})
            assert is_signed_in(client) is answered


# --- A copy ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("counted", [3, 2, 0], ids=["the same", "less", "none"])
def test_counter_that_goes_back_is_refused_and_told(member, key, smtp, counted, language):
    member.language = language
    member.save()
    for _ in range(3):
        passkey_sign_in(Client(), key)
    AccountEvent.objects.all().delete()
    copy = another_key(key)
    copy.count = None if counted == 0 else counted - 1
    thief = Client()
    passkey_sign_in(thief, copy)
    assert not is_signed_in(thief)
    [event] = AccountEvent.objects.all()
    assert (event.kind, event.outcome, event.user) == ("mfa.passkey_copied", "refused", member)
    deliver()
    said = {"ar": "رُفض مفتاح مرور لحسابك", "en": "A passkey of your account was refused"}
    told = [mail for mail in mails_to(smtp, member.email) if subject_of(mail) == said[language]]
    assert len(told) == 1
    assert "signed out" not in text_of(told[0])
    assert "خروجك" not in text_of(told[0])
    owner = Client()
    passkey_sign_in(owner, key)
    assert is_signed_in(owner), "the one that counts on is the owner's"


def test_copy_is_no_second_step_either_and_its_tries_are_counted(client, member, key):
    passkey_sign_in(Client(), key)
    key.count = 0
    sign_in(client, member.email)
    page = client.post(url(STEP), {"credential": key.prove(options(client, STEP))})
    assert "لم يُقبل مفتاح المرور." in page.content.decode()
    assert not is_signed_in(client)
    assert Throttle.objects.get(kind="second-step").count == 1


def test_copy_is_told_ten_times_a_day_at_most(client, member, key):
    passkey_sign_in(Client(), key)
    copy = another_key(key)
    for _ in range(12):
        copy.count = 0
        passkey_sign_in(client, copy)
    assert waiting("second_step_changed") == 1 + 10, "one when the passkey was added"
    assert AccountEvent.objects.filter(kind="mfa.passkey_copied").count() == 12


def test_passkey_that_does_not_count_is_served(client, member):
    uncounted, owner = SoftwareKey(), Client()
    uncounted.count = None
    sign_in(owner, member.email)
    add_passkey(owner, uncounted)
    for _ in range(2):
        here = Client()
        passkey_sign_in(here, uncounted)
        assert is_signed_in(here)


def test_new_name_keeps_the_count(client, member, key):
    passkey_sign_in(client, key)
    passkey = Authenticator.objects.get(type="webauthn")
    before = passkey.data
    client.post(url("mfa_edit_webauthn", passkey.pk), {"name": "Work"})
    passkey.refresh_from_db()
    assert passkey.data == before | {"name": "Work"}
    key.count = 0
    passkey_sign_in(Client(), key)
    assert AccountEvent.objects.filter(kind="mfa.passkey_copied").exists()
