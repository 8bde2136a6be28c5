"""Compile the translations with Babel, so that a newcomer needs no gettext."""

import os
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Compile every .po of LOCALE_PATHS that is newer than its .mo."
    requires_system_checks = []  # runs before the translations exist

    def handle(self, *args, **options):
        for folder in settings.LOCALE_PATHS:
            for source in sorted(Path(folder).glob("*/LC_MESSAGES/*.po")):
                if compile_catalogue(source) and options["verbosity"]:
                    self.stdout.write(f"compiled {source}")


def compile_catalogue(source: Path) -> bool:
    """Write the .mo beside ``source``; return False when it is there and newer. Fuzzy entries are left out."""
    target = source.with_suffix(".mo")
    if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
        return False
    with source.open("rb") as text:
        catalogue = read_po(text, locale=source.parent.parent.name, abort_invalid=True)
    part = target.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as binary:
        write_mo(binary, catalogue)
    part.replace(target)  # a server that reads at this moment sees the old file or the new one
    return True
