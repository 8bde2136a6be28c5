"""What the forms of member data answer to what no browser sends: a sentence, never an error page."""

import itertools
from urllib.parse import urlencode

import pytest

from profiles.models import Claim, Member, MemberFile, UpdateRequest
from profiles.services import begin_update_request, save_update_request
from tests.journey import url
from tests.registry import edit_fields, make_registry_member
from tests.test_bad_input import (
    DIRECTIONS,
    FORM,
    HIDDEN,
    HOSTILE,
    SCRIPT,
    assert_in_language,
    encode,
    errors_of,
    page_of,
    post_and_undo,
    written,
)

pytestmark = pytest.mark.django_db
TEXTS = ["city", "workplace", "name_arabic", "name_latin", "mobile", "birth_date", "identity_number"]
LISTS = ["specialty", "rank", "job_kind", "gender", "nationality", "identity_kind", "calendar"]


def everything() -> tuple:
    """Return what these forms may write beside what every form may."""
    return (
        written(),
        list(Member.objects.order_by("pk").values()),
        list(Claim.objects.values_list("pk", "state")),
        list(UpdateRequest.objects.values_list("pk", "state", "new_values")),
        MemberFile.objects.count(),
    )


def form_claim(client, member, language):
    file = make_registry_member()
    client.force_login(member)
    return url("claim", language=language), {
        "membership_number": file.membership_number, "identity_number": file.identity_number,
        "birth_date": "15/07/1405", "calendar": "hijri",
    }  # fmt: skip


def form_begin(client, member, language):
    file = make_registry_member(member)
    client.force_login(member)
    return url("update_begin", language=language), {"membership_number": file.membership_number}


def form_edit(client, member, language):
    file = make_registry_member(member)
    client.force_login(member)
    request = begin_update_request(user=member, membership_number=file.membership_number)
    return url("update_edit", request.reference, language=language), edit_fields(file, city="جدة")


def form_check(client, member, language):
    file = make_registry_member(member)
    client.force_login(member)
    request = begin_update_request(user=member, membership_number=file.membership_number)
    request = save_update_request(request=request, new_values={"city": "جدة"})
    path = url("update_check", request.reference, language=language)
    return path, {"action": "finish", "revision": str(request.revision)}


FORMS = [
    (form_claim, ["membership_number", "identity_number", "birth_date"], list(HOSTILE)),
    (form_claim, ["calendar"], HIDDEN),
    (form_begin, ["membership_number"], list(HOSTILE)),
    (form_edit, TEXTS, list(HOSTILE)),
    (form_edit, LISTS, HIDDEN),
    (form_check, ["action", "revision"], HIDDEN),
]


@pytest.mark.parametrize("language", DIRECTIONS)
@pytest.mark.parametrize("case", FORMS, ids=lambda case: f"{case[0].__name__}-{case[1][0]}")
def test_hostile_value_is_answered_in_words_or_taken_whole(client, member, case, language):
    make_form, fields_attacked, values = case
    client.raise_request_exception = False
    path, fields = make_form(client, member, language)
    before = everything()
    for field, name in itertools.product(fields_attacked, values):
        told = f"{field} = {name}"
        answer, changed = post_and_undo(client, path, encode(fields, field, HOSTILE[name]), before[0])
        assert answer.status_code in {200, 302, 400}, told
        if answer.status_code == 302:
            continue
        assert not changed, told
        assert everything() == before, f"{told}: refused, and something was written"
        page = page_of(answer)
        assert f'<html lang="{language}" dir="{DIRECTIONS[language]}">' in page, told
        assert SCRIPT not in page, told
        assert "<img src=x" not in page, told
        if answer.status_code == 200:
            assert errors_of(answer), f"{told}: no sentence"
            for sentence in errors_of(answer):
                assert_in_language(sentence, language)


@pytest.mark.parametrize("make_form", [form_claim, form_begin, form_edit, form_check])
def test_form_takes_what_it_should(client, member, make_form):
    path, fields = make_form(client, member, "ar")
    answer = client.post(path, fields)
    assert answer.status_code == 302, errors_of(answer)


@pytest.mark.parametrize("make_form", [form_claim, form_begin, form_check])
def test_megabyte_is_refused_as_a_whole(client, member, make_form):
    path, fields = make_form(client, member, "en")
    before = everything()
    answer = client.post(path, urlencode(fields) + "&x=" + "a" * 2**20, content_type=FORM)
    assert answer.status_code == 400
    assert everything() == before


def test_same_field_twice_is_one_value(client, member):
    path, fields = form_edit(client, member, "en")
    client.post(path, urlencode(fields) + "&city=%D8%A3%D8%A8%D9%87%D8%A7", content_type=FORM)
    assert UpdateRequest.objects.get().new_values["city"] == "أبها"


@pytest.mark.parametrize(
    "typed",
    ["<b>Clinic</b>", "{{ 7|add:7 }}", "{% debug %}", "%(city)s", "O'Neil & Sons", '"quoted"', "=1+1", "'; drop --"],
)
def test_text_is_shown_literally_wherever_it_stands(client, member, typed, smtp):
    from django.utils.html import escape

    from tests.journey import deliver, mails_to, text_of

    path, fields = form_edit(client, member, "en")
    client.post(path, fields | {"workplace": f"{typed} clinic"})
    request = UpdateRequest.objects.get()
    assert request.new_values["workplace"] == f"{typed} clinic"
    shown = escape(f"{typed} clinic")
    assert shown in page_of(client.get(url("update_check", request.reference, language="en")))
    client.post(url("update_check", request.reference, language="en"), {"action": "finish"})
    assert shown in page_of(client.get(url("update_request", request.reference, language="en")))
    deliver()
    assert request.reference in text_of(mails_to(smtp, member.email)[-1])
