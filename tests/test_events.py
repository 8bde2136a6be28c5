"""The history of an account: written beside the act, by whom, where from, and nothing that must not be kept."""

import pytest

from accounts.events import record_event, say_event
from accounts.models import AccountEvent
from mumaris.origin import current_origin
from tests.journey import PASSWORD, sign_in
from tests.roles import signed_in

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
