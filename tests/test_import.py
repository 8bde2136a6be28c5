"""Story: the registry arrives as a file, and its members find their accounts behind «forgot password»."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from accounts.models import SignInName, User
from profiles import imports
from profiles.import_files import COLUMNS, RefusedImport
from profiles.models import Member
from tests import servers
from tests.conftest import make_user
from tests.journey import NEW_PASSWORD, ask_reset, deliver, link_in, mails_to, sign_in, subject_of, url
from tests.registry import make_national_id, make_registry_member, make_terms
from tests.registry_rows import make_rows

pytestmark = pytest.mark.django_db
GOOD = {
    "membership_number": "00012345",
    "identity_kind": "national_id",
    "identity_number": make_national_id(77),
    "birth_date": "1985-04-05",
    "name_arabic": "نورة سعد القحطاني",
    "name_latin": "Noura Saad Alqahtani",
    "email": "noura@registry.example",
    "mobile": "0551234567",
    "city": "الرياض",
    "specialty": "nursing",
    "rank": "specialist",
}


@pytest.fixture(autouse=True)
def _terms(db):
    make_terms()


def write_csv(*rows: dict, delimiter: str = ",", encoding: str = "utf-8") -> io.BytesIO:
    target = io.StringIO()
    writer = csv.DictWriter(target, [c for c in COLUMNS if any(c in row for row in rows)], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return io.BytesIO(target.getvalue().encode(encoding))


def write_xlsx(*rows: dict) -> io.BytesIO:
    book, target = Workbook(), io.BytesIO()
    columns = [c for c in COLUMNS if any(c in row for row in rows)]
    book.active.append(columns)
    for row in rows:
        book.active.append([row.get(column) for column in columns])
    book.save(target)
    return target


def another(number: int, **changes) -> dict:
    return GOOD | {
        "membership_number": f"{number:08}",
        "identity_number": make_national_id(number),
        "email": f"m{number}@registry.example",
    } | changes  # fmt: skip


def refusal_of(*rows: dict) -> tuple[str, str]:
    """Return (column, reason) of the one refused row."""
    report = imports.import_file(write_csv(*rows))
    assert report.refused == 1
    return report.shown[0][2:]


# --- What arrives -----------------------------------------------------------------------------------


def test_row_becomes_member_and_account_behind_forgot_password(client, smtp):
    report = imports.import_file(write_csv(GOOD))
    assert (report.rows, report.created, report.accounts, report.refused) == (1, 1, 1, 0)
    member = Member.objects.get()
    assert (member.membership_number, member.mobile, str(member.birth_date)) == (
        "00012345", "+966551234567", "1985-04-05",
    )  # fmt: skip
    assert (member.specialty.code, member.city, member.registry_email) == ("nursing", "الرياض", GOOD["email"])
    user = member.user
    assert (user.first_name, user.last_name, user.language) == ("نورة", "القحطاني", "ar")
    assert not user.has_usable_password()
    assert not EmailAddress.objects.get(user=user).verified
    assert sign_in(client, GOOD["email"], "").status_code == 200, "nobody signs in with it yet"

    ask_reset(client, GOOD["email"])
    deliver()
    opened = client.get(link_in(mails_to(smtp, GOOD["email"])[-1]))
    client.post(opened.url, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert EmailAddress.objects.get(user=user).verified
    assert sign_in(Client(), GOOD["email"], NEW_PASSWORD).url == url("profile")
    here = Client()
    assert sign_in(here, "00012345", NEW_PASSWORD).url == url("profile")
    assert "00012345" in here.get(url("profile")).content.decode()


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("utf-8", "\t")]
)
def test_csv_comes_in_several_dresses(encoding, delimiter):
    assert imports.import_file(write_csv(GOOD, encoding=encoding, delimiter=delimiter)).created == 1


def test_xlsx_arrives_like_csv():
    assert imports.import_file(write_xlsx(GOOD, another(5))).created == 2
    assert Member.objects.filter(membership_number="00012345").exists()


def test_values_pass_the_normaliser():
    row = GOOD | {
        "membership_number": "\u200f٠٠٠١٢٣٤٥", "birth_date": "١٥/٠٧/١٤٠٥", "calendar": "hijri",
        "mobile": "٠٥٥ ١٢٣ ٤٥٦٧", "email": "Noura@REGISTRY.example ",
    }  # fmt: skip
    imports.import_file(write_csv(row))
    member = Member.objects.get()
    assert (member.membership_number, str(member.birth_date), member.birth_calendar, member.mobile) == (
        "00012345", "1985-04-05", "hijri", "+966551234567",
    )  # fmt: skip
    assert member.user.email == "noura@registry.example"


def test_generated_registry_is_refused_where_it_should_be():
    from tests.registry_rows import REFUSED_EVERY

    rows = list(make_rows(330))
    report = imports.import_file(write_csv(*rows))
    assert report.refused == 330 // REFUSED_EVERY
    assert report.created == Member.objects.count() == 330 - report.refused


# --- What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"membership_number": ""}, "membership_number"),
        ({"membership_number": "12x45"}, "membership_number"),
        ({"identity_number": "1000000000"}, "identity_number"),
        ({"identity_kind": "licence"}, "identity_kind"),
        ({"birth_date": "1405-07-15"}, "birth_date"),
        ({"birth_date": "31/02/1985"}, "birth_date"),
        ({"birth_date": "2020-01-01"}, "birth_date"),
        ({"name_arabic": "", "name_latin": ""}, "name_arabic"),
        ({"name_arabic": "Noura"}, "name_arabic"),
        ({"email": "nobody@"}, "email"),
        ({"mobile": "12"}, "mobile"),
        ({"specialty": "alchemy"}, "specialty"),
        ({"city": "\u202eabc"}, "city"),
        ({"city": "a\x00b"}, "city"),
        ({"city": "x" * 500}, "city"),
        ({"registration_expiry": "31.1.2028"}, "registration_expiry"),
        ({"registration_expiry": "1452-01-01"}, "registration_expiry"),
        ({"registration_expiry": "2030-W01-1"}, "registration_expiry"),
        ({"birth_date": "-15/07/1985"}, "birth_date"),
        ({"nationality": "Saudi"}, "nationality"),
        ({"gender": "x"}, "gender"),
    ],
)
def test_wrong_value_refuses_its_row_by_name(changes, column):
    named, reason = refusal_of(GOOD | changes, another(5))
    assert named == column
    assert len(reason) > 10
    assert list(Member.objects.values_list("membership_number", flat=True)) == ["00000005"]


@pytest.mark.parametrize(
    "start", ["=1+1", "+1", "-1", "@x", " =1", "\u200f=1", "\u00a0=1+1", "﹦1", "＝1", "＋1", "－1", "＠1"]
)
def test_formula_refuses_its_row(start):
    assert refusal_of(GOOD | {"workplace": start})[0] == "workplace"


def test_second_of_two_numbers_or_identities_is_refused():
    twice = another(5, identity_number=GOOD["identity_number"])
    report = imports.import_file(write_csv(GOOD, GOOD | {"identity_number": make_national_id(9)}, twice))
    assert [entry[2] for entry in report.shown] == ["membership_number", "identity_number"]
    assert Member.objects.count() == 1


def test_identity_of_another_member_is_refused():
    holder = make_registry_member()
    assert refusal_of(GOOD | {"identity_number": holder.identity_number})[0] == "identity_number"
    assert Member.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "membership_number"),
        (b"membership_number,shoe_size\n", "shoe_size"),
        (b"membership_number,identity_kind\n", "identity_number"),
        ("membership_number,مدينة\n".encode("windows-1256"), "Unicode"),
        (b"PK\x03\x04 no archive", "Excel"),
    ],
)
def test_wrong_file_is_refused_in_words(content, word):
    from django.utils import translation

    with translation.override("en"), pytest.raises(RefusedImport, match=word):
        imports.import_file(io.BytesIO(content))
    assert not Member.objects.exists()


def make_zip(**files: bytes) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target


def test_zip_bomb_is_refused_before_it_is_unpacked():
    started = time.monotonic()
    with pytest.raises(RefusedImport):
        imports.import_file(make_zip(sheet=b"0" * 80_000_000))
    assert time.monotonic() - started < 2


def test_formula_cell_and_entity_bomb_are_refused():
    report = imports.import_file(write_xlsx(GOOD, another(5, city="=1+1")))
    assert (report.created, report.refused) == (1, 1)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
    with pytest.raises(RefusedImport):
        imports.import_file(make_zip(**{"[Content_Types].xml": bomb, "xl/workbook.xml": bomb}))


def test_row_of_a_million_cells_is_refused_in_little_memory():
    book = Workbook()
    book.active.append(["membership_number"] * 300)
    target = io.BytesIO()
    book.save(target)
    with pytest.raises(RefusedImport):
        imports.import_file(target)


def test_excel_error_is_no_city():
    book, target = Workbook(), io.BytesIO()
    columns = list(GOOD)
    book.active.append(columns)
    book.active.append([GOOD[column] for column in columns])
    book.active.cell(2, columns.index("city") + 1).value = "#N/A"
    book.active.cell(2, columns.index("city") + 1).data_type = "e"
    book.save(target)
    report = imports.import_file(target)
    assert (report.created, report.refused) == (0, 1)


def test_report_never_takes_the_place_of_the_file(tmp_path):
    path = tmp_path / "members.csv"
    path.write_bytes(write_csv(GOOD).getvalue())
    with pytest.raises(CommandError):
        call_command("import_members", path, report=path)
    assert path.read_bytes() == write_csv(GOOD).getvalue()


def test_overwritten_value_is_kept_no_longer():
    imports.import_file(write_csv(GOOD))
    Member.objects.update(kept_fields=["city", "mobile"], city="جدة")
    imports.import_file(write_csv(GOOD), overwrite=True)
    assert Member.objects.get().kept_fields == ["mobile"]


def test_long_excel_file_is_refused(monkeypatch):
    monkeypatch.setattr("profiles.import_files.MAX_XLSX_ROWS", 2)
    with pytest.raises(RefusedImport):
        imports.import_file(write_xlsx(GOOD, another(5), another(6)))


# --- Twice, and over what is there ------------------------------------------------------------------


def test_second_import_changes_nothing(capsys, tmp_path):
    path = tmp_path / "members.csv"
    path.write_bytes(write_csv(GOOD, another(5)).getvalue())
    call_command("import_members", path)
    before = list(Member.objects.order_by("pk").values())
    users = list(User.objects.order_by("pk").values())
    call_command("import_members", path)
    told = capsys.readouterr().out
    assert "2 rows: 0 created, 0 changed, 2 unchanged, 0 refused" in told
    assert "Nothing changed." in told
    assert list(Member.objects.order_by("pk").values()) == before
    assert list(User.objects.order_by("pk").values()) == users


def test_dry_run_writes_nothing_and_counts_the_same():
    wet_counts = (2, 2)
    dry = imports.import_file(write_csv(GOOD, another(5)), dry_run=True)
    assert (dry.created, dry.accounts) == wet_counts
    assert not Member.objects.exists()
    assert not User.objects.exists()
    wet = imports.import_file(write_csv(GOOD, another(5)))
    assert (wet.created, wet.accounts) == wet_counts


def test_approved_values_win_unless_overwritten(tmp_path):
    imports.import_file(write_csv(GOOD))
    Member.objects.update(kept_fields=["city"], city="جدة")
    target = io.StringIO()
    report = imports.import_file(write_csv(GOOD | {"workplace": "مستشفى الواحة"}), report_to=target)
    member = Member.objects.get()
    assert (member.city, member.workplace) == ("جدة", "مستشفى الواحة")
    assert (report.changed, report.kept) == (1, 1)
    assert '"kept","2","00012345","city"' in target.getvalue()
    imports.import_file(write_csv(GOOD), overwrite=True)
    assert Member.objects.get().city == "الرياض"


def test_empty_value_leaves_what_is_there():
    imports.import_file(write_csv(GOOD))
    report = imports.import_file(write_csv(GOOD | {"city": "", "specialty": ""}))
    assert report.unchanged == 1
    assert (Member.objects.get().city, Member.objects.get().specialty.code) == ("الرياض", "nursing")


def test_address_of_an_activated_account_is_never_changed():
    imports.import_file(write_csv(GOOD))
    user = User.objects.get()
    user.set_password(NEW_PASSWORD)
    user.save()
    imports.import_file(write_csv(GOOD | {"email": "other@registry.example"}))
    user.refresh_from_db()
    assert user.email == GOOD["email"]
    assert Member.objects.get().registry_email == "other@registry.example"
    assert set(user.sign_in_names.values_list("value", flat=True)) == {GOOD["email"], "00012345"}


def test_account_that_nobody_used_follows_the_new_address():
    imports.import_file(write_csv(GOOD))
    imports.import_file(write_csv(GOOD | {"email": "other@registry.example"}))
    user = User.objects.get()
    assert user.email == "other@registry.example"
    assert Member.objects.get().user == user
    assert set(user.sign_in_names.values_list("value", flat=True)) == {"other@registry.example", "00012345"}
    assert EmailAddress.objects.get().email == "other@registry.example"
    assert imports.import_file(write_csv(GOOD | {"email": "other@registry.example"})).is_without_change


def test_swapped_addresses_open_the_right_files():
    imports.import_file(write_csv(GOOD, another(5)))
    swapped = (GOOD | {"email": "m5@registry.example"}, another(5, email=GOOD["email"]))
    imports.import_file(write_csv(*swapped))
    assert {m.membership_number: m.user.email for m in Member.objects.all()} == {
        "00012345": "m5@registry.example", "00000005": GOOD["email"],
    }  # fmt: skip
    assert imports.import_file(write_csv(*swapped)).is_without_change


def test_former_mailbox_opens_the_file_no_more_when_the_new_one_is_taken():
    make_user("taken@registry.example").emailaddress_set.update(verified=False)
    imports.import_file(write_csv(GOOD))
    imports.import_file(write_csv(GOOD | {"email": "taken@registry.example"}))
    assert Member.objects.get().user is None
    assert not User.objects.filter(email=GOOD["email"]).exists()


def test_value_taken_at_the_last_moment_is_an_integrity_error():
    from django.db import IntegrityError, transaction

    from profiles.import_writer import insert_rows

    make_user("m5@registry.example")
    name = User.objects.get().sign_in_names.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(SignInName, ("value", "user_id"), [(name.value, name.user_id)])


def test_quote_that_is_never_closed_swallows_no_row():
    lines = write_csv(GOOD, *(another(n) for n in range(5, 15))).getvalue().decode().splitlines()
    lines[1] = lines[1].replace("الرياض", '"الرياض')
    report = imports.import_file(io.BytesIO("\n".join(lines).encode()))
    assert (report.rows, report.created, report.refused) == (11, 10, 1)


def test_row_with_too_few_cells_is_refused():
    lines = write_csv(GOOD, another(5)).getvalue().decode().splitlines()
    lines[1] = lines[1].rpartition(",")[0]
    report = imports.import_file(io.BytesIO("\n".join(lines).encode()))
    assert (report.created, report.refused) == (1, 1)


def test_repeated_address_makes_no_account():
    report = imports.import_file(write_csv(GOOD, another(5, email="NOURA@registry.example")))
    assert (report.created, report.accounts) == (2, 0)
    assert not User.objects.exists()
    assert set(Member.objects.values_list("registry_email", flat=True)) == {GOOD["email"]}


def test_address_of_another_member_makes_no_account():
    make_registry_member(registry_email=GOOD["email"])
    assert imports.import_file(write_csv(GOOD)).accounts == 0


def test_proved_account_with_the_same_address_is_tied():
    user = make_user(GOOD["email"])
    imports.import_file(write_csv(GOOD))
    member = Member.objects.get()
    assert member.user == user
    assert SignInName.objects.get(value="00012345").user == user
    user.refresh_from_db()
    assert str(user.birth_date) == "1985-04-05"
    assert user.has_usable_password()


def test_unproved_or_tied_account_is_left_alone():
    make_user(GOOD["email"]).emailaddress_set.update(verified=False)
    make_registry_member(make_user("m5@registry.example"))
    report = imports.import_file(write_csv(GOOD, another(5)))
    assert (report.created, report.accounts) == (2, 0)
    assert not SignInName.objects.filter(value="00012345").exists()


def test_report_holds_every_refusal_and_no_formula(tmp_path):
    target = io.StringIO()
    rows = [another(n, city="=cmd()", membership_number=f"=HYPERLINK({n})") for n in range(30)]
    report = imports.import_file(write_csv(*rows), report_to=target)
    assert (report.refused, len(report.shown)) == (30, imports.SHOWN)
    lines = list(csv.reader(io.StringIO(target.getvalue())))
    assert len(lines) == 31
    assert all(cell[:1] not in "=+-@" or not cell for line in lines for cell in line)


def test_command_names_a_missing_file():
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_members", "/nowhere/members.csv")


@given(value=st.text(max_size=40), column=st.sampled_from(sorted(set(COLUMNS) - {"membership_number"})))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_text_refuses_its_row_or_is_taken(value, column):
    Member.objects.all().delete()
    User.objects.all().delete()
    row = GOOD | {column: value.encode(errors="replace").decode()}
    report = imports.import_file(write_csv(row, another(5)))
    assert report.rows >= 1
    assert report.created + report.refused >= 1
    assert Member.objects.filter(membership_number="00000005").count() <= 1


def test_identity_that_a_reviewer_approved_stays_whole():
    imports.import_file(write_csv(GOOD))
    Member.objects.update(kept_fields=["identity_number"])
    report = imports.import_file(write_csv(GOOD | {"identity_kind": "passport", "identity_number": "A1234567"}))
    member = Member.objects.get()
    assert (member.identity_kind, member.identity_number) == ("national_id", GOOD["identity_number"])
    assert report.kept == 1


def test_row_that_the_database_refuses_stops_no_other(monkeypatch):
    from django.db import IntegrityError

    from profiles import import_writer

    insert = import_writer.insert_rows

    def refuse_one(model, columns, rows):
        if model is Member and any(row[0] == "00000005" for row in rows):
            raise IntegrityError
        return insert(model, columns, rows)

    monkeypatch.setattr(import_writer, "insert_rows", refuse_one)
    report = imports.import_file(write_csv(GOOD, another(5), another(6)))
    assert (report.created, report.refused, report.shown[0][1]) == (2, 1, "00000005")
    assert User.objects.count() == 2, "no account without its member"


def test_owner_of_a_proved_address_is_told_of_the_file(smtp):
    make_user(GOOD["email"], language="en", first_name="Noura")
    imports.import_file(write_csv(GOOD))
    deliver()
    [mail] = mails_to(smtp, GOOD["email"])
    assert "is linked to your account" in subject_of(mail)
    imports.import_file(write_csv(GOOD))
    assert deliver() == 0


# --- Killed, and at once ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_killed_import_is_finished_by_the_next(tmp_path):
    make_terms()
    path = tmp_path / "members.csv"
    rows = list(make_rows(12_000, refused=False))
    path.write_bytes(write_csv(*rows).getvalue())
    # The tests' own database, which the child would not find by the setting.
    here = connection.settings_dict
    env = os.environ | {"DATABASE_URL": f"postgresql://{here['USER']}@{here['HOST']}:{here['PORT']}/{here['NAME']}"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_members", str(path)], cwd=servers.ROOT, env=env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while process.poll() is None and not Member.objects.exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    written = Member.objects.count()
    assert written % imports.BATCH == 0
    assert User.objects.count() == Member.objects.exclude(user=None).count(), "no account without its member"
    with path.open("rb") as file:
        report = imports.import_file(file)
    assert report.created == 12_000 - written
    assert Member.objects.count() == 12_000


@pytest.mark.django_db(transaction=True)
def test_second_import_at_once_is_refused():
    from tests.test_parallel import together

    make_terms()
    content = write_csv(*make_rows(3_000, refused=False)).getvalue()

    def run():
        try:
            return imports.import_file(io.BytesIO(content)).created
        except RefusedImport:
            return "refused"

    outcomes = together(run, run)
    assert "refused" in outcomes or sorted(outcomes) == [0, 3_000]
    assert Member.objects.count() == 3_000
