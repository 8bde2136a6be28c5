"""Story: an administrator imports a small file of the registry in the admin, after a look at what it would do."""

import re

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import User
from profiles import import_admin
from profiles.models import Member
from tests.registry import make_registry_member, make_terms
from tests.registry_rows import make_rows
from tests.roles import give_role, signed_in
from tests.test_import import GOOD, another, write_csv, write_xlsx

pytestmark = pytest.mark.django_db
IMPORT, CONFIRM = reverse("admin:profiles_member_import"), reverse("admin:profiles_member_process_import")


@pytest.fixture(autouse=True)
def _terms(db):
    make_terms()


@pytest.fixture
def here(reviewer):
    return signed_in(give_role(reviewer, "administrator"))


def choose(client, content: bytes, name: str = "members.csv") -> str:
    file = SimpleUploadedFile(name, content)
    return client.post(IMPORT, {"import_file": file, "format": "0", "resource": ""}).content.decode()


def confirm(client, preview: str):
    fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)"', preview))
    return client.post(CONFIRM, fields, follow=True)


@pytest.mark.parametrize("write", [write_csv, write_xlsx])
def test_file_is_previewed_and_then_written(here, write):
    present = make_registry_member(membership_number="00000005", registry_email="")
    row = another(5, identity_number=present.identity_number, city="جدة")
    preview = choose(here, write(GOOD, row).getvalue(), "members.xlsx" if write is write_xlsx else "members.csv")
    assert "00012345" in preview
    assert "city" in preview
    assert not Member.objects.filter(membership_number="00012345").exists(), "a preview writes nothing"
    page = confirm(here, preview).content.decode()
    assert "1 new members, 1 changed" in page
    assert Member.objects.get(membership_number="00012345").user.email == GOOD["email"]
    assert Member.objects.get(membership_number="00000005").city == "جدة"


def test_refused_rows_are_named_and_stop_the_import(here):
    preview = choose(here, write_csv(GOOD, another(5, mobile="12")).getvalue())
    assert "Enter a mobile number" in preview
    assert 'name="confirm"' not in preview
    assert not Member.objects.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("membership_number,مدينة\n".encode("windows-1256"), "not in Unicode"),
        (b"membership_number,shoe_size\n1,2\n", "shoe_size"),
        (b"PK\x03\x04 no archive", "damaged"),
        (write_csv(another(5, city='"a', address="b\x00")).getvalue(), "hidden direction|cannot be shown"),
    ],
)
def test_wrong_file_is_refused_in_words(here, content, told):
    page = choose(here, content)
    assert re.search(told, page), page
    assert not Member.objects.exists()


def test_large_file_is_sent_to_the_command(here, monkeypatch):
    monkeypatch.setattr(import_admin, "MAX_ROWS", 2)
    assert "import_members" in choose(here, write_csv(GOOD, another(5), another(6)).getvalue())


def test_file_waits_encrypted_and_for_its_confirmation_only(here):
    preview = choose(here, write_csv(GOOD).getvalue())
    name = re.search(r'name="import_file_name" value="([^"]*)"', preview)[1]
    assert GOOD["email"] not in cache.get(f"import:{name}")
    confirm(here, preview)
    assert cache.get(f"import:{name}") is None


def test_expired_preview_says_so(here):
    preview = choose(here, write_csv(GOOD).getvalue())
    cache.clear()
    page = confirm(here, preview)
    assert page.status_code == 200
    assert "The preview has expired." in page.content.decode()
    assert not Member.objects.exists()


@pytest.mark.parametrize("role", ["support", "reviewer", "senior reviewer", None])
def test_only_administrators_import(reviewer, role):
    client = signed_in(give_role(reviewer, role) if role else reviewer)
    assert client.get(IMPORT).status_code == client.post(CONFIRM, {}).status_code == 403


def test_hundreds_of_rows_go_at_once(here):
    preview = choose(here, write_csv(*make_rows(300, refused=False)).getvalue())
    confirm(here, preview)
    assert Member.objects.count() == 300
    assert User.objects.filter(email="m1@example.com").exists() or User.objects.count() > 200


def test_page_is_in_arabic(reviewer):
    client = signed_in(give_role(reviewer, "administrator"), "ar")
    page = client.get(IMPORT).content.decode()
    assert '<html lang="ar" dir="rtl"' in page
    assert "استيراد" in page


def test_import_beside_another_says_so(here, monkeypatch):
    from contextlib import contextmanager

    from profiles import imports
    from profiles.import_files import RefusedImport

    @contextmanager
    def held():
        raise RefusedImport("Another import is running.")
        yield

    monkeypatch.setattr(imports, "one_at_a_time", held)
    file = SimpleUploadedFile("members.csv", write_csv(GOOD).getvalue())
    page = here.post(IMPORT, {"import_file": file, "format": "0", "resource": ""}, follow=True)
    assert page.status_code == 200
    assert "Another import is running." in page.content.decode()
