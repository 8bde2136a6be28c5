"""The one normaliser: what reaches the database is one spelling of what people mean."""

import unicodedata
from datetime import UTC, datetime

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from mumaris import text

ADDRESS = "bob@example.com"
# Each is one mailbox to the mail server, and was eight accounts to a stock site.
DISGUISES = {
    "soft hyphen": "bo\u00adb@example.com",
    "zero-width space": "bob@exam\u200bple.com",
    "zero-width joiner": "bob@exam\u200dple.com",
    "full width": "ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ",
    "upper case": "BOB@EXAMPLE.COM",
    "right-to-left mark at the end": "bob@example.com\u200f",
    "isolates around it": "\u2066bob@example.com\u2069",
    "byte order mark": "\ufeffbob@example.com",
    "ideographic full stop": "bob@example。com",
    "mathematical letters": "𝐛𝐨𝐛@example.com",
    "no-break spaces around it": "\u00a0 bob@example.com\u202f",
    "word joiner": "bob\u2060@example.com",
}
UNREACHABLE = {
    "override in the domain": "bob@\u202eexample.com",
    "override in the name": "bo\u202db@example.com",
    "no at sign": "bob.example.com",
    "nothing before the at sign": "@example.com",
    "nothing after it": "bob@",
    "two at signs": "bob@bob@example.com",
    "a space inside": "bob smith@example.com",
    "no dot in the domain": "bob@localhost",
    "dots in a row": "bob@example..com",
    "a dot at the end": "bob@example.com.",
    "a dot before the at sign": "bob.@example.com",
    "an address of the network": "bob@127.0.0.1",
    "the same in brackets": "bob@[127.0.0.1]",
    "hyphen at the edge of a label": "bob@-example.com",
    "label longer than DNS holds": f"bob@{'a' * 64}.com",
    "local part longer than SMTP holds": f"{'b' * 65}@example.com",
    "longer than SMTP holds": f"bob@{'a.' * 130}com",
    "header line": "bob@example.com\r\nBcc: eve@example.com",
    "NUL": "bob\0@example.com",
    "lone surrogate": "bob\ud800@example.com",
    "lone surrogate in the domain": "bob@exam\ud800ple.com",
    "quoted": '"bob smith"@example.com',
    "with a display name": "Bob <bob@example.com>",
    "a list": "bob@example.com,eve@example.com",
    "emoji": "😀@example.com",
    "emoji domain": "bob@😀.com",
    "Arabic local part": "نورة@example.com",
    "empty": "",
    "only marks": "\u200b\u200f",
}


@pytest.mark.parametrize("typed", DISGUISES.values(), ids=DISGUISES)
def test_address_has_one_spelling(typed):
    assert text.canonical_address(typed) == ADDRESS


@pytest.mark.parametrize("typed", UNREACHABLE.values(), ids=UNREACHABLE)
def test_address_that_no_mail_could_reach_is_refused(typed):
    with pytest.raises(ValueError):  # noqa: PT011  (its subclasses count: idna raises its own)
        text.canonical_address(typed)


def test_international_domain_is_stored_in_its_ascii_form():
    ascii_form = "bob@xn--mgbah1a3hjkrd.xn--mgberp4a5d4ar"
    assert text.canonical_address("bob@موريتانيا.السعودية") == ascii_form
    assert text.canonical_address(ascii_form.upper()) == ascii_form


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_address_is_canonical_once_and_for_all(typed):
    try:
        address = text.canonical_address(typed)
    except ValueError:
        return
    assert address.isascii()
    assert text.canonical_address(address) == address


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_clean_line_is_one_line_and_stays_so(typed):
    line = text.clean_line(typed)
    assert text.clean_line(line) == line
    assert not set("\r\n\t\x0b\u2028\u2029\u200f\u2067") & set(line)
    text.name_fault(line)
    text.sign_in_name(typed)


@pytest.mark.parametrize(
    "typed",
    ["482915", "٤٨٢٩١٥", "۴۸۲۹۱۵", "482 915", "482-915", " 482–915 ", "\u200f482915\u200e", "４８２９１５",
     "4 8 2 9 1 5", "482\u00a0915", "\u202b482915\u202c", "482\u200d915"],
)  # fmt: skip
def test_code_has_one_spelling(typed):
    assert text.code_digits(typed) == "482915"


@pytest.mark.parametrize(
    "name",
    ["عبدُ الرَّحمٰن", "آل سعود", "الـغامدي", "أبو بكر", "نُورَةُ", "Al-Harbi", "O'Neil", "O’Neil", "José", "Nguyễn",
     "Łukasz", "李小龍", "محمد‌رضا", "Ann St. John", "ابن القيّم"],
)  # fmt: skip
def test_name_of_a_person_is_welcome(name):
    assert text.name_fault(text.clean_line(name)) == ""


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("No\u202era", "bidi"),
        ("\u202aNora", "bidi"),
        ("N" + "\u0301" * 50, "marks"),
        ("ن" + "\u064e" * 50, "marks"),
        ("Nora7", "letters"),
        ("نورة٧", "letters"),
        ("<b>Nora</b>", "letters"),
        ("{{ 7*7 }}", "letters"),
        ("Nora\0", "letters"),
        ("Nora\ud800", "letters"),
        ("😀", "letters"),
        ("-", "letters"),
        ("=1+1", "letters"),
        ("", "letters"),
    ],
)
def test_name_of_nobody_is_refused(typed, fault):
    assert text.name_fault(text.clean_line(typed)) == fault


def test_names_typed_composed_or_not_are_one():
    assert text.clean_line(unicodedata.normalize("NFD", "  آل\u00a0سعود ")) == "آل سعود"


def test_moments_are_told_in_riyadh_and_in_the_language_of_the_page():
    moment = datetime(2026, 11, 22, 7, 35, tzinfo=UTC)
    for language, told in (("ar", "22 نوفمبر 2026، 10:35 ص"), ("en", "22 November 2026, 10:35 am")):
        with translation.override(language):
            assert text.format_moment(moment) == told
