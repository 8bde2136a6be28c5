"""Story: «تغيير البريد الإلكتروني», from the wish to the code, and the way back for whoever did not wish it."""

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts import email_change, limits, tasks
from accounts.challenges import derive_code
from accounts.models import Challenge, EmailChange, PendingRegistration, SignInName, Throttle, User
from mumaris.mail.models import Lane, Outbox
from tests.journey import (
    NEW_PASSWORD,
    PASSWORD,
    ask_reset,
    code_in,
    deliver,
    in_arabic_digits,
    link_in,
    mails_to,
    register,
    sign_in,
    subject_of,
    text_of,
    type_code,
    undo_link_in,
    url,
    waiting,
)
from tests.test_parallel import together

pytestmark = pytest.mark.django_db
LANGUAGES = ("ar", "en")
FORM, CODE, UNDO = "account_email", "account_email_code", "account_email_undo"
OLD, NEW = "member@example.com", "new@example.com"
WRONG = "رمز التحقق غير صحيح"


def later(**span):
    return time_machine.travel(timezone.now() + timedelta(**span), tick=True)


def ask(client, address: str = NEW, language: str = "ar"):
    return client.post(url(FORM, language=language), {"email": address})


def confirm(client, code: str, language: str = "ar", **fields):
    return client.post(url(CODE, language=language), {"action": "verify", "code": code} | fields)


def newest(smtp, address: str):
    return mails_to(smtp, address)[-1]


def mistype(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def page_of(answer) -> str:
    return answer.content.decode()


@pytest.fixture
def here(client, member):
    sign_in(client, member.email, PASSWORD)
    return client


@pytest.fixture
def asked(here, smtp) -> str:
    """The change is asked for and its mails are out: the code."""
    ask(here)
    deliver()
    return code_in(newest(smtp, NEW))


@pytest.fixture
def warning(asked, smtp) -> str:
    """The link in the mail that warned the old address."""
    return undo_link_in(newest(smtp, OLD))


@pytest.fixture
def changed(here, asked) -> str:
    assert confirm(here, asked).url == url("profile")
    deliver()
    return NEW


def assert_untouched(member):
    member.refresh_from_db()
    assert member.email == OLD
    assert list(member.sign_in_names.values_list("value", flat=True)) == [OLD]
    assert list(member.emailaddress_set.values_list("email", "verified", "primary")) == [(OLD, True, True)]


# --- The way through --------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_change_leads_from_the_profile_to_the_new_address(client, member, smtp, language):
    sign_in(client, member.email, PASSWORD, language)
    assert f'href="{url(FORM, language=language)}"' in page_of(client.get(url("profile", language=language)))
    page = page_of(client.get(url(FORM, language=language)))
    title = {"ar": "تغيير البريد الإلكتروني", "en": "Change email address"}[language]
    assert f"<title>{title}" in page
    assert OLD in page
    answer = ask(client, " NEW@Example.com\u200f", language)
    assert answer.url == url(CODE, language=language)
    page = page_of(client.get(answer.url))
    stays = {
        "ar": "يبقى بريدك الحالي مستخدمًا حتى التأكيد.",
        "en": "Your current address stays in use until you confirm.",
    }
    assert stays[language] in page
    assert NEW in page
    deliver()
    code = code_in(newest(smtp, NEW))
    assert_untouched(member)

    done = client.post(url(CODE, language=language), {"action": "verify", "code": in_arabic_digits(code)}, follow=True)
    assert done.redirect_chain == [(url("profile", language=language), 302)]
    said = {"ar": "تم تغيير البريد الإلكتروني. سُجّل خروجك من الأجهزة الأخرى.", "en": "Your email address was changed."}
    assert said[language] in page_of(done)
    assert NEW in page_of(done)
    member.refresh_from_db()
    assert member.email == NEW
    assert list(SignInName.objects.values_list("value", flat=True)) == [NEW]
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [(NEW, True, True)]


def test_sign_in_follows_the_code_and_not_the_wish(here, member, asked):
    assert sign_in(Client(), OLD, PASSWORD).status_code == 302
    assert sign_in(Client(), NEW, PASSWORD).status_code == 200
    confirm(here, asked)
    assert sign_in(Client(), OLD, PASSWORD).status_code == 200
    assert sign_in(Client(), NEW, PASSWORD).status_code == 302


def test_both_addresses_are_told_and_the_old_one_at_once(here, member, smtp):
    ask(here)
    assert dict(Outbox.objects.values_list("kind", "lane")) == {
        "email_change_code": Lane.CODE,
        "email_change_warning": Lane.SECURITY,
    }
    deliver()
    assert [subject_of(mail) for mail in mails_to(smtp, OLD)] == ["A change of your email address was requested"]
    assert NEW in text_of(newest(smtp, OLD))
    (to_new,) = mails_to(smtp, NEW)
    assert subject_of(to_new).startswith("Your Mumaris Plus code: ")
    for typed in (member.first_name, member.last_name, OLD):
        assert typed not in text_of(to_new), "the mailbox is not proved yet"
    confirm(here, code_in(to_new))
    deliver()
    for address in (OLD, NEW):
        assert subject_of(newest(smtp, address)) == "Your email address was changed"
    assert undo_link_in(newest(smtp, OLD)) == undo_link_in(mails_to(smtp, OLD)[0])
    assert "/undo/" not in text_of(newest(smtp, NEW))
    assert len(smtp.messages) == 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mail_speaks_the_stored_language(client, member, smtp, language):
    """Whatever the language of the page that causes it."""
    User.objects.update(language=language)
    page_language = {"ar": "en", "en": "ar"}[language]
    sign_in(client, OLD, PASSWORD, page_language)
    ask(client, NEW, page_language)
    deliver()
    confirm(client, code_in(newest(smtp, NEW)), page_language)
    deliver()
    client.post(undo_link_in(newest(smtp, OLD)))
    deliver()
    # Code, warning, two notices, the link for a new password, the notice of the undoing.
    assert len(smtp.messages) == 6
    assert {mail["Content-Language"] for mail in smtp.messages} == {language}
    for mail in smtp.messages:
        assert bool(re.search("[\u0600-\u06ff]", text_of(mail))) == (language == "ar")


def test_this_session_goes_on_under_a_new_id_and_all_others_end(here, member, asked):
    elsewhere = Client()
    sign_in(elsewhere, OLD, PASSWORD, remember="on")
    before = here.session.session_key
    confirm(here, asked)
    assert here.get(url("profile")).status_code == 200
    assert here.session.session_key != before
    assert elsewhere.get(url("profile")).status_code == 302


def test_session_that_has_ended_stays_ended_when_the_address_comes_back(here, member, smtp, asked):
    elsewhere = Client()
    sign_in(elsewhere, OLD, PASSWORD)
    key = elsewhere.session.session_key
    confirm(here, asked)
    deliver()
    Throttle.objects.all().delete()
    ask(here, OLD)
    deliver()
    confirm(here, code_in(newest(smtp, OLD)))
    member.refresh_from_db()
    assert member.email == OLD
    elsewhere.cookies["__Host-session"] = key
    assert elsewhere.get(url("profile")).status_code == 302


def test_pending_resets_of_both_addresses_die(here, member, smtp, asked):
    ask_reset(Client(), OLD)
    ask_reset(Client(), NEW)
    deliver()
    link = link_in(newest(smtp, OLD))
    opened = Client()
    form = opened.get(link).url
    confirm(here, asked)
    assert Client().get(link).status_code == 200
    opened.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    member.refresh_from_db()
    assert member.check_password(PASSWORD)
    assert set(Challenge.objects.filter(purpose="reset").values_list("address", "failure")) == {
        (OLD, "ended"),
        (NEW, "ended"),
    }


def test_pages_lead_each_other(here, member):
    assert here.get(url(CODE)).url == url(FORM)
    assert confirm(here, "123456").url == url("profile")
    ask(here)
    assert f'href="{url(CODE)}"' in page_of(here.get(url(FORM)))
    assert f'href="{url(FORM)}"' in page_of(here.get(url(CODE)))


# --- Refusals of the first page ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "أدخل البريد الإلكتروني الجديد."),
        ("nobody", "أدخل بريدًا إلكترونيًا صحيحًا، مثل name@example.com."),
        ("bob@\u202eexample.com", "أدخل بريدًا إلكترونيًا صحيحًا، مثل name@example.com."),
        (OLD, "هذا بريدك الإلكتروني الحالي. أدخل بريدًا آخر."),
        (" MEMBER@example.com\u200b", "هذا بريدك الإلكتروني الحالي. أدخل بريدًا آخر."),
    ],
)
def test_refused_address_is_told_and_nothing_begins(here, member, typed, sentence):
    page = ask(here, typed)
    assert page.status_code == 200
    assert sentence in page_of(page)
    assert not EmailChange.objects.exists()
    assert not Outbox.objects.exists()


def test_change_needs_a_sign_in_and_a_fresh_one(client, member):
    assert ask(client).url.startswith(url("account_login"))
    sign_in(client, OLD, PASSWORD)
    with later(minutes=16):
        assert ask(client).url.startswith(url("account_reauthenticate"))
    assert not EmailChange.objects.exists()
    assert not Outbox.objects.exists()


def test_three_changes_a_day(here, member):
    for number in range(3):
        assert ask(here, f"new{number}@example.com").status_code == 302
    page = ask(here, "new4@example.com")
    assert page.status_code == 200
    assert "تجاوزت عدد طلبات تغيير البريد الإلكتروني." in page_of(page)
    assert EmailChange.objects.get().new_address == "new2@example.com"
    assert waiting("email_change_warning") == 3
    with later(hours=25):
        sign_in(here, OLD, PASSWORD)
        assert ask(here, "new4@example.com").status_code == 302


def test_second_tap_neither_warns_nor_counts_again(here, member):
    for _ in range(5):
        assert ask(here).url == url(CODE)
    assert waiting("email_change_warning") == waiting("email_change_code") == 1
    assert ask(here, "other-new@example.com").status_code == 302


def test_another_address_takes_the_place_of_the_first(here, member, smtp, asked, warning):
    ask(here, "second@example.com")
    assert EmailChange.objects.get().new_address == "second@example.com"
    page = confirm(here, asked)
    assert page.status_code == 200
    assert_untouched(member)
    deliver()
    # Both warnings stop what stands: whoever opens the older of them means it all.
    assert undo_link_in(newest(smtp, OLD)) == warning
    assert len(mails_to(smtp, OLD)) == 2
    assert confirm(here, code_in(newest(smtp, "second@example.com"))).url == url("profile")


def test_one_unfinished_change_per_user_is_held_by_the_database(member):
    fields = {"user": member, "old_address": OLD, "requested_at": timezone.now(), "undo_until": timezone.now()}
    EmailChange.objects.create(new_address=NEW, **fields)
    with pytest.raises(IntegrityError), transaction.atomic():
        EmailChange.objects.create(new_address="x@example.com", **fields)
    EmailChange.objects.update(cancelled_at=timezone.now())
    EmailChange.objects.create(new_address="x@example.com", **fields)


# --- The code ---------------------------------------------------------------------------------


def test_wrong_codes_are_told_and_five_are_the_end(here, member, asked):
    for _ in range(5):
        assert WRONG in page_of(confirm(here, mistype(asked)))
    assert "استنفدت محاولات هذا الرمز. اطلب رمزًا جديدًا." in page_of(confirm(here, asked))
    assert_untouched(member)
    assert Challenge.objects.get().tries.get().count == 5


@pytest.mark.parametrize(
    ("typed", "sentence"), [("", "أدخل رمز التحقق."), ("12", "يجب أن يتكون الرمز من 6 أرقام."), ("abcdef", "6 أرقام")]
)
def test_code_that_is_none_costs_no_try(here, asked, typed, sentence):
    assert sentence in page_of(confirm(here, typed))
    assert not Challenge.objects.get().tries.exists()


def test_code_lives_ten_minutes_from_the_mail_servers_acceptance(here, member, smtp):
    ask(here)
    with later(minutes=5):
        deliver()
        code = code_in(newest(smtp, NEW))
        with later(minutes=11):
            page = confirm(here, code)
            assert "انتهت صلاحية رمز التحقق. اطلب رمزًا جديدًا." in page_of(page)
        assert_untouched(member)
        with later(minutes=9):
            assert confirm(here, code).url == url("profile")


def test_change_is_forgotten_after_a_day(here, member, asked):
    with later(hours=25):
        sign_in(here, OLD, PASSWORD)
        assert here.get(url(CODE)).url == url(FORM)
        assert tasks.purge()["changes of addresses"] == 0
        assert EmailChange.objects.get().cancelled_at


def test_asking_again_repeats_the_live_code(here, smtp, asked):
    assert here.post(url(CODE), {"action": "resend"}).url == url(CODE)
    assert not waiting(), "one a minute"
    with later(minutes=2):
        here.post(url(CODE), {"action": "resend"})
        deliver()
        assert [code_in(mail) for mail in mails_to(smtp, NEW)] == [asked, asked]
        here.post(url(CODE), {"action": "resend"})
        assert "طلبت الرمز قبل قليل." in page_of(here.get(url(CODE)))
        assert not waiting()
        assert confirm(here, asked).url == url("profile")


def test_new_code_is_sent_when_the_tries_are_used_up(here, member, smtp, asked):
    for _ in range(5):
        confirm(here, mistype(asked))
    with later(minutes=2):
        here.post(url(CODE), {"action": "resend"})
        deliver()
        code = code_in(newest(smtp, NEW))
        assert code != asked
        assert confirm(here, code).url == url("profile")


def test_given_up_change_leaves_everything_as_it_was(here, member, asked):
    page = here.post(url(CODE), {"action": "cancel"}, follow=True)
    assert page.redirect_chain[-1][0] == url("profile")
    assert "أُلغي التغيير." in page_of(page)
    confirm(here, asked)
    assert_untouched(member)


def test_refused_mailbox_is_told_on_the_page(here, smtp):
    smtp.answer_recipient = lambda address: "550 5.1.1 unknown" if address == NEW else None
    ask(here)
    deliver()
    assert "رفض صندوق البريد رسالتنا." in page_of(here.get(url(CODE)))


def test_code_of_another_purpose_is_none(here, member, smtp):
    register(Client(), NEW)
    deliver()
    code = code_in(newest(smtp, NEW))
    ask(here)
    assert WRONG in page_of(confirm(here, code))
    assert_untouched(member)


# --- Somebody else's address ------------------------------------------------------------------


def bare(answer) -> str:
    """Return a page without what differs on every page: tokens, addresses, and the time it was made."""
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", page_of(answer))
    return re.sub(r"[\w.+-]+@example\.com|\d+", "", page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_known_and_unknown_address_differ_in_nothing(member, other_member, smtp, language):
    seen = []
    for address in (other_member.email, "nobody@example.com"):
        Throttle.objects.all().delete()
        visitor = Client()
        sign_in(visitor, OLD, PASSWORD, language)
        # The second browser is news.
        deliver()
        smtp.clear()
        answer = ask(visitor, address, language)
        waits = waiting()
        deliver()
        code_page = visitor.get(answer.url)
        wrong = confirm(visitor, "000000", language)
        again = visitor.post(url(CODE, language=language), {"action": "resend"})
        seen.append(
            (answer.status_code, answer.url, sorted(answer.headers), waits, bare(code_page), bare(wrong),
             again.url, [len(mails_to(smtp, to)) for to in (address, OLD)])
        )  # fmt: skip
        visitor.post(url(CODE, language=language), {"action": "cancel"})
    assert seen[0] == seen[1]
    assert seen[0][-1] == [1, 1]


def test_owner_of_the_address_is_told_in_their_language_and_gets_no_code(here, member, other_member, smtp):
    ask(here, other_member.email)
    deliver()
    (mail,) = mails_to(smtp, other_member.email)
    assert subject_of(mail) == "محاولة استخدام بريدك الإلكتروني"
    assert not re.search(r"^\d{6}$", text_of(mail), re.MULTILINE)
    assert OLD not in text_of(mail)
    assert member.first_name not in text_of(mail)


def test_code_that_was_never_written_completes_nothing(here, member, other_member):
    ask(here, other_member.email)
    page = confirm(here, derive_code(Challenge.objects.get()))
    assert "لا يمكن استخدام هذا البريد لحسابك. استخدم بريدًا آخر." in page_of(page)
    assert_untouched(member)
    other_member.refresh_from_db()
    assert other_member.email == "other@example.com"
    assert not waiting("email_changed")
    assert EmailChange.objects.get().completed_at is None


def test_of_two_users_the_first_right_code_wins_and_no_code_serves_the_other(here, member, other_member, smtp, asked):
    rival = Client()
    sign_in(rival, other_member.email, PASSWORD)
    with later(minutes=2):
        ask(rival)
        deliver()
        code = code_in(newest(smtp, NEW))
        assert code != asked
        assert WRONG in page_of(confirm(rival, asked))
        assert WRONG in page_of(confirm(here, code))
        assert confirm(rival, code).url == url("profile")
        assert "لا يمكن استخدام هذا البريد لحسابك." in page_of(confirm(here, asked))
    assert_untouched(member)
    other_member.refresh_from_db()
    assert other_member.email == NEW


def test_withheld_mail_of_visitors_does_not_starve_a_user(here, smtp):
    for _ in range(3):
        register(Client(), NEW)
    deliver()
    ask(here)
    assert waiting("email_change_code") == 1


def test_registration_begun_for_the_new_address_ends_with_the_change(here, member, smtp):
    stranger = Client()
    register(stranger, NEW)
    deliver()
    code = code_in(newest(smtp, NEW))
    ask(here)
    deliver()
    confirm(here, code_in(newest(smtp, NEW)))
    assert not PendingRegistration.objects.exists()
    type_code(stranger, code)
    assert User.objects.count() == 1


# --- «This was not me» ------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_link_before_the_code_stops_the_change(here, member, asked, warning, language):
    link = re.sub("^/(ar|en)/", f"/{language}/", warning)
    owner = Client()
    page = page_of(owner.get(link))
    assert NEW in page
    assert OLD in page
    answer = owner.post(link)
    assert (answer.status_code, answer.url) == (302, link)
    told = {"ar": "تم إيقاف التغيير", "en": "The change was stopped"}[language]
    assert told in page_of(owner.get(link))
    assert confirm(here, asked).url == url("profile")
    assert_untouched(member)
    assert member.check_password(PASSWORD)
    assert here.get(url("profile")).status_code == 200
    assert not waiting()
    change = EmailChange.objects.get()
    assert change.cancelled_at
    assert change.undone_at


def test_link_after_the_code_gives_the_account_back(here, member, smtp, warning, changed):
    ask_reset(Client(), NEW)
    deliver()
    thiefs_link = link_in(newest(smtp, NEW))
    owner = Client()
    assert "تم تغيير البريد" in page_of(owner.get(warning.replace("/en/", "/ar/")))
    owner.post(warning)
    assert_untouched(member)
    assert not member.has_usable_password()
    assert here.get(url("profile")).status_code == 302
    assert "_auth_user_id" not in owner.session
    page = page_of(owner.get(warning))
    assert "again" in page
    assert sign_in(Client(), OLD, PASSWORD).status_code == 200
    assert sign_in(Client(), NEW, PASSWORD).status_code == 200
    assert Client().get(thiefs_link).status_code == 200, "a dead link"
    deliver()
    assert subject_of(newest(smtp, NEW)) == "The change of your email address was undone"
    form = owner.get(link_in(newest(smtp, OLD))).url
    owner.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert sign_in(Client(), OLD, NEW_PASSWORD).status_code == 302


def test_reset_link_on_its_way_does_not_keep_the_forced_one_back(here, member, smtp, warning, asked):
    ask_reset(Client(), OLD)
    confirm(here, asked)
    Client().post(warning)
    deliver()
    assert Client().get(link_in(newest(smtp, OLD))).status_code == 302


def test_link_before_the_code_leaves_a_pending_reset_alone(here, member, smtp, warning):
    ask_reset(Client(), OLD)
    deliver()
    Client().post(warning)
    assert Client().get(link_in(newest(smtp, OLD))).status_code == 302


def test_opening_the_link_does_nothing(here, member, warning, changed):
    for method in ("get", "head", "get"):
        assert getattr(Client(), method)(warning).status_code == 200
    assert Client().put(warning).status_code == 405
    member.refresh_from_db()
    assert member.email == NEW
    assert EmailChange.objects.get().undone_at is None


def test_link_works_once(here, member, smtp, warning, changed):
    Client().post(warning)
    Client().post(warning)
    deliver()
    assert [subject_of(mail) for mail in mails_to(smtp, OLD)].count("Reset your Mumaris Plus password") == 1
    assert "Bring my address back" not in page_of(Client().get(warning))


def test_link_lives_ten_days_from_the_code(here, member, warning, changed):
    with later(days=9, hours=23):
        assert "Bring my address back" in page_of(Client().get(warning))
    with later(days=10, minutes=1):
        assert "This link does not work or has expired" in page_of(Client().get(warning))
        Client().post(warning)
    member.refresh_from_db()
    assert member.email == NEW


def test_link_of_a_change_given_up_is_dead_and_says_so(here, member, warning):
    here.post(url(CODE), {"action": "cancel"})
    assert "This link does not work or has expired" in page_of(Client().get(warning))
    assert Client().post(warning).status_code == 302
    assert_untouched(member)


def test_older_link_stops_the_change_begun_after_the_first_was_given_up(here, member, smtp, warning):
    here.post(url(CODE), {"action": "cancel"})
    ask(here, "second@example.com")
    deliver()
    confirm(here, code_in(newest(smtp, "second@example.com")))
    Client().post(warning)
    assert_untouched(member)
    assert not member.has_usable_password()


def test_owner_gets_the_account_back_from_a_chain_of_changes(here, member, smtp, warning, changed):
    ask(here, "third@example.com")
    deliver()
    confirm(here, code_in(newest(smtp, "third@example.com")))
    deliver()
    thiefs = undo_link_in(newest(smtp, NEW))
    Client().post(warning)
    assert_untouched(member)
    Client().post(thiefs)
    assert "was stopped" in page_of(Client().get(thiefs)), "it has served, with the first"
    assert_untouched(member)


@pytest.mark.parametrize("tampered", ["0", "zz", "123456789abc"])
def test_tampered_link_is_told_in_words(here, member, warning, changed, tampered):
    link = warning[:-3] + tampered + "/"
    answer = Client().get(link)
    assert answer.status_code == 200
    assert "This link does not work or has expired" in page_of(answer)
    Client().post(link)
    member.refresh_from_db()
    assert member.email == NEW


def test_link_stands_in_no_log_and_no_row(here, warning, caplog):
    from mumaris.logs import HideSecrets

    caplog.handler.addFilter(HideSecrets())
    Client().put(warning)
    lines = " ".join(record.getMessage() for record in caplog.records)
    token = warning.rstrip("/").rpartition("/")[2]
    assert "email/undo/" in lines
    assert token not in lines
    rows = f"{list(EmailChange.objects.values())} {list(Outbox.objects.values())}"
    assert token.partition("-")[2] not in rows


def test_link_dies_with_its_key(here, member, warning, changed, settings):
    settings.CODE_KEYS = ["another-key-of-32-characters-here"]
    assert "This link does not work or has expired" in page_of(Client().get(warning))


# --- The old address is kept ------------------------------------------------------------------


def test_kept_address_is_registered_by_nobody_and_nobody_is_told(here, member, smtp, changed):
    answers = []
    for address in (OLD, "free@example.com"):
        visitor = Client()
        answer = register(visitor, address)
        answers.append((answer.status_code, answer.url, bare(visitor.get(answer.url))))
    assert answers[0] == answers[1]
    deliver()
    mail = newest(smtp, OLD)
    assert subject_of(mail) == "This email address is kept for an account"
    assert undo_link_in(mail)
    assert not re.search(r"^\d{6}$", text_of(mail), re.MULTILINE)
    assert re.search(r"^\d{6}$", text_of(newest(smtp, "free@example.com")), re.MULTILINE)


def test_guessed_code_for_a_kept_address_makes_no_user(here, member, client, changed):
    stranger = Client()
    register(stranger, OLD)
    type_code(stranger, derive_code(Challenge.objects.get(purpose="registration", address=OLD)))
    assert User.objects.count() == 1


def test_kept_address_is_taken_by_no_other_user(here, member, other_member, smtp, changed):
    rival = Client()
    sign_in(rival, other_member.email, PASSWORD)
    assert ask(rival, OLD).url == url(CODE)
    deliver()
    assert subject_of(newest(smtp, OLD)) == "This email address is kept for an account"
    page = confirm(rival, derive_code(Challenge.objects.get(purpose="email_change", address=OLD)))
    assert "لا يمكن استخدام هذا البريد لحسابك." in page_of(page)
    other_member.refresh_from_db()
    assert other_member.email == "other@example.com"


def test_forgotten_password_at_the_kept_address_shows_the_way_back(here, member, smtp, changed):
    ask_reset(Client(), OLD)
    deliver()
    assert undo_link_in(newest(smtp, OLD))
    assert "password/reset/key" not in text_of(newest(smtp, OLD))


def test_address_is_free_again_after_ten_days(here, member, smtp, changed):
    with later(days=11):
        stranger = Client()
        register(stranger, OLD)
        deliver()
        type_code(stranger, code_in(newest(smtp, OLD)))
        assert User.objects.filter(email=OLD).exists()


def test_purge_takes_a_change_with_its_link(here, member, warning, changed):
    with later(days=9):
        assert tasks.purge()["changes of addresses"] == 0
    with later(days=11):
        assert tasks.purge()["changes of addresses"] == 1
        assert not EmailChange.objects.exists()
        assert "This link does not work or has expired" in page_of(Client().get(warning))


# --- New passwords ----------------------------------------------------------------------------


def test_reset_cancels_a_pending_change(here, member, smtp, asked):
    ask_reset(Client(), OLD)
    deliver()
    owner = Client()
    form = owner.get(link_in(newest(smtp, OLD))).url
    owner.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert EmailChange.objects.get().cancelled_at
    sign_in(owner, OLD, NEW_PASSWORD)
    confirm(owner, asked)
    assert_untouched(member)


def test_password_change_cancels_a_pending_change(here, member, asked):
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    here.post(url("account_change_password"), fields)
    assert EmailChange.objects.get().cancelled_at
    confirm(here, asked)
    assert_untouched(member)


def test_new_password_leaves_a_completed_change_alone(here, member, warning, changed):
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    here.post(url("account_change_password"), fields)
    assert EmailChange.objects.get().cancelled_at is None
    Client().post(warning)
    assert_untouched(member)
    assert not member.has_usable_password()


# --- All at once ------------------------------------------------------------------------------


def tabs_of(client, count: int) -> list[Client]:
    tabs = [Client() for _ in range(count)]
    for tab in tabs:
        tab.cookies = client.cookies.copy()
    return tabs


@pytest.mark.django_db(transaction=True)
def test_sixteen_parallel_right_codes_complete_once(client, member):
    sign_in(client, OLD, PASSWORD)
    ask(client)
    code = derive_code(Challenge.objects.get(purpose="email_change"))
    answers = together(*[lambda c=tab: confirm(c, code) for tab in tabs_of(client, 16)])
    assert {answer.status_code for answer in answers} <= {200, 302}
    member.refresh_from_db()
    assert (member.email, member.session_epoch) == (NEW, 1)
    assert waiting("email_changed") == 2
    assert SignInName.objects.count() == EmailAddress.objects.count() == 1
    cookies = {answer.cookies["__Host-session"].value for answer in answers if "__Host-session" in answer.cookies}
    (renewed,) = cookies - {""}
    assert renewed != client.cookies["__Host-session"].value
    client.cookies["__Host-session"] = renewed
    assert client.get(url("profile")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_parallel_users_of_one_address_are_one_winner(member, other_member):
    people = []
    for user in (member, other_member):
        client = Client()
        sign_in(client, user.email, PASSWORD)
        ask(client)
        people.append((client, derive_code(Challenge.objects.get(purpose="email_change", owner=user.pk))))
    answers = together(*[lambda c=client, k=code: confirm(c, k) for client, code in people])
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    assert User.objects.filter(email=NEW).count() == 1
    assert waiting("email_changed") == 2


@pytest.mark.django_db(transaction=True)
def test_parallel_wishes_are_one_change_one_warning_and_one_code(client, member):
    sign_in(client, OLD, PASSWORD)
    answers = together(*[lambda c=tab: ask(c) for tab in tabs_of(client, 3)])
    assert {answer.status_code for answer in answers} == {302}
    assert EmailChange.objects.count() == 1
    assert waiting("email_change_warning") == waiting("email_change_code") == 1


@pytest.mark.django_db(transaction=True)
def test_code_and_undo_at_once_leave_no_half(client, member):
    sign_in(client, OLD, PASSWORD)
    ask(client)
    code = derive_code(Challenge.objects.get(purpose="email_change"))
    link = url(UNDO, email_change.undo_token(EmailChange.objects.get()))
    together(lambda: confirm(client, code), *[lambda: Client().post(link) for _ in range(4)])
    member.refresh_from_db()
    assert member.email == OLD
    assert SignInName.objects.get().value == EmailAddress.objects.get().email == OLD
    # Stopped before the code, or restored after it.
    assert member.has_usable_password() == (EmailChange.objects.get().completed_at is None)
    assert waiting("password_reset") == (0 if member.has_usable_password() else 1)


def test_limits_of_the_change_are_the_users_own(here, member, other_member):
    for number in range(3):
        ask(here, f"new{number}@example.com")
    assert limits.used(limits.EMAIL_CHANGES, member.pk)[0] == 3
    assert limits.used(limits.EMAIL_CHANGES, other_member.pk)[0] == 0
