"""Working days of the Commission: Sunday to Thursday."""

from datetime import date, timedelta

FRIDAY, SATURDAY = 4, 5
# A request is overdue after so many working days.
REVIEW_DAYS = 3


def is_working_day(day: date) -> bool:
    return day.weekday() not in {FRIDAY, SATURDAY}


def count_working_days(start: date, end: date) -> int:
    """Return the working days after ``start`` up to and with ``end``; 0 when ``end`` is not later."""
    weeks, rest = divmod(max((end - start).days, 0), 7)
    return weeks * 5 + sum(is_working_day(end - timedelta(days=days)) for days in range(rest))


def overdue_before(today: date) -> date:
    """Return the first day of which a request is not overdue yet: earlier ones have waited too long."""
    day, left = today, REVIEW_DAYS
    while left:
        left -= is_working_day(day)
        day -= timedelta(days=1)
    while not is_working_day(day):
        # Sent on a day of rest, it began to wait on the next working day.
        day -= timedelta(days=1)
    return day
