"""The fields of member data: what a person types becomes one value, whatever else is answered in one sentence."""

import re
import time
from datetime import date
from html import unescape

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.utils import translation
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from profiles.birth_date import FAULTS, PostedDate
from profiles.fields import (
    ArabicNameField,
    BirthDateField,
    IdentityNumberField,
    LatinNameField,
    LineField,
    MembershipNumberField,
    MobileField,
    SelectField,
    TypedDate,
    format_mobile,
    refuse_identity_fault,
)

BORN = date(1985, 4, 5)  # 15 Rajab 1405
RAJAB = TypedDate(BORN, "15/07/1405", "hijri")
CITIES = [("riyadh", "الرياض"), ("jeddah", "جدة")]
MEGABYTE = 1_000_000


class MemberForm(forms.Form):
    birth_date = BirthDateField()


def make_fields(*, required: bool = True) -> dict[str, forms.Field]:
    return {
        "membership number": MembershipNumberField(required=required),
        "identity number": IdentityNumberField(required=required),
        "national ID": IdentityNumberField(kind="national_id", required=required),
        "mobile": MobileField(required=required),
        "Arabic name": ArabicNameField(required=required),
        "Latin name": LatinNameField(required=required),
        "line": LineField(required=required, label="City"),
        "select": SelectField(required=required, choices=CITIES),
    }


FIELDS = make_fields()


def say(clean, *values) -> list[str]:
    """Return what ``clean(*values)`` says against them, in Arabic and in English; an empty list when nothing."""
    sentences = []
    for language in ("ar", "en"):
        with translation.override(language):
            try:
                clean(*values)
            except ValidationError as refusal:
                sentences += refusal.messages
    return sentences


def assert_one_sentence(sentences: list[str]):
    assert len(sentences) == 2, sentences
    arabic, english = sentences
    assert re.search("[ء-ي]", arabic), arabic
    assert not re.search("[A-Za-z]", arabic), arabic
    assert not re.search("[ء-ي]", english), english
    for sentence in sentences:
        assert sentence.endswith("."), sentence


# --- Numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["0501234567", "501234567", "966501234567", "+966501234567", "00966501234567", "+966 50 123 4567", "050-123-4567",
     "(050) 123 4567", "050.123.4567", "٠٥٠١٢٣٤٥٦٧", "۰۵۰۱۲۳۴۵۶۷", "\u200f+966501234567\u200e",
     "\u202a0501234567\u202c", "+966 (0) 50 123 4567", "＋９６６501234567", "050\u00a0123\u202f4567"],
    ids=ascii,
)  # fmt: skip
def test_saudi_mobile_has_one_spelling(typed):
    assert MobileField().clean(typed) == "+966501234567"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("+20 100 123 4567", "+201001234567"),
        ("00201001234567", "+201001234567"),
        ("+44 7911 123456", "+447911123456"),
        ("+1 202 555 0123", "+12025550123"),  # there no number tells a mobile from a fixed line
    ],
)
def test_mobile_of_another_country_is_welcome(typed, kept):
    assert MobileField().clean(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["0112345678", "+966112345678", "+442071838750", "05012345", "05012345678", "0501234567 ext 5", "05ABCDEFGH",
     "+999501234567", "+", "++966501234567", "0501234567;ext=5", "tel:0501234567", "920019393", "०५०१२३४५६७", "0" * 20,
     "0501234567" + " " * 500 + "8", "<script>", "0501234567\0"],
)  # fmt: skip
def test_what_is_no_mobile_is_refused(typed):
    assert say(MobileField().clean, typed) == [
        "أدخل رقم جوال صحيحًا يبدأ بـ 05 أو 00966.",
        "Enter a mobile number that starts with 05 or +966.",
    ]


def test_mobile_is_shown_in_groups():
    assert format_mobile("+966501234567") == "+966 50 123 4567"
    assert format_mobile("+447911123456") == "+44 7911 123456"
    assert [format_mobile(kept) for kept in ("", "none", "0501234567")] == ["", "none", "0501234567"]


@pytest.mark.parametrize(
    ("typed", "sentences"),
    [
        ("", ["أدخل رقم العضوية.", "Enter your membership number."]),
        (" \u200f-", ["أدخل رقم العضوية.", "Enter your membership number."]),
        ("12345A", ["يتكون رقم العضوية من أرقام فقط.", "The membership number has digits only."]),
        (
            "123",
            [
                "هذا ليس رقم عضوية لدى الهيئة. راجع الرقم.",
                "This is not a membership number of the Commission. Check it.",
            ],
        ),
        ("٠٠١٢٣٤", []),
    ],
    ids=ascii,
)
def test_membership_number(typed, sentences):
    assert say(MembershipNumberField().clean, typed) == sentences


def test_leading_zeros_are_kept():
    assert MembershipNumberField().clean(" ٠٠١-٢٣٤ ") == "001234"


@pytest.mark.parametrize(
    ("kind", "typed", "english"),
    [
        ("", "1000000008", ""),
        ("", "2000000006", ""),
        ("", "a12345", ""),
        ("", "1000000009", "One digit of this number is wrong. Compare it with your document."),
        ("", "123", "Enter the number of your national ID, Iqama or passport."),
        ("", "", "Enter the number of your national ID, Iqama or passport."),
        ("national_id", "2000000006", "A national ID number has 10 digits and starts with 1."),
        ("national_id", "100000000", "A national ID number has 10 digits and starts with 1."),
        ("iqama", "1000000008", "An Iqama number has 10 digits and starts with 2."),
        ("passport", "A1", "A passport number has 5 to 20 English letters and digits."),
        ("passport", "1000000009", ""),
        ("visa", "A12345", "Choose the kind of identity document."),
    ],
)
def test_identity_number(kind, typed, english):
    sentences = say(IdentityNumberField(kind=kind).clean, typed)
    assert sentences[1:] == [english] if english else sentences == []
    if english:
        assert_one_sentence(sentences)


def test_form_that_asks_for_the_kind_gets_the_same_sentences():
    assert say(refuse_identity_fault, "iqama", "2000000006") == []
    assert say(refuse_identity_fault, "iqama", "2000000007") == say(
        IdentityNumberField(kind="iqama").clean, "2000000007"
    )


# --- Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("نورة العتيبي", "نورة العتيبي"),
        ("  عبدُ الرَّحمٰن  بن  محمد آل سعود \u200f", "عبدُ الرَّحمٰن بن محمد آل سعود"),
        ("ﻧﻮﺭﺓ ﺍﻟﻌﺘﻴﺒﻲ", "نورة العتيبي"),  # the shapes of a PDF
        ("محمد\u200cرضا پاکزاد", "محمد\u200cرضا پاکزاد"),
        ("م" * 60 + " " + "ن" * 59, "م" * 60 + " " + "ن" * 59),
    ],
)
def test_arabic_name_is_kept_as_it_is_written(typed, kept):
    assert ArabicNameField().clean(typed) == kept


@pytest.mark.parametrize("name", ["Nora Al-Otaibi", "José D’Souza", "Anne-Marie St. John", "Nguyễn Văn", "Nu'man Ali"])
def test_latin_name_is_kept_as_it_is_written(name):
    assert LatinNameField().clean(f" {name} ") == name


@pytest.mark.parametrize(
    ("field", "typed", "english"),
    [
        ("Arabic name", "Nora Ali", "Write this name in Arabic letters."),
        ("Arabic name", "نورة Ali", "Write this name in Arabic letters."),
        ("Arabic name", "李 小龍", "Write this name in Arabic letters."),
        ("Arabic name", "نورة", "Enter at least two names: the first name and the family name."),
        ("Arabic name", "نورة ـ", "Enter at least two names: the first name and the family name."),
        ("Arabic name", "", "Enter the full name in Arabic letters."),
        ("Arabic name", "\u200f\u2067", "Enter the full name in Arabic letters."),
        ("Arabic name", "نورة 7", "Use letters, spaces and hyphens only."),
        (
            "Arabic name",
            "نورة \u202eالعتيبي",
            "The name holds hidden direction characters. Type it again instead of pasting it.",
        ),
        ("Latin name", "نورة العتيبي", "Write this name in English letters."),
        ("Latin name", "Nоra Ali", "Write this name in English letters."),  # a Cyrillic о
        ("Latin name", "Nora", "Enter at least two names: the first name and the family name."),
        ("Latin name", "Nora -", "Enter at least two names: the first name and the family name."),
        ("Latin name", "", "Enter the full name in English letters."),
        ("Latin name", "N a" + "a" * 118, "Ensure this value has at most 120 characters (it has 121)."),
    ],
    ids=ascii,
)
def test_name_in_the_wrong_letters_is_refused(field, typed, english):
    sentences = say(FIELDS[field].clean, typed)
    assert sentences[1:] == [english]
    assert_one_sentence(sentences)


# --- Lines and lists ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  مستشفى  الملك فيصل\u00a0التخصصي \u200f", "مستشفى الملك فيصل التخصصي"),
        ("7421 شارع العليا، الرياض 12214-3456", "7421 شارع العليا، الرياض 12214-3456"),
        ("Cafe\u0301 & <b>Co</b> {{ 7*7 }} 👩🏽\u200d⚕️", "Café & <b>Co</b> {{ 7*7 }} 👩🏽\u200d⚕️"),
        ("first\r\nsecond\tthird\u2028fourth", "first second third fourth"),
        ("7", "7"),
    ],
)
def test_line_is_kept_as_it_is_typed(typed, kept):
    assert LineField().clean(typed) == kept


@pytest.mark.parametrize(
    ("typed", "english"),
    [
        ("Ri\u202eyadh", "The text holds hidden direction characters. Type it again instead of pasting it."),
        ("R" + "\u0301" * 50, "The text holds too many accents on one letter. Type it again."),
        ("Riyadh\0", "The text holds a character that cannot be shown. Type it again instead of pasting it."),
        ("Riyadh\x1b[31m", "The text holds a character that cannot be shown. Type it again instead of pasting it."),
        ("Riyadh\ud800", "The text holds a character that cannot be shown. Type it again instead of pasting it."),
        ("Riyadh\ue000", "The text holds a character that cannot be shown. Type it again instead of pasting it."),
        ("R\U000e0041", "The text holds a character that cannot be shown. Type it again instead of pasting it."),
        ("\u200c\u200d", "Use letters or numbers."),
        ("\u3164", "Use letters or numbers."),
        ("-/-", "Use letters or numbers."),
        ("x" * 121, "Ensure this value has at most 120 characters (it has 121)."),
        (" \u200b\u2060 ", "This field is required."),
    ],
    ids=ascii,
)
def test_what_nobody_could_read_is_no_line(typed, english):
    sentences = say(LineField().clean, typed)
    assert sentences[1:] == [english]
    assert_one_sentence(sentences)


def test_select_takes_values_of_its_list_only_and_begins_with_none():
    field = SelectField(choices=CITIES)
    assert field.clean("riyadh") == "riyadh"
    for typed in ("", None, "mecca", "riyadh\0", "x" * MEGABYTE):
        assert say(field.clean, typed) == ["اختر من القائمة.", "Choose from the list."]
    with translation.override("ar"):
        html = field.widget.render("city", None, {"id": "id_city"})
    assert '<select name="city" class="input" id="id_city">' in html
    assert re.findall(r'<option value="(\w*)"', html) == ["", "riyadh", "jeddah"]


def test_select_asks_for_its_list_when_it_is_shown():
    asked = []
    field = SelectField(choices=lambda: asked.append(1) or CITIES)
    assert asked == []
    assert field.clean("jeddah") == "jeddah"
    assert asked


# --- All of them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("empty", [None, "", "   ", "\u200f\u00a0"], ids=ascii)
def test_empty_is_refused_in_words_where_required_and_empty_where_not(name, empty):
    sentences = say(FIELDS[name].clean, empty)
    assert_one_sentence(sentences)
    if name != "select" or empty in {None, ""}:
        assert make_fields(required=False)[name].clean(empty) == ""


ANYTHING = st.text(st.characters(exclude_categories=()), max_size=150)
MIXED = st.text("0123456789٠١۹AbÉنم \u200f\u202e\u0301\u200d-+.'\0\ud800", max_size=60)


@pytest.mark.parametrize("name", FIELDS)
@given(typed=ANYTHING | MIXED)
@effort(max_examples=150, deadline=None)
def test_whatever_is_typed_is_a_clean_value_or_one_sentence(name, typed):
    field = FIELDS[name]
    sentences = say(field.clean, typed)
    if sentences:
        assert_one_sentence(sentences)
        return
    value = field.clean(typed)
    assert field.clean(value) == value
    assert not re.search("[\0-\x1f\x7f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ud800-\udfff\ufeff]", value)


@pytest.mark.parametrize("name", [*FIELDS, "birth date"])
@pytest.mark.parametrize(
    "typed",
    ["7" * MEGABYTE, " 7" * MEGABYTE, "ن" * MEGABYTE, "n" + "\u0301\u0316" * MEGABYTE, "ﷺ" * MEGABYTE,
     "\u200f" * MEGABYTE, "- /" * MEGABYTE],
    ids=["digits", "spaced digits", "letters", "marks", "ligatures", "invisible", "separators"],
)  # fmt: skip
def test_megabytes_are_refused_at_once(name, typed):
    clean = FIELDS[name].clean if name in FIELDS else lambda text: BirthDateField().clean(PostedDate(text, "hijri"))
    start = time.thread_time()
    assert_one_sentence(say(clean, typed))
    assert time.thread_time() - start < 0.3


@pytest.mark.parametrize("name", FIELDS)
def test_typed_text_is_shown_again_as_text(name):
    form = type("SampleForm", (forms.Form,), {"sample": FIELDS[name]})({"sample": '"><b>x\x07</b>'})
    html = form["sample"].as_field_group()
    assert "<b>" not in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="' in html
    assert "id_sample_error" in html
    assert 'class="input"' in html


# --- Date of birth ----------------------------------------------------------------------------------------


def post_date(typed: str, calendar: str) -> MemberForm:
    return MemberForm({"birth_date": typed, "calendar": calendar})


def test_birth_date_is_posted_under_two_names():
    form = post_date(" ١٥ / ٧ / ١٤٠٥\u200f", "hijri")
    assert form.is_valid()
    assert form.cleaned_data["birth_date"] == TypedDate(BORN, "15 / 7 / 1405", "hijri")
    assert post_date("5/4/1985", "gregorian").fields["birth_date"].clean(PostedDate("5/4/1985", "gregorian")) == (
        TypedDate(BORN, "5/4/1985", "gregorian")
    )


@pytest.mark.parametrize(
    ("typed", "calendar", "arabic", "english"),
    [
        ("", "hijri", "أدخل تاريخ الميلاد.", "Enter the date of birth."),
        (" \u200f/", "hijri", "أدخل اليوم والشهر والسنة، مثل 15/07/1405.", ""),
        ("15/07/1405", "", "اختر تقويم التاريخ: الهجري أو الميلادي.", ""),
        ("15/07/1405", "julian", "اختر تقويم التاريخ: الهجري أو الميلادي.", ""),
        (
            "15/07/1405",
            "gregorian",
            "هذا التاريخ هجري. اختر التقويم الهجري.",
            "This date is in the Hijri calendar. Choose the Hijri calendar.",
        ),
        (
            "5/4/1985",
            "hijri",
            "هذا التاريخ ميلادي. اختر التقويم الميلادي.",
            "This date is in the Gregorian calendar. Choose the Gregorian calendar.",
        ),
        (
            "30/2/1985",
            "gregorian",
            "آخر يوم في فبراير 1985 هو 28. راجع اليوم.",
            "The last day of February 1985 is 28. Check the day.",
        ),
        (
            "30/8/1405",
            "hijri",
            "آخر يوم في شعبان 1405 هو 29. راجع اليوم.",
            "The last day of Sha'ban 1405 is 29. Check the day.",
        ),
        ("5/4/85", "gregorian", "أدخل السنة بأربعة أرقام.", "Enter the year with four digits."),
        ("5/4/2090", "gregorian", "لا يمكن أن يكون تاريخ الميلاد في المستقبل.", ""),
        ("5/4/2020", "gregorian", "يجب ألا يقل العمر عن 15 سنة. راجع التاريخ.", ""),
        ("5/4/1890", "gregorian", "يجب ألا يزيد العمر على 120 سنة. راجع السنة.", ""),
        (
            "5/4/1300",
            "hijri",
            "يجب أن تكون السنة الهجرية بين 1343 و1500. أدخل التواريخ الأقدم بالتقويم الميلادي.",
            "",
        ),
    ],
    ids=ascii,
)
def test_birth_date_that_cannot_be_is_refused_in_words(typed, calendar, arabic, english):
    sentences = say(BirthDateField().clean, PostedDate(typed, calendar))
    assert_one_sentence(sentences)
    assert sentences[0] == arabic
    assert not english or sentences[1] == english


def test_every_fault_of_a_date_has_a_sentence():
    faults = {"form", "year", "month", "day", "last_day", "choose_hijri", "choose_gregorian", "hijri_years"}
    assert set(FAULTS) == faults | {"calendar", "future", "young", "old"}


def test_birth_date_may_be_optional():
    field = BirthDateField(required=False)
    assert field.clean(PostedDate("", "hijri")) is None
    assert field.clean(PostedDate(" \u200f ", "")) is None


def test_birth_date_is_a_text_and_two_labelled_choices():
    with translation.override("ar"):
        html = MemberForm()["birth_date"].as_field_group()
    assert '<label for="id_birth_date" id="id_birth_date_label">تاريخ الميلاد</label>' in html
    field = re.search(r'<input type="text"[^>]*>', html)[0]
    assert 'name="birth_date"' in field
    assert 'dir="ltr"' in field
    assert 'aria-describedby="id_birth_date_helptext"' in field
    assert "<fieldset><legend>التقويم</legend>" in html
    radios = re.findall(r'<input type="radio" name="calendar" value="(\w+)" id="(\w+)" required>', html)
    assert radios == [("hijri", "id_birth_date_hijri"), ("gregorian", "id_birth_date_gregorian")]
    for _value, target in radios:
        assert f'<label for="{target}">' in html


@pytest.mark.parametrize(
    ("language", "words"),
    [("ar", "15 رجب 1405 هـ يوافق 5 أبريل 1985"), ("en", "15 Rajab 1405 AH, which is 5 April 1985")],
)
def test_birth_date_is_shown_again_with_the_other_calendar(language, words):
    with translation.override(language):
        shown = [
            post_date("15/07/1405", "hijri")["birth_date"].as_field_group(),
            MemberForm(initial={"birth_date": RAJAB})["birth_date"].as_field_group(),
        ]
    for html in shown:
        assert f'<p class="hint" id="id_birth_date_words">{words}</p>' in html
        assert 'aria-describedby="id_birth_date_helptext id_birth_date_words"' in html
        assert 'value="15/07/1405"' in html
        assert re.findall(r'value="(\w+)"[^>]* checked>', html) == ["hijri"]


def test_birth_date_without_its_typed_text_is_shown_in_gregorian():
    with translation.override("en"):
        html = MemberForm(initial={"birth_date": BORN})["birth_date"].as_field_group()
    assert 'value="1985-04-05"' in html
    assert re.findall(r'value="(\w+)"[^>]* checked>', html) == ["gregorian"]
    assert "5 April 1985, which is 15 Rajab 1405 AH" in html


def test_refused_birth_date_is_shown_again_as_text_with_its_error():
    form = post_date('"><b>x</b>', "<i>")
    html = form["birth_date"].as_field_group()
    assert "<b>" not in html
    assert "<i>" not in html
    assert '"><b>x</b>' in unescape(html)
    assert 'aria-describedby="id_birth_date_helptext id_birth_date_error"' in html
    assert 'aria-invalid="true"' in html
    assert "checked" not in html


@pytest.mark.parametrize(
    ("initial", "typed", "calendar", "is_changed"),
    [
        (RAJAB, "15/7/1405", "hijri", False),
        (RAJAB, "5/4/1985", "gregorian", False),
        (BORN, "15/7/1405", "hijri", False),
        (RAJAB, "16/7/1405", "hijri", True),
        (RAJAB, "", "hijri", True),
        (RAJAB, "nothing", "hijri", True),
        (None, "15/7/1405", "hijri", True),
        (None, "", "", False),
    ],
)
def test_birth_date_is_changed_only_by_another_day(initial, typed, calendar, is_changed):
    form = MemberForm({"birth_date": typed, "calendar": calendar}, initial={"birth_date": initial})
    assert form.has_changed() is is_changed


@given(typed=ANYTHING | MIXED, calendar=st.sampled_from(["hijri", "gregorian"]) | ANYTHING)
@effort(max_examples=200, deadline=None)
def test_whatever_is_posted_is_a_birth_date_or_one_sentence(typed, calendar):
    form = post_date(typed, calendar)
    form["birth_date"].as_field_group()
    if form.is_valid():
        assert isinstance(form.cleaned_data["birth_date"], TypedDate)
    else:
        assert_one_sentence(say(BirthDateField().clean, PostedDate(typed, calendar)))
