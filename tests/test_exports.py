"""Story: a senior reviewer exports a list as it is filtered: proved, limited, recorded, safe to open."""

import csv
import io
from datetime import timedelta
from itertools import chain
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.metrics import EVENTS
from accounts.models import AccountEvent
from profiles import exports
from profiles.exports import escape_cell, write_lines
from profiles.models import Member, RecordView, UpdateRequest
from tests.conftest import make_user
from tests.journey import PASSWORD, url
from tests.registry import make_registry_member
from tests.roles import give_role, signed_in

MEMBERS, REQUESTS = reverse("admin:profiles_member_export"), reverse("admin:profiles_updaterequest_export")
# What begins a formula, written out here: the list that the code has is not asked.
SIGNS = set("=+-@\t\r\n\0＝＋－＠")
# What a text of the database can hold; signs that matter come more often.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("=+-@\t\r\n\0＝＋－＠\",;'| "), max_size=30)


@pytest.fixture
def senior(reviewer):
    return give_role(reviewer, "senior reviewer")


@pytest.fixture
def here(senior):
    return signed_in(senior)


def read_file(answer) -> list[list[str]]:
    assert answer.status_code == 200
    content = answer.getvalue().decode()
    assert content.startswith("\ufeff"), "Excel reads Arabic by its byte order mark"
    return list(csv.reader(io.StringIO(content[1:], newline="")))


# --- Cells ------------------------------------------------------------------------------------------


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=4), max_size=4))
@example([["=1+1", "+1", "-1", "@SUM(A1)"], ["\t=1", "\r=1", "\n=1", "\0=1"], ["＝1", "＋1", "－1", "＠x"]])
@example([['=HYPERLINK("http://x","y")', "a,b;c\nd", "'=1", '"']])
def test_cells_are_read_back_and_none_is_a_formula(rows):
    written = "".join(write_lines(rows))
    read = list(csv.reader(io.StringIO(written, newline="")))
    assert read == [[escape_cell(cell) for cell in row] for row in rows]
    for before, after in zip(chain(*rows), chain(*read), strict=True):
        assert after[:1] not in SIGNS
        assert after in {before, f"'{before}"}, "nothing of a text is lost"


def test_every_cell_is_quoted():
    assert list(write_lines([["1", "a"]])) == ['"1","a"\r\n']


# --- Members ----------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["ar", "en"])
def test_members_are_exported_as_filtered(senior, member, language):
    here = signed_in(senior, language)
    file, other = make_registry_member(member, city="=cmd|'/C calc'!A0"), make_registry_member()
    search = f"?q={file.membership_number}"
    lists = here.get(f"{reverse('admin:profiles_member_changelist')}{search}").content.decode()
    assert f"{MEMBERS}{search}" in lists
    page = here.get(MEMBERS + search).content.decode()
    assert ("صف واحد" if language == "ar" else "1 row") in page
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in page
    answer = here.post(MEMBERS + search)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    head, row = read_file(answer)
    assert head[0] == ("رقم العضوية" if language == "ar" else "Membership number")
    assert row[0] == file.membership_number
    assert "'=cmd|'/C calc'!A0" in row
    assert f"••••••{file.identity_number[-4:]}" in row
    for hidden in (file.identity_number, other.membership_number, member.password, "1985", file.registry_email):
        assert hidden not in str(row)


@pytest.mark.django_db
def test_export_is_recorded_with_its_count(here, senior, member):
    files = [make_registry_member(member), make_registry_member()]
    read_file(here.post(MEMBERS))
    event = AccountEvent.objects.get(kind="export.done")
    assert (event.user, event.actor, event.subject, event.fields) == (senior, senior, "member", ["2"])
    views = RecordView.objects.filter(what="export", viewed_by=senior)
    assert {view.member for view in views} == set(files), "each look at a member's data is recorded"


TOLD = {
    "en": ("Data of your member record was exported", "Commission staff"),
    "ar": ("صُدّرت بيانات من سجل عضويتك", "موظف في الهيئة"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("language", TOLD)
def test_owner_reads_of_an_export_that_held_their_record(here, senior, member, other_member, language):
    told, by = TOLD[language]
    file = make_registry_member(member)
    make_registry_member(other_member)
    make_registry_member()
    read_file(here.post(f"{MEMBERS}?q={file.membership_number}"))
    event = AccountEvent.objects.get(kind="record.exported")
    assert (event.user, event.actor, event.subject, event.fields) == (member, senior, "", [])
    assert (event.outcome, event.network) == ("done", "127.0.0.1")
    page = signed_in(member).get(url("account_activity", language=language)).content.decode()
    assert told in page
    assert by in page
    assert senior.last_name not in page
    assert told not in signed_in(other_member).get(url("account_activity", language=language)).content.decode()


@pytest.mark.django_db
def test_owner_of_exported_requests_reads_of_it_once(here, member):
    file = make_registry_member(member)
    for reference, state in (("UPD-AAAA-AAAA", "submitted"), ("UPD-BBBB-BBBB", "rejected")):
        UpdateRequest.objects.create(
            reference=reference, state=state, member=file, requested_by=member, submitted_at=timezone.now(),
            decided_at=timezone.now(),
        )  # fmt: skip
    assert len(read_file(here.post(f"{REQUESTS}?state=all&reviewer=all"))) == 3
    assert AccountEvent.objects.get(kind="record.exported").user == member


@pytest.mark.django_db
def test_export_writes_events_by_the_thousand(here, django_assert_max_num_queries):
    """Ten thousand rows are ten statements, and not ten thousand."""
    counted = EVENTS.labels("record.exported", "done")._value.get()
    for number in range(30):
        make_registry_member(make_user(f"owner{number}@example.com", first_name="A", last_name="B"))
    with django_assert_max_num_queries(30):
        here.post(MEMBERS)
    assert AccountEvent.objects.filter(kind="record.exported").count() == 30
    assert EVENTS.labels("record.exported", "done")._value.get() == counted + 30


@pytest.mark.django_db
def test_looking_at_the_page_exports_nothing(here):
    here.get(MEMBERS)
    assert not AccountEvent.objects.filter(kind="export.done").exists()


@pytest.mark.django_db
def test_export_holds_so_many_rows_at_most(here, monkeypatch):
    for _number in range(4):
        make_registry_member()
    monkeypatch.setattr(exports, "MAX_ROWS", 3)
    monkeypatch.setattr("profiles.export_admin.MAX_ROWS", 3)
    monkeypatch.setattr(exports, "CHUNK", 2)
    assert "only the first" in here.get(MEMBERS).content.decode()
    rows = read_file(here.post(MEMBERS))[1:]
    first = Member.objects.order_by("pk").values_list("membership_number", flat=True)[:3]
    assert [row[0] for row in rows] == list(first)
    assert AccountEvent.objects.get(kind="export.done").fields == ["3"]


@pytest.mark.django_db
def test_long_export_asks_a_query_a_chunk(here, monkeypatch, django_assert_num_queries):
    for _number in range(5):
        make_registry_member()
    monkeypatch.setattr(exports, "CHUNK", 2)
    answer = here.post(MEMBERS)
    with django_assert_num_queries(3):
        assert len(read_file(answer)) == 6


# --- Requests ---------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["ar", "en"])
def test_requests_are_exported_as_filtered(senior, member, language):
    file = make_registry_member(member, name_arabic="@نورة", name_latin="@Noura")
    values = {"member": file, "requested_by": member, "submitted_at": timezone.now()}
    change = {"old_values": {"city": "الرياض"}, "new_values": {"city": "جدة"}}
    UpdateRequest.objects.create(reference="UPD-AAAA-AAAA", state="submitted", **change, **values)
    UpdateRequest.objects.create(
        reference="UPD-BBBB-BBBB", state="rejected", decided_at=timezone.now(), decided_by=senior, **values
    )
    here = signed_in(senior, language)
    waiting = read_file(here.post(REQUESTS))
    assert [row[0] for row in waiting[1:]] == ["UPD-AAAA-AAAA"], "the list's own filter: what waits"
    shown = {"ar": ["'@نورة", "قيد المراجعة", "المدينة"], "en": ["'@Noura", "Under review", "City"]}
    assert waiting[1][2:5] == shown[language]
    rejected = read_file(here.post(f"{REQUESTS}?state=rejected&reviewer=all"))
    assert [row[0] for row in rejected[1:]] == ["UPD-BBBB-BBBB"]
    assert rejected[1][-1] == senior.get_full_name()
    assert "جدة" not in str(waiting), "values stay on their page"


# --- Who, how often, how fresh ----------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["support", "reviewer"])
@pytest.mark.parametrize("page", [MEMBERS, REQUESTS])
def test_other_roles_export_nothing(reviewer, role, page):
    here = signed_in(give_role(reviewer, role))
    assert here.get(page).status_code == here.post(page).status_code == 403
    lists = here.get(page.replace("export/", ""))
    assert "export/" not in lists.content.decode()
    assert not AccountEvent.objects.filter(kind="export.done").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["ar", "en"])
def test_eleventh_export_of_an_hour_waits(senior, language):
    here = signed_in(senior, language)
    for _number in range(10):
        assert here.post(MEMBERS).status_code == 200
    refused = here.post(REQUESTS)
    assert refused.status_code == 429
    assert ("صدّرت 10 مرات" if language == "ar" else "You have exported 10 times") in refused.content.decode()
    assert AccountEvent.objects.filter(kind="export.done").count() == 10
    other = give_role(make_user("other.senior@example.com", first_name="Amal", last_name="Harbi"), "senior reviewer")
    assert signed_in(other).post(MEMBERS).status_code == 200, "each has a limit of their own"
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1), tick=False):
        assert signed_in(senior).post(MEMBERS).status_code == 200


@pytest.mark.django_db
def test_export_asks_for_a_fresh_proof(here):
    with time_machine.travel(timezone.now() + timedelta(minutes=14), tick=False):
        here.get(reverse("admin:index"))
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        for answer in (here.get(f"{MEMBERS}?q=1"), here.post(MEMBERS)):
            assert "reauthenticate" in answer.url
    assert not AccountEvent.objects.filter(kind="export.done").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
def test_proof_leads_back_to_the_list_as_it_was_filtered(senior, here, member, method):
    file, _other = make_registry_member(member), make_registry_member()
    search, more = f"?q={file.membership_number}", "&nonsense=secret&user__password__startswith=a&p=2&q2="
    with time_machine.travel(timezone.now() + timedelta(minutes=14), tick=True):
        here.get(reverse("admin:index"))
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        asked = getattr(here, method)(MEMBERS + search + more, {"password": "Zq7!secret"} if method == "post" else None)
        back = parse_qs(urlsplit(asked.url).query)["next"]
        assert back == [MEMBERS + search], "the filters of the list and nothing besides"
        assert f'name="next" value="{MEMBERS + search}"' in here.get(asked.url).content.decode()
        assert file.membership_number not in str(dict(here.session)), "the address alone holds it"
        answer = here.post(urlsplit(asked.url).path, {"password": PASSWORD, "next": back[0]}, follow=True)
        assert answer.redirect_chain[-1][0] == MEMBERS + search
        assert "1 row" in answer.content.decode()
        rows = read_file(here.post(answer.redirect_chain[-1][0]))[1:]
    assert [row[0] for row in rows] == [file.membership_number]


@pytest.mark.django_db
def test_filters_of_requests_come_back_too(here):
    wanted = "?state=rejected&reviewer=all&age=overdue&o=1.-2"
    with time_machine.travel(timezone.now() + timedelta(minutes=14), tick=True):
        here.get(reverse("admin:index"))
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        asked = here.post(f"{REQUESTS}{wanted}&member__user__password=a")
    assert parse_qs(urlsplit(asked.url).query)["next"] == [REQUESTS + wanted]


QUERIES = ["?user__password__startswith=a", "?nonsense=1", "?p=-1", "?state=%00", "?reviewer=x", "?q=%ED%A0%80"]


@pytest.mark.django_db
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("page", [MEMBERS, REQUESTS])
def test_hostile_query_exports_nothing_more(here, page, query):
    assert here.get(page + query).status_code in {200, 302, 400}
    assert here.post(page + query).status_code in {200, 302, 400}
