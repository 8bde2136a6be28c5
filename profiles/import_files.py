"""Files of the registry, read row by row: CSV of any length in constant memory, XLSX within bounds.

A file is bytes that can be read twice (``seek``). What it is decides its content, never its name.
"""

import codecs
import csv
import datetime as dt
import io
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from defusedxml.ElementTree import iterparse
from django.utils.translation import gettext as _
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

REQUIRED = ("membership_number", "identity_kind", "identity_number", "birth_date")
COLUMNS = (
    *REQUIRED, "calendar", "name_arabic", "name_latin", "email", "gender", "nationality", "mobile", "city", "address",
    "specialty", "rank", "job_kind", "workplace", "job_title", "registration_expiry",
)  # fmt: skip
DELIMITERS = ",;\t"
ZIP_SIGNATURE = b"PK\x03\x04"
MAX_XLSX_ROWS = 50_000
# Characters; a longer line is cut, and its parts are no rows.
MAX_LINE = 100_000
MAX_UNZIPPED = 50 * 1024 * 1024
MAX_ZIP_ENTRIES, MAX_RATIO = 200, 200
MAX_CELLS = 200


class RefusedImport(Exception):
    """The file as a whole is not taken; the message says why, in the active language."""


class Line(NamedTuple):
    """One row: its line in the file, its cells by column, and a fault of the whole row instead."""

    number: int
    cells: dict[str, str]
    fault: str = ""


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """Yield the rows of a file from its start. Raises RefusedImport."""
    file.seek(0)
    is_zip = file.read(4) == ZIP_SIGNATURE
    file.seek(0)
    rows = read_xlsx(file) if is_zip else read_csv(file)
    header = read_header(next(rows, (1, []))[1])
    for number, cells in rows:
        if isinstance(cells, str):
            yield Line(number, {}, cells)
        elif len(cells) > len(header):
            yield Line(number, {}, _("The row has more cells than the header."))
        elif any(cells):
            yield Line(number, dict(zip(header, cells, strict=False)))


def read_header(cells) -> list[str]:
    """Return the columns in the order of the file. Raises RefusedImport for a wrong or missing one."""
    header = [cell.strip().lower() for cell in cells] if not isinstance(cells, str) else []
    if unknown := [name for name in header if name not in COLUMNS]:
        raise RefusedImport(_("Unknown column: %(name)s.") % {"name": unknown[0][:60] or "?"})
    if missing := [name for name in REQUIRED if name not in header]:
        raise RefusedImport(_("Missing column: %(name)s.") % {"name": missing[0]})
    if len(set(header)) != len(header):
        raise RefusedImport(_("A column stands in the header twice."))
    return header


# --- CSV ------------------------------------------------------------------------------------------


def read_csv(file: BinaryIO) -> Iterator[tuple[int, list[str] | str]]:
    """Yield (line, cells), or (line, why not). Raises RefusedImport for an encoding that is not Unicode."""
    stream = io.TextIOWrapper(Borrowed(file), encoding=name_encoding(file), newline="")
    try:
        first = stream.readline(MAX_LINE)
        delimiter = max(DELIMITERS, key=first.count)
        stream.seek(0)
        width = 0
        # One line is one row: a quote that is never closed must not swallow the rows after it.
        for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE), ""), 1):
            cells = split_line(line, delimiter)
            width = width or len(cells)
            is_short = not isinstance(cells, str) and any(cells) and len(cells) < width
            yield number, _("The row has fewer cells than the header.") if is_short else cells
    except UnicodeError:
        raise RefusedImport(_("The file is not in Unicode. Save it as “CSV UTF-8” and import it again.")) from None


def split_line(line: str, delimiter: str) -> list[str] | str:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return _("The quotes of this row do not match.")


def name_encoding(file: BinaryIO) -> str:
    start = file.read(4)
    file.seek(0)
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


class Borrowed(io.RawIOBase):
    """A file that somebody else closes: TextIOWrapper would close it with itself."""

    def __init__(self, file: BinaryIO):
        self.file = file

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, *args):
        return self.file.seek(*args)

    def tell(self):
        return self.file.tell()

    def readinto(self, buffer):
        content = self.file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


# --- XLSX -----------------------------------------------------------------------------------------


def read_xlsx(file: BinaryIO) -> Iterator[tuple[int, list[str] | str]]:
    """Yield (row, cells), or (row, why not). Raises RefusedImport for one too large or broken."""
    refuse_zip_bomb(file)
    try:
        refuse_wide_rows(file)
        book = load_workbook(file, read_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        for number, row in enumerate(sheet.iter_rows(), 1):
            if number > MAX_XLSX_ROWS + 1:
                raise RefusedImport(say_too_large())
            yield number, read_cells(row)
    except (InvalidFileException, KeyError, IndexError, ValueError, OSError, zipfile.BadZipFile, SyntaxError) as error:
        # SyntaxError: what the XML parsers raise, entity bombs included.
        raise RefusedImport(_("The Excel file is damaged. Save it as “CSV UTF-8” and import that.")) from error


def refuse_zip_bomb(file: BinaryIO) -> None:
    """Read the sizes in the directory of the archive, before anything is unpacked. Raises RefusedImport."""
    try:
        entries = zipfile.ZipFile(file).infolist()
    except zipfile.BadZipFile as error:
        raise RefusedImport(_("The Excel file is damaged. Save it as “CSV UTF-8” and import that.")) from error
    finally:
        file.seek(0)
    unzipped = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries) or 1
    if unzipped > MAX_UNZIPPED or len(entries) > MAX_ZIP_ENTRIES or unzipped / packed > MAX_RATIO:
        raise RefusedImport(say_too_large())


def refuse_wide_rows(file: BinaryIO) -> None:
    """Read the sheets tag by tag: openpyxl holds a whole row, and a row of a million cells is none."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with archive.open(name) as sheet:
                    count_cells(sheet)
    file.seek(0)


def count_cells(sheet) -> None:
    cells = 0
    for event, element in iterparse(sheet, events=("start", "end")):
        tag = element.tag.rpartition("}")[2]
        if event == "start":
            cells = cells + 1 if tag == "c" else 0 if tag == "row" else cells
            if cells > MAX_CELLS:
                raise RefusedImport(say_too_large())
        elif tag in {"c", "row"}:
            element.clear()


def say_too_large() -> str:
    return _("The Excel file is too large: at most 50,000 rows and 50 MB. Save it as “CSV UTF-8” and import that.")


def read_cells(row) -> list[str] | str:
    kinds = {cell.data_type for cell in row}
    if "f" in kinds:
        return _("The row holds a formula. Paste its values instead.")
    if "e" in kinds:
        return _("The row holds an error of Excel, such as #N/A.")
    return [show_cell(cell.value) for cell in row]


def show_cell(value) -> str:
    """Return a cell as text: Excel keeps numbers and dates as such."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime | dt.date):
        return value.strftime("%Y-%m-%d")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
