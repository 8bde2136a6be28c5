"""Story: seeing where one is signed in, ending what one does not know, and not losing a long form to a time-out."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.late_posts import FIELD, issue_ticket
from accounts.models import AccountEvent, LatePost, Session
from accounts.session_list import MOST, list_sessions
from profiles import services
from tests.journey import PASSWORD, sign_in, url
from tests.registry import make_registry_member

pytestmark = pytest.mark.django_db
SESSIONS, KEEP, PROFILE = "account_sessions", "account_session_keep", "profile"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) AppleWebKit/605.1 (KHTML, like Gecko) Version/19.0 Safari/604.1"


def client_of(user, **headers) -> Client:
    client = Client()
    assert sign_in(client, user.email, PASSWORD, headers=headers or None).status_code == 302
    return client


def names_of(user) -> list[str]:
    return [session.name for session in list_sessions(user=user, here=None)]


def is_signed_in(client) -> bool:
    return client.get(url(PROFILE)).status_code == 200


# --- The list ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "here"), [("ar", "هذا الجهاز"), ("en", "This device")])
def test_list_names_each_device_and_this_one(member, language, here):
    client_of(member, **{"user-agent": PHONE})
    page = client_of(member).get(url(SESSIONS, language=language)).content.decode()
    assert "Safari, iPhone" in page
    assert page.count(here) == 1


def test_list_never_shows_a_session_key(member):
    first, second = client_of(member), client_of(member)
    page = second.get(url(SESSIONS)).content.decode()
    assert first.session.session_key not in page
    assert second.session.session_key not in page


def test_one_device_is_signed_out_and_the_other_stays(member):
    lost, here = client_of(member), client_of(member)
    [name] = [one.name for one in list_sessions(user=member, here=here.session.session_key) if not one.is_here]
    answer = here.post(url(SESSIONS), {"session": name})
    assert answer.url == url(SESSIONS)
    assert not is_signed_in(lost)
    assert is_signed_in(here)
    assert AccountEvent.objects.filter(kind="session.ended", user=member).count() == 1


def test_all_other_devices_are_signed_out(member, other_member):
    lost, here, stranger = client_of(member), client_of(member), client_of(other_member)
    here.post(url(SESSIONS), {"action": "others"})
    assert [is_signed_in(client) for client in (lost, here, stranger)] == [False, True, True]


def test_session_of_somebody_else_is_like_a_random_one(member, other_member):
    client_of(other_member)
    here = client_of(member)
    answers = [here.post(url(SESSIONS), {"session": name}) for name in (names_of(other_member)[0], "0" * 16, "")]
    assert {(answer.status_code, answer.url) for answer in answers} == {(302, url(SESSIONS))}
    assert "سبق تسجيل خروج هذا الجهاز." in here.get(url(SESSIONS)).content.decode()
    assert names_of(other_member)


def test_list_shows_no_session_of_a_former_password(member):
    client_of(member)
    member.set_password("Another-Pass-9-Phrase")
    member.save()
    assert names_of(member) == []


def test_disabled_account_is_out_at_the_next_request(member):
    client = client_of(member)
    member.is_active = False
    member.save()
    assert not is_signed_in(client)


def test_eleventh_sign_in_ends_the_oldest(member):
    clients = [client_of(member) for _ in range(MOST + 1)]
    assert [is_signed_in(client) for client in clients] == [False, *[True] * MOST]


def test_sign_in_costs_the_same_for_one_and_for_ten_sessions(member, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counted = []
    for _ in range(MOST + 2):
        with CaptureQueriesContext(connection) as queries:
            client_of(member)
        counted.append(len(queries))
    assert len(set(counted[1:])) == 1, counted


@pytest.mark.parametrize("count", [1, 8])
def test_list_asks_the_same_for_one_and_for_eight(member, count, django_assert_num_queries):
    here = [client_of(member) for _ in range(count)][-1]
    with django_assert_num_queries(3):
        here.get(url(SESSIONS))


# --- The end of a session ------------------------------------------------------------------------


def test_page_says_when_the_session_ends(member):
    with time_machine.travel("2026-11-24 09:00:00+00:00", tick=False):
        page = client_of(member).get(url(PROFILE)).content.decode()
    assert "فستنتهي جلستك عند الساعة 12:30" in page
    assert 'data-session="1800"' in page


def test_remembered_session_and_visitor_are_told_nothing(client, member):
    assert "data-session" not in client.get(url("home")).content.decode()
    sign_in(client, member.email, PASSWORD, remember="on")
    assert "data-session" not in client.get(url(PROFILE)).content.decode()


def test_keeping_the_session_extends_it(member):
    start = timezone.now()
    client = client_of(member)
    with time_machine.travel(start + timedelta(minutes=28), tick=True):
        answer = client.post(url(KEEP))
        assert (answer.status_code, answer.headers["Session-Seconds"]) == (200, "1799")
        assert "جلستك مستمرة" in answer.content.decode()
    with time_machine.travel(start + timedelta(minutes=50), tick=True):
        assert is_signed_in(client)


def test_keeping_never_passes_the_absolute_end(member):
    start = timezone.now()
    client = client_of(member)
    for minutes in range(20, 720, 20):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=True):
            seconds = int(client.post(url(KEEP)).headers["Session-Seconds"])
            assert seconds <= (720 - minutes) * 60
    with time_machine.travel(start + timedelta(minutes=721), tick=True):
        assert client.post(url(KEEP)).status_code == 302


# --- A form that comes too late ------------------------------------------------------------------


@pytest.fixture
def draft(member):
    file = make_registry_member(member)
    return services.begin_update_request(user=member, membership_number=file.membership_number)


def edit_fields(client, draft, **changes) -> dict:
    page = client.get(url("update_edit", draft.reference))
    form = page.context["form"]
    fields = {name: form[name].value() or "" for name in form.fields if name not in {"photo", "evidence"}}
    fields |= {FIELD: page.context["late_ticket"], "csrfmiddlewaretoken": "x" * 32}
    return {name: value for name, value in fields.items() if isinstance(value, str)} | changes


def send_late(draft, member, *, notice: str = "kept", **changes):
    client = client_of(member)
    fields = edit_fields(client, draft, **changes)
    client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
    answer = client.post(url("update_edit", draft.reference), fields)
    assert answer.status_code == 302
    assert answer.url.startswith(url("account_login"))
    assert answer.url.endswith(f"notice={notice}")
    return client


def test_late_form_is_shown_again_after_signing_in(draft, member):
    client = send_late(draft, member, workplace="مستشفى الواحة الجديد")
    assert "احتفظنا بما كتبته" in client.get(f"{url('account_login')}?notice=kept").content.decode()
    sign_in(client, member.email, PASSWORD)
    page = client.get(url("update_edit", draft.reference)).content.decode()
    assert "مستشفى الواحة الجديد" in page
    assert "احتفظنا بما كتبته" in page
    draft.refresh_from_db()
    assert draft.new_values == {}


def test_late_form_lies_encrypted_and_without_its_token(draft, member):
    send_late(draft, member, workplace="Oasis Hospital")
    kept = LatePost.objects.get()
    assert kept.user == member
    assert b"Oasis" not in bytes(kept.sealed)
    assert not Session.objects.filter(session_data__contains="Oasis").exists()


def test_late_form_is_forgotten_after_half_an_hour(draft, member):
    send_late(draft, member, workplace="Oasis Hospital")
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        page = client_of(member).get(url("update_edit", draft.reference)).content.decode()
    assert "Oasis Hospital" not in page


def test_late_form_is_dropped_when_it_is_sent_again(draft, member):
    client = send_late(draft, member, workplace="Oasis Hospital")
    sign_in(client, member.email, PASSWORD)
    client.post(url("update_edit", draft.reference), edit_fields(client, draft, action="later"))
    assert not LatePost.objects.exists()


@pytest.mark.parametrize("ticket", ["", "forged", "1:1abc:xyz"])
def test_late_form_without_a_good_ticket_is_not_kept(draft, member, ticket):
    send_late(draft, member, notice="ended", **{FIELD: ticket})
    assert not LatePost.objects.exists()


def test_late_form_is_never_shown_to_somebody_else(draft, member, other_member):
    client = send_late(draft, member, workplace="Oasis Hospital")
    sign_in(client, other_member.email, PASSWORD)
    assert client.get(url("update_edit", draft.reference)).status_code == 404
    assert LatePost.objects.get().user == member


def test_other_pages_keep_no_late_post(member):
    client = Client()
    fields = {FIELD: issue_ticket(member), "oldpassword": PASSWORD, "password1": "x", "password2": "x"}
    client.post(url("account_change_password"), fields)
    assert not LatePost.objects.exists()
