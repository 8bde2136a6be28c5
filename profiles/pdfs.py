"""PDF files: cleaned by profiles/pdf_cleaning.py in a process that the kernel bounds."""

import subprocess
import sys

from django.conf import settings

from profiles.file_refusals import MESSAGES, RefusedFile
from profiles.pictures import one_at_a_time

# Of the clock; its processor time and memory end earlier (CPU_SECONDS, MEMORY).
SECONDS = 15
# The exit status that pdf_cleaning.REFUSED names; imported, it would bring the parser into this process.
REFUSED = 3
COMMAND = [sys.executable, "-E", "-s", "-m", "profiles.pdf_cleaning"]


def clean_pdf(content: bytes) -> bytes:
    """Return the bare pages as a new PDF. Raises RefusedFile."""
    with one_at_a_time():
        status, answer = run_cleaner(content)
    if status == 0 and answer.startswith(b"%PDF-"):
        return answer
    code = answer.decode(errors="replace") if status == REFUSED else "pdf_heavy"
    raise RefusedFile(code if code in MESSAGES else "broken")


def run_cleaner(content: bytes) -> tuple[int, bytes]:
    """Return (exit status, what it wrote); a status below 0 names the signal that ended it."""
    try:
        done = subprocess.run(  # noqa: S603  (our own module; the file goes in as its input)
            COMMAND,
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
            env={},
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, b""
    return done.returncode, done.stdout
