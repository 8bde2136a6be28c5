"""The date of birth in a form: typed text and the calendar it is typed in."""

import datetime as dt
from typing import NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from mumaris import text
from mumaris.forms import TextWidget
from profiles import dates
from profiles.dates import GREGORIAN, HIJRI, DateFault, TypedDate

CALENDARS = {HIJRI: _("Hijri"), GREGORIAN: _("Gregorian")}
FAULTS = {
    "form": _("Enter the day, month and year, for example 15/07/1405."),
    "year": _("Enter the year with four digits."),
    "month": _("The month must be between 1 and 12."),
    "day": _("The day must be between 1 and 31."),
    "last_day": _("The last day of %(month)s %(year)s is %(day)s. Check the day."),
    "choose_hijri": _("This date is in the Hijri calendar. Choose the Hijri calendar."),
    "choose_gregorian": _("This date is in the Gregorian calendar. Choose the Gregorian calendar."),
    "hijri_years": _("The Hijri year must be between 1343 and 1500. Enter earlier dates in the Gregorian calendar."),
    "calendar": _("Choose the calendar of the date: Hijri or Gregorian."),
    "future": _("The date of birth cannot be in the future."),
    "young": _("The age must be 15 or more. Check the date."),
    "old": _("The age must be 120 or less. Check the year."),
}


class PostedDate(NamedTuple):
    """What a form posted for a date."""

    typed: str
    calendar: str


class BirthDateWidget(TextWidget):
    """A text input and two radio buttons; below them the date in both calendars, once it is one."""

    template_name = "forms/birth_date.html"
    calendar_name = "calendar"

    def __init__(self):
        super().__init__(dir="ltr", inputmode="numeric", autocomplete="bday", spellcheck="false")

    def value_from_datadict(self, data, files, name):
        return PostedDate(str(data.get(name) or ""), str(data.get(self.calendar_name) or ""))

    def get_context(self, name, value, attrs):
        posted, words = show_date(value)
        attrs = dict(attrs or {})
        if words and "id" in attrs:
            attrs["aria-describedby"] = f"{attrs.get('aria-describedby', '')} {attrs['id']}_words".strip()
        context = super().get_context(name, posted.typed, attrs)
        calendars = [(value, label, value == posted.calendar) for value, label in CALENDARS.items()]
        context["widget"] |= {"words": words, "calendar_name": self.calendar_name, "calendars": calendars}
        return context


class BirthDateField(forms.Field):
    """A date of birth, posted as ``<name>`` and ``calendar``; its value is a TypedDate."""

    widget = BirthDateWidget
    default_error_messages = {"required": _("Enter the date of birth.")}

    def __init__(self, **kwargs):
        kwargs.setdefault("label", _("Date of birth"))
        kwargs.setdefault("help_text", _("Day, month and year, for example 15/07/1405 or 05/04/1985."))
        super().__init__(**kwargs)

    def to_python(self, value: PostedDate) -> TypedDate | None:
        if len(value.typed) <= dates.TYPED_LENGTH and not text.code_digits(value.typed):
            return None
        try:
            return read_birth_date(value)
        except DateFault as fault:
            raise ValidationError(FAULTS[fault.code], code=fault.code, params=fault.params) from fault

    def has_changed(self, initial, data):
        """Tell whether the date differs: the same day typed in the other calendar is no change."""
        try:
            now = self.to_python(data)
        except ValidationError:
            return True
        before = initial.date if isinstance(initial, TypedDate) else initial
        return (now.date if now else None) != (before or None)


def read_birth_date(posted: PostedDate) -> TypedDate:
    """Return the date of birth that was posted. Raises DateFault."""
    typed = dates.clean_typed_date(posted.typed)
    if posted.calendar not in CALENDARS:
        raise DateFault("calendar")
    date = dates.read_date(typed, posted.calendar)
    if fault := dates.birth_date_fault(date):
        raise DateFault(fault)
    return TypedDate(date, typed, posted.calendar)


def show_date(value) -> tuple[PostedDate, str]:
    """Return what the inputs show for a stored or posted value, and the date in words where it is one."""
    if isinstance(value, TypedDate):
        return PostedDate(value.typed, value.calendar), str(value)
    if isinstance(value, dt.date):
        return PostedDate(value.isoformat(), GREGORIAN), dates.format_both(value, GREGORIAN)
    posted = value or PostedDate("", "")
    try:
        return posted, str(read_birth_date(posted))
    except DateFault:
        return posted, ""
