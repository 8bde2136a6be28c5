"""The registry arrives: a file into members and accounts, safe to run twice and to be killed.

Two passes in constant memory: the first finds what the file names more than once, by eight bytes a value;
the second cleans the rows and writes them in batches, each in one transaction.
"""

import csv
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from typing import BinaryIO, TextIO

from django.db import IntegrityError, connection, reset_queries
from django.utils.translation import gettext as _

from accounts.events import record_event
from mumaris import text
from profiles.identity import clean_identity_number, clean_membership_number
from profiles.import_files import Line, RefusedImport, read_lines
from profiles.import_rows import FORMULA, RefusedRow, Row, known_terms, read_row
from profiles.import_writer import Outcome, write_batch

BATCH = 5_000
# Two imports at once would count and write past each other.
LOCK = 0x6D756D61
SHOWN = 20
TRIES = 3


def say_nothing(done: int, total: int) -> None:
    """Stand in for somebody who wants to hear of progress."""


@dataclass
class Report:
    """What an import did; ``shown`` holds the first refused rows as (line, number, column, reason)."""

    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    accounts: int = 0
    kept: int = 0
    refused: int = 0
    shown: list[tuple[int, str, str, str]] = field(default_factory=list)

    @property
    def is_without_change(self) -> bool:
        return not (self.created or self.changed or self.accounts)


@dataclass(frozen=True)
class Repeated:
    """Digests of what the file names more than once."""

    numbers: frozenset[int]
    identities: frozenset[int]
    addresses: frozenset[int]
    rows: int


def import_file(file: BinaryIO, **options) -> Report:
    """Import a CSV or XLSX file of members; ``options`` are those of ``import_lines``. Raises RefusedImport."""
    return import_lines(lambda: read_lines(file), **options)


def import_lines(
    read: Callable[[], Iterator[Line]],
    *,
    dry_run: bool = False,
    overwrite: bool = False,
    report_to: TextIO | None = None,
    tell: Callable[[int, int], None] = say_nothing,
    by: str = "",
) -> Report:
    """Import rows that ``read`` yields from their start each time. ``tell(done, total)`` hears of progress.

    ``report_to`` gets every row that is new, changed, kept or refused, as CSV. ``by`` names who runs a command.
    Raises RefusedImport.
    """
    known_terms.cache_clear()
    with one_at_a_time():
        if not dry_run:
            # At its start too: an import that is killed has written the batches before.
            record_event("registry.import_begun", subject=by)
        repeated = find_repeated(read())
        report, book = Report(), ReportBook(report_to)
        seen: set[str] = set()
        for batch in take_batches(read(), BATCH):
            rows = clean_batch(batch, repeated, seen, report, book)
            once = {row.email for row in rows if row.email and fold(row.email) not in repeated.addresses}
            add_up(report, book, write_until_done(rows, once=once, overwrite=overwrite, dry_run=dry_run))
            report.rows += len(batch)
            # With DEBUG=1 Django would keep every statement.
            reset_queries()
            tell(report.rows, repeated.rows)
        if not dry_run:
            record_event("registry.imported", subject=by, fields=describe_report(report))
    return report


def describe_report(report: Report) -> list[str]:
    names = ("rows", "created", "changed", "unchanged", "accounts", "kept", "refused")
    return [f"{name}: {getattr(report, name)}" for name in names]


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold PostgreSQL's lock for the registry. Raises RefusedImport while another import holds it."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            raise RefusedImport(_("Another import is running. Wait until it has ended."))
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


# --- First pass -----------------------------------------------------------------------------------


def fold(value: str) -> int:
    """Return eight bytes that stand for a value; a clash costs no more than one closer look."""
    return int.from_bytes(blake2b(value.encode(errors="replace"), digest_size=8).digest())


def find_repeated(lines: Iterator[Line]) -> Repeated:
    """Read the file once for what it names more than once."""
    numbers, identities, addresses = array("Q"), array("Q"), array("Q")
    rows = 0
    for line in lines:
        rows += 1
        cells = line.cells
        numbers.append(fold(clean_membership_number(cells.get("membership_number", ""))))
        kind = cells.get("identity_kind", "").strip().lower()
        identities.append(fold(f"{kind} {clean_identity_number(cells.get('identity_number', ''))}"))
        if email := cells.get("email"):
            addresses.append(fold(read_address(email)))
    return Repeated(list_repeated(numbers), list_repeated(identities), list_repeated(addresses), rows)


def read_address(typed: str) -> str:
    try:
        return text.canonical_address(typed) if len(typed) < 1000 else ""
    except ValueError:
        return ""


def list_repeated(values: array) -> frozenset[int]:
    ordered = sorted(values)
    return frozenset(value for value, following in pairwise(ordered) if value == following)


# --- Second pass ----------------------------------------------------------------------------------


def take_batches(lines: Iterator[Line], size: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def clean_batch(lines: list[Line], repeated: Repeated, seen: set[str], report: Report, book: "ReportBook") -> list[Row]:
    """Return the good rows; of what the file names twice, the first."""
    rows = []
    for line in lines:
        try:
            row = read_row(line)
            refuse_repeated(row, repeated, seen)
        except RefusedRow as refused:
            number = line.cells.get("membership_number", "")[:40]
            report_refusal(report, book, (line.number, number, refused.column, refused.reason))
        else:
            rows.append(row)
    return rows


def refuse_repeated(row: Row, repeated: Repeated, seen: set[str]) -> None:
    number, identity = f"number {row.number}", " ".join(row.identity)
    is_number, is_identity = fold(row.number) in repeated.numbers, fold(identity) in repeated.identities
    if is_number and number in seen:
        raise RefusedRow("membership_number", _("The file has this membership number twice."))
    if is_identity and identity in seen:
        raise RefusedRow("identity_number", _("The file has this identity number twice."))
    seen.update(value for value, is_repeated in ((number, is_number), (identity, is_identity)) if is_repeated)


def write_until_done(rows: list[Row], **options) -> Outcome:
    """Write a batch; again when somebody took one of its values between look and write, then row by row."""
    for _attempt in range(TRIES):
        try:
            return write_batch(rows, **options)
        except IntegrityError:
            continue
    return write_single_rows(rows, **options)


def write_single_rows(rows: list[Row], **options) -> Outcome:
    """Write each row in a transaction of its own; refuse those that the database does not take."""
    whole = Outcome()
    for row in rows:
        try:
            whole.add(write_batch([row], **options))
        except IntegrityError:
            # Not its words: they hold the row.
            whole.refused.append((row.line, row.number, "", _("The row does not fit what the registry holds.")))
    return whole


def add_up(report: Report, book: "ReportBook", outcome: Outcome) -> None:
    report.created += outcome.created
    report.changed += outcome.changed
    report.unchanged += outcome.unchanged
    report.accounts += outcome.accounts
    report.kept += len({line for line, *_rest in outcome.kept})
    for name, entry in outcome.written:
        book.write(name, entry)
    for entry in outcome.kept:
        book.write("kept", entry)
    for entry in outcome.refused:
        report_refusal(report, book, entry)


def report_refusal(report: Report, book: "ReportBook", entry: tuple[int, str, str, str]) -> None:
    report.refused += 1
    if len(report.shown) < SHOWN:
        report.shown.append(entry)
    book.write("refused", entry)


class ReportBook:
    """The report as CSV: every row that is not as it was, with its reason; nothing in it is a formula."""

    def __init__(self, target: TextIO | None):
        self.writer = csv.writer(target, quoting=csv.QUOTE_ALL) if target else None
        if self.writer:
            self.writer.writerow(["outcome", "line", "membership_number", "column", "reason"])

    def write(self, outcome: str, entry: tuple) -> None:
        if self.writer:
            self.writer.writerow([outcome, *map(escape_formula, entry)])


def escape_formula(value) -> str:
    """Return a cell that no spreadsheet runs."""
    shown = str(value)
    return f"'{shown}" if FORMULA.match(shown.lstrip()) else shown
