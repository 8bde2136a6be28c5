"""The operations page: what it counts, what it keeps, what it says, and what it costs."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from accounts import limits
from accounts.events import list_kinds
from accounts.models import AccountEvent, Throttle
from mumaris.mail.daily_figures import count_times
from mumaris.mail.models import Lane, Outbox
from mumaris.models import Heartbeat
from mumaris.operations.days import keep_days, last_days, midnight, read_figures
from mumaris.operations.drawing import HEIGHT, draw
from mumaris.operations.models import DailyFigure
from mumaris.operations.panels import list_panels, list_sources
from mumaris.operations.wording import say_time
from profiles.models import UpdateRequest
from tests.conftest import make_user
from tests.registry import make_registry_member
from tests.roles import give_role, signed_in

pytestmark = pytest.mark.django_db
PAGE = "/admin/operations/dailyfigure/"
# Noon of a Tuesday in Riyadh; the days begin at 21:00 UTC of the day before.
NOON = datetime(2026, 11, 24, 9, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 11, 24), date(2026, 11, 23)
BORDER = datetime(2026, 11, 23, 21, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def noon():
    with time_machine.travel(NOON, tick=False):
        yield NOON


@pytest.fixture
def look(noon):
    """Return ``look(language="en", **query)``: what an administrator reads, in one line."""
    client = signed_in(give_role(make_user("chief@example.com"), "administrator"))
    for name in ("sweeper", "worker"):
        Heartbeat.objects.create(name=name, at=Now())

    def read(language: str = "en", **query) -> str:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        answer = client.get(PAGE, query)
        assert answer.status_code == 200
        return answer.content.decode()

    return read


def words_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def happen(kind: str, at: datetime, times: int = 1):
    AccountEvent.objects.bulk_create(AccountEvent(kind=kind, at=at) for _ in range(times))


def send(took: float, *, at: datetime = NOON, lane: int = Lane.CODE, **fields) -> Outbox:
    told = {"state": "sent", "created_at": at - took * SECOND, "finished_at": at} | fields
    return Outbox.objects.create(kind="welcome", lane=lane, recipient="n@example.com", language="ar", **told)


def ask_for_change(state: str, days_ago: int) -> UpdateRequest:
    sent = timezone.now() - timedelta(days=days_ago)
    user = make_user(f"applicant-{UpdateRequest.objects.count()}@example.com")
    return UpdateRequest.objects.create(
        reference=f"UPD-{UpdateRequest.objects.count():09}", member=make_registry_member(user), requested_by=user,
        state=state, submitted_at=sent, returned_at=sent,
    )  # fmt: skip


def notice(key: str):
    with translation.override("en"):
        return next(panel.read().notice for panel in list_panels() if panel.key == key)


# --- Counting ---------------------------------------------------------------------------------------


def test_day_ends_at_midnight_in_riyadh(noon):
    assert midnight(TODAY) == BORDER
    happen("sign_in.done", BORDER - SECOND, 3)
    happen("sign_in.done", BORDER, 2)
    happen("sign_in.failed", BORDER - SECOND)
    happen("registration.done", BORDER - 24 * 3600 * SECOND)
    happen("request.approved", BORDER)
    happen("password.changed", BORDER)
    figures = read_figures(last_days(2, noon), noon)
    assert {key: value for key, value in figures.items() if value} == {
        (YESTERDAY, "sign_in.done"): 3, (TODAY, "sign_in.done"): 2, (YESTERDAY, "sign_in.failed"): 1,
        (YESTERDAY, "registration.done"): 1, (TODAY, "request.approved"): 1,
    }  # fmt: skip


def test_mails_are_counted_on_the_day_that_they_left(noon):
    send(5, at=BORDER - SECOND)
    send(7, at=BORDER + SECOND)
    figures = read_figures(last_days(1, noon), noon)
    assert figures[YESTERDAY, "mail.0.median"] == 5_000
    assert figures[TODAY, "mail.0.median"] == 7_000


@pytest.mark.parametrize(
    ("times", "median", "p95"),
    [([4], 4, 4), ([4, 1], 1, 4), ([3, 1, 2], 2, 3), (range(1, 21), 10, 19), (range(1, 22), 11, 20)],
)
def test_median_and_p95_are_times_of_mails(times, median, p95):
    for took in times:
        send(took)
        send(took * 2, lane=Lane.DECISION)
    # No time of a mail that was delivered.
    send(900, state="refused")
    send(900, state="waiting", finished_at=None)
    assert count_times(midnight(TODAY), midnight(TODAY + timedelta(days=1))) == {
        (TODAY, "mail.0.median"): median * 1000, (TODAY, "mail.0.p95"): p95 * 1000,
        (TODAY, "mail.2.median"): median * 2000, (TODAY, "mail.2.p95"): p95 * 2000,
    }  # fmt: skip


def test_mail_that_waited_through_a_day_is_still_found():
    send(30 * 3600)
    assert count_times(midnight(TODAY), midnight(TODAY + timedelta(days=1)))[TODAY, "mail.0.p95"] == 30 * 3600 * 1000


def test_charts_draw_events_that_are_recorded():
    counted = {name for source in list_sources() for name in source.names if not name.startswith("mail.")}
    assert counted <= set(list_kinds())
    assert {"registration.done", "sign_in.done", "sign_in.failed", "mfa.failed"} <= counted


# --- Keeping ----------------------------------------------------------------------------------------


def test_days_that_are_over_are_counted_once(noon):
    happen("sign_in.done", BORDER - SECOND, 3)
    happen("sign_in.done", BORDER, 2)
    keep_days()
    kept = DailyFigure.objects.count()
    assert kept == 91 * sum(len(source.names) for source in list_sources())
    AccountEvent.objects.all().delete()
    days = last_days(90, noon)
    figures = read_figures(days, noon)
    assert (figures[YESTERDAY, "sign_in.done"], figures[TODAY, "sign_in.done"]) == (3, 2)
    assert figures[YESTERDAY, "mail.0.p95"] is None
    assert keep_days() == len(list_sources()), "today alone is counted again"
    assert DailyFigure.objects.count() == kept
    figures = read_figures(days, noon)
    assert (figures[YESTERDAY, "sign_in.done"], figures[TODAY, "sign_in.done"]) == (3, 0)


def test_day_is_final_when_its_last_transactions_are_over(noon):
    with time_machine.travel(BORDER + timedelta(minutes=9), tick=False):
        keep_days()
    happen("sign_in.done", BORDER - SECOND)
    with time_machine.travel(BORDER + timedelta(minutes=11), tick=False):
        keep_days()
    happen("sign_in.done", BORDER - SECOND)
    keep_days()
    assert DailyFigure.objects.get(day=YESTERDAY, name="sign_in.done").value == 1


def test_figures_of_a_task_that_has_stopped_are_counted_by_the_page(noon):
    with time_machine.travel(noon - timedelta(minutes=14), tick=False):
        keep_days()
    happen("sign_in.done", BORDER)
    days = last_days(1, noon)
    assert read_figures(days, noon)[TODAY, "sign_in.done"] == 0, "fresh enough"
    assert read_figures(days, noon + timedelta(minutes=2))[TODAY, "sign_in.done"] == 1


def test_page_reads_no_event_and_no_mail_of_the_past(look):
    keep_days()
    with CaptureQueriesContext(connection) as seen:
        look(days=90)
    told = [query["sql"] for query in seen]
    assert not [sql for sql in told if "accounts_accountevent" in sql or "finished_at" in sql]
    assert len(told) <= 12


FILL = """
INSERT INTO accounts_accountevent (at, kind, outcome, subject, fields, device)
    SELECT timestamptz '2026-11-24 09:00Z' - n * interval '20 minutes', 'sign_in.done', 'done', '', '[]', ''
    FROM generate_series(1, 50000) n;
INSERT INTO mail_outbox (id, kind, lane, recipient, language, "references", state, attempts, error, created_at,
        next_at, finished_at)
    SELECT gen_random_uuid(), 'code', n % 4, n || '@example.com', 'ar', '{}', 'sent', 1, '', t, t, t
    FROM (SELECT n, timestamptz '2026-11-24 09:00Z' - n * interval '10 minutes' t FROM generate_series(1, 30000) n) x;
INSERT INTO accounts_throttle (kind, key, count, first_at, next_at)
    SELECT 'sign-in', n::text, 1, now(), '2000-01-01Z' FROM generate_series(1, 30000) n;
ANALYZE accounts_accountevent; ANALYZE mail_outbox; ANALYZE accounts_throttle;
"""


def test_every_figure_is_found_by_an_index(noon):
    with connection.cursor() as cursor:
        cursor.execute(FILL)
    with CaptureQueriesContext(connection) as seen:
        for source in list_sources():
            source.count(midnight(YESTERDAY), midnight(TODAY))
        for panel in list_panels():
            panel.read()
    assert len(seen) == len(list_sources()) + len(list_panels()) + 1, (
        "one query a source and a notice, and one for returned requests"
    )
    # The table of heartbeats has a row a process.
    for query in [query["sql"] for query in seen if "mumaris_heartbeat" not in query["sql"]]:
        with connection.cursor() as cursor:
            # No request is there, and nobody looks up in an index what one page holds.
            cursor.execute(f"SET LOCAL enable_seqscan = {'off' if 'profiles_updaterequest' in query else 'on'}")
            cursor.execute(f"EXPLAIN {query}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan" not in plan, plan


# --- Now --------------------------------------------------------------------------------------------


def test_mails_are_well_until_one_should_have_left(noon):
    assert (notice("mail").value, notice("mail").told, notice("mail").is_well) == (0, ["No mail waits."], True)
    waiting = {"state": "waiting", "finished_at": None}
    send(119, next_at=noon - 119 * SECOND, **waiting)
    # Put off by its mailbox an hour ago: that is the mailbox's business.
    send(3600, next_at=noon + SECOND, attempts=3, **waiting)
    found = notice("mail")
    assert (found.value, found.is_well) == (2, True)
    assert found.told == ["The oldest was written on 24 November 2026, 11:00 am."]
    send(121, next_at=noon - 121 * SECOND, **waiting)
    found = notice("mail")
    assert (found.value, found.is_well, len(found.told)) == (3, False, 2)


def test_requests_are_well_until_one_is_overdue(noon):
    # Sent on a Sunday: two working days ago.
    ask_for_change("submitted", 2)
    ask_for_change("returned", 30)
    assert (notice("requests").value, notice("requests").is_well) == (1, True)
    ask_for_change("submitted", 7)
    assert (notice("requests").value, notice("requests").is_well) == (2, False)
    groups = next(panel.read().groups for panel in list_panels() if panel.key == "requests")
    assert [[(share.value, share.is_late) for share in shares] for _title, shares in groups] == [
        [(0, False), (1, False), (1, True)], [(0, False), (1, True)],
    ]  # fmt: skip


def test_locks_are_counted_as_they_end(noon):
    assert (notice("accounts").value, notice("accounts").is_well) == (0, True)
    for tries, name in ((5, "a"), (5, "b"), (4, "c")):
        for _try in range(tries):
            limits.count(limits.SIGN_IN_HERE, name, "10.0.0.0/24")
    found = notice("accounts")
    assert (found.value, found.is_well, len(found.told)) == (0, True, 1), "a mistyped password is no alarm"
    for _try in range(50):
        limits.count(limits.SIGN_IN_ANYWHERE, "a")
    found = notice("accounts")
    assert (found.value, found.is_well, len(found.told)) == (1, False, 2)
    with time_machine.travel(noon + timedelta(minutes=61), tick=False):
        assert notice("accounts").is_well
    assert Throttle.objects.count() == 4


# --- The page ---------------------------------------------------------------------------------------


def test_page_says_the_numbers_in_both_languages(look, noon):
    happen("sign_in.done", BORDER - SECOND, 1_234)
    happen("sign_in.done", BORDER, 56)
    send(0.4, at=BORDER - SECOND)
    send(1900, at=BORDER - 2 * SECOND, lane=Lane.SECURITY)
    english, arabic = look(), look("ar")
    assert '<html lang="en-us" dir="ltr">' in english or '<html lang="en" dir="ltr">' in english
    assert '<html lang="ar" dir="rtl">' in arabic
    english, arabic = words_of(english), words_of(arabic)
    assert "Signed in Yesterday 1,234, usually 0" in english
    assert "دخول ناجح أمس 1,234، والمعتاد 0" in arabic
    assert "Today so far 56 0 0" in english
    assert "اليوم حتى الآن 56 0 0" in arabic
    assert "Signed in: 1,234 in all, most on 23\xa0Nov with 1,234.".replace("\xa0", " ") in english
    assert "Yesterday: 95 of 100 within 0.4 s" in english
    assert "أمس: 95 من 100 خلال 32 د" in arabic
    assert not re.search("[٠-٩]", arabic), "digits 0-9 in both languages"
    assert "The last 30 days" in english
    assert "آخر 30 يومًا" in arabic


def test_page_says_in_words_that_there_is_nothing(look):
    english, arabic = words_of(look()), words_of(look("ar"))
    assert english.count("Nothing on these days yet.") == 4
    assert arabic.count("لم يُسجَّل شيء في هذه الأيام بعد.") == 4
    assert english.count("All is well") == 4
    assert "No mail waits." in english
    assert "No request waits for a reviewer." in english
    assert "Nothing is locked." in english


def test_page_names_a_process_that_fell_silent(look):
    Heartbeat.objects.filter(name="worker").update(at=Now() - timedelta(seconds=121))
    assert words_of(look()).count("Nothing was heard of the worker") == 1
    assert words_of(look("ar")).count("يحتاج إلى انتباه") == 1
    Heartbeat.objects.filter(name="sweeper").delete()
    assert (notice("processes").value, notice("processes").is_well) == (2, False)


def test_page_says_where_to_look(look):
    ask_for_change("submitted", 30)
    assert words_of(look()).count("Look here") == 1
    assert words_of(look("ar")).count("يحتاج إلى انتباه") == 1


@pytest.mark.parametrize(("typed", "days"), [("7", 7), ("30", 30), ("90", 90), ("8", 30), ("٧", 30), ("\0", 30)])
def test_period_is_one_of_three(look, typed, days):
    html = look(days=typed)
    assert f'<a href="?days={days}" aria-current="page">' in html
    assert html.count("aria-current") == 1


def test_drawings_are_told_and_hold_no_style_or_script(look):
    happen("sign_in.done", BORDER)
    html = look()
    drawings = re.findall(r"<svg viewBox=.*?</svg>", html, re.DOTALL)
    assert len(drawings) == 3 + 5, "three strips of sign-ins, a bar for each age"
    for drawing in drawings[:3]:
        names = re.search(r'role="img" aria-labelledby="(\S+) (\S+)"', drawing).groups()
        assert f'<title id="{names[0]}">' in drawing
        assert f'<desc id="{names[1]}">' in drawing
    assert not re.search(r"style=|<style|<script|\son\w+=|href=", "".join(drawings))
    identifiers = re.findall(r'\bid="([^"]+)"', html)
    assert len(identifiers) == len(set(identifiers))


def test_slow_days_are_marked_by_a_shape(noon):
    chart = next(panel.charts[0] for panel in list_panels() if panel.key == "mail")
    days = last_days(7, noon)

    def strip_with(p95: int | None):
        figures = dict.fromkeys([(day, name) for day in days for name in chart.source.names])
        figures |= {(days[3], "mail.0.median"): p95, (days[3], "mail.0.p95"): p95}
        return draw(chart, days, figures).strips[0][0]

    assert (strip_with(10_000).late, strip_with(10_000).bars.count("z")) == ("", 1)
    assert (strip_with(10_001).late.count("z"), strip_with(10_001).bars) == (2, ""), "its bar, and a triangle"
    assert strip_with(3_600_000).late.startswith("M"), "as high as the strip"
    assert 0 < strip_with(10_001).promise < HEIGHT


def test_heights_tell_the_numbers(noon):
    chart = next(panel.charts[0] for panel in list_panels() if panel.key == "accounts")
    days = last_days(7, noon)
    figures = {(day, name): 0 for day in days for name in chart.source.names}
    figures |= {(days[0], "registration.done"): 40, (days[1], "registration.done"): 20}
    strip = draw(chart, days, figures).strips[0][0]
    first, second = (float(height) for height in re.findall(r"v([\d.]+)", strip.bars))
    assert (strip.top, first) == ("40", second * 2)
    assert strip.today == ""


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [(40, "0.0 s"), (1_000, "1 s"), (1_250, "1.2 s"), (59_000, "59 s"), (60_000, "1 min"), (5_400_000, "1.5 h")],
)
def test_times_are_said_in_their_largest_unit(milliseconds, told):
    with translation.override("en"):
        assert say_time(milliseconds).replace("\xa0", " ") == told


@pytest.mark.parametrize("role", ["support", "reviewer"])
def test_page_and_its_link_are_for_those_who_may_look(role):
    client = signed_in(give_role(make_user("staff@example.com"), role))
    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()


def test_page_is_linked_from_the_first_page(look):
    client = signed_in(give_role(make_user("senior@example.com"), "senior reviewer"))
    assert f'<a class="button" href="{PAGE}">' in client.get("/admin/").content.decode()
    assert client.get(PAGE).status_code == 200
