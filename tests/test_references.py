"""A reference is read from a screen, said on the phone and typed again: one spelling, and mistakes are found."""

import re

import pytest
from django.urls import Resolver404, path, resolve, reverse
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from profiles.references import ALPHABET, clean_reference, find_check_character, new_reference

REFERENCE = "UPD-7K4M-93Q" + find_check_character("7K4M93Q")


def show(request, reference):
    raise AssertionError("only the address is of interest")


urlpatterns = [path("requests/<reference:reference>/", show, name="show")]


def test_new_references_are_canonical_and_differ():
    references = {new_reference() for _ in range(1000)}
    assert len(references) == 1000
    for reference in references:
        assert re.fullmatch("UPD-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", reference)
        assert clean_reference(reference) == reference
    assert {character for reference in references for character in reference[4:]} == {*ALPHABET, "-"}


def test_check_character_is_luhn_mod_32():
    """By hand: 1 doubles to 2, so 30 is missing to 32; Z (31) doubles to 62, which counts 1 + 30."""
    assert find_check_character("0000000") == "0"
    assert find_check_character("0000001") == ALPHABET[30]
    assert find_check_character("000000Z") == ALPHABET[1]
    assert find_check_character("0000010") == ALPHABET[31]


@pytest.mark.parametrize(
    "spelling",
    [
        "{}",
        "  {} ",
        "\u200f{}\u200e",
        "\u202a{}\u202c",
        "\ufeff{}\u00a0",
    ],
    ids=ascii,
)
def test_reference_has_one_spelling(spelling):
    bare = REFERENCE.replace("-", "")
    arabic = REFERENCE.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    forms = [REFERENCE, REFERENCE.lower(), bare, bare[3:], bare[3:].lower(), " ".join(bare), arabic]
    forms += [REFERENCE.replace("-", "–"), REFERENCE.replace("-", " "), REFERENCE.removeprefix("UPD-")]
    assert {clean_reference(spelling.format(form)) for form in forms} == {REFERENCE}


def test_letters_that_look_like_digits_are_read_as_crockford_reads_them():
    reference = "UPD-0101-011" + find_check_character("0101011")
    for zero in "0oO":
        for one in "1iIlL":
            typed = reference[:4] + reference[4:-1].replace("0", zero).replace("1", one) + reference[-1]
            assert clean_reference(typed) == reference


def test_one_wrong_character_is_always_found():
    typed = REFERENCE[4:].replace("-", "")
    for place in range(8):
        for other in set(ALPHABET) - {typed[place]}:
            with pytest.raises(ValueError, match="check character"):
                clean_reference(typed[:place] + other + typed[place + 1 :])


def test_neighbours_that_are_swapped_are_found():
    typed = REFERENCE[4:].replace("-", "")
    for place in range(7):
        swapped = typed[:place] + typed[place + 1] + typed[place] + typed[place + 2 :]
        if swapped != typed:
            with pytest.raises(ValueError, match="check character"):
                clean_reference(swapped)


@pytest.mark.parametrize(
    "typed",
    ["", "UPD", "UPD-", REFERENCE[:-1], REFERENCE + "0", "U" + REFERENCE[5:], REFERENCE.replace("-", "_"), "UPDUPD",
     "\0" + REFERENCE, "\ud800" * 8, "UPD-٪٪٪٪-٪٪٪٪", REFERENCE + " " * 1_000_000, "٧" * 1_000_000],
    ids=lambda typed: ascii(typed)[:20],
)  # fmt: skip
def test_what_is_no_reference_is_refused(typed):
    with pytest.raises(ValueError):  # noqa: PT011  (both sentences of it)
        clean_reference(typed)


@given(st.text(max_size=250))
@effort(max_examples=300, deadline=None)
def test_whatever_is_typed_is_a_reference_or_a_value_error(typed):
    try:
        assert clean_reference(clean_reference(typed)) == clean_reference(typed)
    except ValueError:
        return


# --- In addresses -------------------------------------------------------------------------------------


def test_address_of_a_request_is_made_and_resolved():
    assert reverse("show", args=[REFERENCE], urlconf=__name__) == f"/requests/{REFERENCE}/"
    assert resolve(f"/requests/{REFERENCE}/", urlconf=__name__).kwargs == {"reference": REFERENCE}


@pytest.mark.parametrize(
    "other",
    [REFERENCE.lower(), REFERENCE.replace("-", ""), REFERENCE[4:], REFERENCE[:-1], REFERENCE + "0", "UPD-0000-0001",
     REFERENCE + "\n", "UPD-OOOO-OOOO"],
    ids=ascii,
)  # fmt: skip
def test_only_the_one_spelling_has_an_address(other):
    with pytest.raises(Resolver404):
        resolve(f"/requests/{other}/", urlconf=__name__)
