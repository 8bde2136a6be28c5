"""Story: somebody chooses a file in a form, and reads what is wrong with it beside the field."""

import re

import pytest
from django.test import Client

from mumaris import uploads
from tests.file_samples import make_pdf, make_photo, make_picture, upload

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.file_pages")]
MB = 1024 * 1024


@pytest.fixture
def sender(client, member):
    client.force_login(member)
    return client


def errors(response, field: str = "evidence") -> list[str]:
    return response.context["form"].errors.get(field, [])


def send(client, language: str = "en", **fields):
    return client.post(f"/{language}/send/", {"note": "with it", **fields})


def test_field_says_what_it_takes(sender):
    page = sender.get("/ar/send/").content.decode()

    evidence, photo = re.findall(r"<input type=\"file\"[^>]*>", page)
    assert 'class="input"' in evidence
    assert 'accept=".jpg,.jpeg,.png,image/jpeg,image/png,.pdf,application/pdf"' in evidence
    assert 'aria-describedby="id_evidence_helptext"' in evidence
    assert "required" in evidence
    assert "pdf" not in photo
    assert "ملف بصيغة JPEG أو PNG أو PDF، لا يزيد حجمه على 5 ميجابايت." in page
    assert "4×6" in page


def test_good_files_come_out_cleaned(sender):
    response = send(sender, evidence=upload(make_pdf()), photo=upload(make_photo()))

    assert response.json() == {"evidence": "application/pdf", "photo": "image/jpeg"}


def test_photo_may_be_left_out(sender):
    assert send(sender, evidence=upload(make_picture())).json() == {"evidence": "image/jpeg", "photo": None}


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (None, "Choose the evidence."),
        ("not a file", "Choose the evidence."),
        (upload(b"", name="a.pdf"), "The file is empty. Choose another one."),
        (upload(b"MZ", name="a.exe"), "Choose a JPEG, PNG or PDF file."),
        (upload(make_picture("PNG"), name="a.jpg"),
         "The file is not of the type that its name says. Choose the original file."),
        (upload(b"\xff\xd8\xff" + b"x" * 5 * MB), "Choose a file of at most 5 MB."),
        (upload(b"\xff\xd8\xff" + b"x" * 8 * MB), "Choose a file of at most 5 MB."),
    ],
)  # fmt: skip
def test_fault_of_a_file_stands_beside_the_field(sender, file, sentence):
    response = send(sender, **({"evidence": file} if file else {}))

    assert errors(response) == [sentence]
    assert response.context["form"]["note"].value() == "with it"


def test_fault_is_told_in_arabic(sender):
    page = send(sender, "ar", evidence=upload(b"MZ", name="a.exe")).content.decode()

    assert page.count("اختر ملفًا بصيغة JPEG أو PNG أو PDF.") == 2  # in the summary and beside the field


def test_every_condition_that_a_photo_breaks_is_told(sender):
    response = send(sender, evidence=upload(make_pdf()), photo=upload(make_photo(size=(300, 300))))

    assert errors(response, "photo") == [
        "The photo must be of size 4×6. Crop it so that its height is one and a half times its width.",
        "Choose a larger photo, at least 400 pixels wide and 600 high.",
    ]


# --- How much is taken in -----------------------------------------------------------------------


def test_file_beyond_its_limit_is_let_go(sender, monkeypatch):
    kept = []
    complete = uploads.BoundedUpload.file_complete

    def watch(self, size):
        kept.append((size, len(self.content.getvalue())))
        return complete(self, size)

    monkeypatch.setattr(uploads.BoundedUpload, "file_complete", watch)

    send(sender, evidence=upload(b"\xff\xd8\xff" + b"x" * 8 * MB))

    assert kept == [(8 * MB + 3, 0)]


def test_request_beyond_the_limit_is_answered_in_words(sender):
    response = send(sender, "ar", evidence=upload(b"\xff\xd8\xff" + b"x" * 19 * MB))

    assert response.status_code == 400
    assert "ارجع واختر ملفات لا يزيد حجم كل منها على 5 ميجابايت." in response.content.decode()


def test_request_beyond_the_limit_is_not_taken_apart(sender, monkeypatch):
    monkeypatch.setattr(uploads.BoundedUpload, "new_file", lambda *args: pytest.fail("it was read"))

    assert send(sender, evidence=upload(b"x" * 19 * MB)).status_code == 400


def test_four_files_are_too_many(sender):
    files = [upload(make_picture()) for _ in range(4)]

    assert send(sender, evidence=files[:3]).status_code == 200
    assert send(sender, evidence=files).status_code == 400


def test_visitor_who_is_not_signed_in_sends_no_file(client):
    response = client.post("/en/accounts/login/", {"login": "a", "file": upload(b"x" * MB)})

    assert response.status_code == 200
    assert response.wsgi_request.FILES == {}


def test_upload_needs_the_form_token(member):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(member)

    assert send(strict, evidence=upload(make_picture())).status_code == 403


def test_nothing_is_written_to_a_disk(sender, settings, monkeypatch):
    monkeypatch.setattr("django.core.files.temp.NamedTemporaryFile", lambda *args, **kwargs: pytest.fail("written"))
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0

    response = send(sender, evidence=upload(make_pdf()), photo=upload(make_photo() + b"x" * 4 * MB))

    assert response.json() == {"evidence": "application/pdf", "photo": "image/jpeg"}
