import getpass
import resource
import sys
import time
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation
from django.utils.translation import gettext as _
from tqdm import tqdm

from profiles.import_files import RefusedImport
from profiles.imports import import_file


def name_runner() -> str:
    """Return who runs the command, as the machine knows them."""
    try:
        return f"command by {getpass.getuser()}"[:80]
    except (KeyError, OSError):
        return "command"


class Command(BaseCommand):
    help = "Import the registry: a CSV file (UTF-8 or UTF-16) of any length, or an XLSX file of at most 50,000 rows."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="write nothing, and tell what would be written")
        parser.add_argument("--overwrite", action="store_true", help="write also over values that a reviewer approved")
        parser.add_argument("--language", choices=["ar", "en"], default="en", help="of the reasons, en by default")
        parser.add_argument("--report", type=Path, help="write every refused and kept row to this CSV file")

    def handle(self, *args, **options):
        with translation.override(options["language"]):
            self.import_and_tell(options)

    def import_and_tell(self, options):
        started = time.perf_counter()
        try:
            with options["file"].open("rb") as file:
                report = self.run_import(file, options)
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from None
        except RefusedImport as refused:
            raise CommandError(str(refused)) from None
        self.print_report(report, time.perf_counter() - started, dry_run=options["dry_run"])

    def run_import(self, file, options):
        chosen = {"dry_run": options["dry_run"], "overwrite": options["overwrite"], "by": name_runner()}
        with tqdm(unit=" rows", disable=not sys.stderr.isatty()) as bar:

            def tell(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            if options["report"] and options["report"].exists() and options["report"].samefile(options["file"]):
                raise CommandError(_("The report must be another file than the one that is imported."))
            if options["report"] is None:
                return import_file(file, tell=tell, **chosen)
            # A spreadsheet reads UTF-8 only with its mark.
            with options["report"].open("w", encoding="utf-8-sig", newline="") as report:
                return import_file(file, tell=tell, report_to=report, **chosen)

    def print_report(self, report, seconds: float, *, dry_run: bool) -> None:
        for line, number, column, reason in report.shown:
            self.stdout.write(f"line {line}, {number or '–'}, {column or '–'}: {reason}")
        if report.refused > len(report.shown):
            self.stdout.write(f"… and {report.refused - len(report.shown)} more refused rows (--report lists all)")
        self.stdout.write(
            f"{report.rows} rows: {report.created} created, {report.changed} changed, {report.unchanged} unchanged, "
            f"{report.refused} refused, {report.kept} kept; {report.accounts} accounts made or tied."
        )
        if report.is_without_change:
            self.stdout.write(_("Nothing changed."))
        if dry_run:
            self.stdout.write(_("Dry run: nothing was written."))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self.stdout.write(f"{seconds:.1f} s, {report.rows / max(seconds, 0.001):.0f} rows a second, peak {peak} MB.")
