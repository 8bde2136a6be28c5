"""The history page: somebody reads what happened to their account, in their language, and nobody else's."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Permission
from django.utils.translation import override

from accounts.events import record_event, say_event
from accounts.history import PAGE, list_history, shorten_network
from accounts.models import AccountEvent
from tests.journey import sign_in, url
from tests.registry import make_registry_member
from tests.roles import give_role, signed_in

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"


def read(client, language: str = "en", **query) -> str:
    answer = client.get(url("account_activity", language=language), query)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"].count("no-store")
    return answer.content.decode()


def test_owner_reads_time_device_and_shortened_network(client, member):
    sign_in(client, member.email, language="en", headers={"user-agent": PHONE})
    AccountEvent.objects.update(at=datetime(2026, 3, 1, 21, 30, tzinfo=UTC), network="192.0.2.77")
    page = read(client)
    assert "Signed in." in page
    assert "Chrome, Android" in page
    assert "192.0.2.0/24" in page
    assert "192.0.2.77" not in page
    assert "2 March 2026" in page, "Riyadh is three hours ahead"
    assert f'href="{url("account_change_password", language="en")}"' in page
    assert "Was it not you?" in page


def test_page_speaks_arabic(client, member):
    sign_in(client, member.email)
    page = read(client, "ar")
    assert "سجل الحساب" in page
    with override("ar"):
        assert say_event("sign_in.done") in page
    assert "Signed in." not in page


def test_staff_are_named_by_role_alone(member, reviewer):
    file = make_registry_member(member)
    there = signed_in(give_role(reviewer, "reviewer"))
    there.get(f"/admin/profiles/member/{file.pk}/change/", headers={"user-agent": PHONE})
    here = signed_in(member)
    page = read(here)
    assert "Your member record was viewed." in page
    assert "Commission staff" in page
    assert "موظف في الهيئة" in read(here, "ar")
    line = list_history(member)[0][1]
    assert (line.by_staff, line.device, line.network, line.is_doubted) == (True, "", "", False)
    for told in (reviewer.email, reviewer.first_name, reviewer.last_name):
        assert told not in page


def test_line_says_which_consent_and_which_rights(member):
    record_event("consent.withdrawn", user=member, subject="email")
    record_event("rights.changed", user=member, fields=["groups: – → support"])
    here = signed_in(member)
    assert "Mail from the Commission" in read(here)
    assert "groups: – → support" in read(here)
    assert "Mail from the Commission" not in read(here, "ar")


DOUBTED = [
    "mfa.totp_added", "mfa.passkey_removed", "mfa.codes_made", "mfa.failed", "device.added", "device.revoked",
    "session.ended", "sessions.ended", "erasure.asked", "erasure.cancelled",
]  # fmt: skip


@pytest.mark.parametrize("kind", DOUBTED)
def test_owner_is_asked_whether_it_was_them(member, kind):
    record_event(kind, user=member)
    record_event("consent.given", user=member, subject="email")
    # Beside this line, and beside the sign-in that reads it.
    assert read(signed_in(member)).count("Was it not you?") == 2


CHECKED = {
    ("mfa_index", "en"): "your two-step sign-in", ("mfa_index", "ar"): "التحقق بخطوتين",
    ("account_privacy", "en"): "the request for erasure", ("account_privacy", "ar"): "طلب المحو",
}  # fmt: skip
FIRST = {"en": "If it was not you, change your password", "ar": "إن لم تفعل ذلك أنت فغيّر كلمة المرور"}


@pytest.mark.parametrize(("kind", "name"), [("mfa.passkey_added", "mfa_index"), ("erasure.asked", "account_privacy")])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_owner_reads_what_a_new_password_does_not_undo(member, reviewer, kind, name, language):
    link = f'<a href="{url(name, language=language)}">{CHECKED[name, language]}</a>'
    record_event(kind, user=member, actor=reviewer)
    assert link not in read(signed_in(member), language), "staff did it"
    record_event(kind, user=member)
    page = read(signed_in(member), language)
    assert link in page
    assert FIRST[language] in page


def test_refused_sign_in_is_marked(client, member):
    sign_in(client, member.email, password="Wrong-2-Password")
    page = read(signed_in(member))
    assert "Sign-in refused: the password was wrong." in page
    assert '<span class="tag bad-t">Refused</span>' in page


def test_nobody_reads_the_history_of_another(member, other_member):
    record_event("request.submitted", user=other_member, subject="UPD-7K4M-93QX")
    record_event("sign_in.failed", refused=True)
    assert "UPD-7K4M-93QX" not in read(signed_in(member))
    assert "Sign-in refused" not in read(signed_in(member))
    assert "UPD-7K4M-93QX" in read(signed_in(other_member))


def test_pages_follow_each_other_without_gap_or_double(member):
    numbers = [record_event("request.submitted", user=member, subject=f"UPD-{n:04}-AAAA").pk for n in range(70)]
    seen, before = [], None
    while True:
        lines, following = list_history(member, before=before)
        seen += [line.reference for line in lines]
        if following is None:
            break
        # What happens meanwhile moves nothing.
        record_event("sign_in.done", user=member)
        before = following
    assert seen == [f"UPD-{n:04}-AAAA" for n in reversed(range(70))]
    here = signed_in(member)
    assert "?before=" in read(here)
    assert "There is nothing older." in read(here, before=numbers[0])
    assert "Back to the newest" in read(here, before=numbers[20])


@pytest.mark.parametrize("typed", ["x", "-1", "9" * 30, "1\0", "٣"])
def test_typed_nonsense_shows_the_newest(member, typed):
    record_event("sign_out.done", user=member)
    assert "Signed out." in read(signed_in(member), before=typed)


def test_exactly_one_page_has_no_next(member):
    for _ in range(PAGE):
        record_event("sign_in.done", user=member)
    lines, following = list_history(member)
    assert (len(lines), following) == (PAGE, None)


@pytest.mark.parametrize("count", [1, 30])
def test_page_takes_three_statements(member, count, django_assert_num_queries):
    here = signed_in(member)
    for _ in range(count - 1):
        record_event("sign_in.done", user=member)
    with django_assert_num_queries(3) as seen:
        assert read(here).count("Signed in.") >= count
    assert not any("COUNT(" in query["sql"] for query in seen.captured_queries)


def test_kind_that_a_newer_release_took_away_is_shown_by_its_name(member):
    AccountEvent.objects.create(user=member, kind="gone.done")
    assert "gone.done" in read(signed_in(member))


@pytest.mark.parametrize(
    ("address", "shown"),
    [("192.0.2.77", "192.0.2.0/24"), ("2001:db8::1:2:3:4", "2001:db8::/64"), ("::ffff:192.0.2.7", "192.0.2.0/24"),
     (None, "")],
)  # fmt: skip
def test_networks_are_shortened(address, shown):
    assert shorten_network(address) == shown


def test_profile_leads_to_the_history(member):
    assert (
        url("account_activity", language="en") in signed_in(member).get(url("profile", language="en")).content.decode()
    )


# --- Staff --------------------------------------------------------------------------------------

LIST = "/admin/accounts/accountevent/"


@pytest.fixture
def there(reviewer):
    """Somebody on the staff who may read events."""
    give_role(reviewer, "support").user_permissions.add(Permission.objects.get(codename="view_accountevent"))
    return signed_in(reviewer)


def test_staff_find_events_by_address_number_and_kind(there, member, other_member):
    record_event("request.submitted", user=member, subject="UPD-7K4M-93QX")
    record_event("request.withdrawn", user=other_member, subject="UPD-AAAA-BBBB")
    assert "UPD-AAAA-BBBB" not in there.get(LIST, {"q": " Member@Example.com"}).content.decode()
    assert "UPD-7K4M-93QX" in there.get(LIST, {"q": "member@example.com"}).content.decode()
    by_kind = there.get(LIST, {"kind": "request.withdrawn"}).content.decode()
    assert ("UPD-AAAA-BBBB" in by_kind, "UPD-7K4M-93QX" in by_kind) == (True, False)
    owner = member.pk
    member.delete()
    page = there.get(LIST, {"q": f"#{owner}"}).content.decode()
    assert ("UPD-7K4M-93QX" in page, f"#{owner}" in page) == (True, True)
    for nothing in ("nobody@example.com", "x", "9" * 40):
        assert "UPD-" not in there.get(LIST, {"q": nothing}).content.decode()


def test_list_of_events_takes_few_statements(there, member, django_assert_max_num_queries):
    for _ in range(60):
        record_event("sign_in.done", user=member, actor=member)
    with django_assert_max_num_queries(9):
        assert there.get(LIST, {"kind": "sign_in.done"}).status_code == 200


def test_events_are_only_read(there, member):
    event = record_event("sign_in.done", user=member)
    page = f"{LIST}{event.pk}/change/"
    assert there.get(page).status_code == 200
    for path in (page, f"{LIST}add/", f"{LIST}{event.pk}/delete/"):
        assert there.post(path, {"kind": "x"}).status_code == 403
    event.refresh_from_db()
    assert event.kind == "sign_in.done"


def test_events_are_closed_without_the_permission(reviewer):
    assert signed_in(give_role(reviewer, "reviewer")).get(LIST).status_code == 403
