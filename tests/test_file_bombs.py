"""Files made to exhaust: whatever they hold, memory and time stay within their bounds."""

import os
import subprocess
import sys
import threading
import time
import zlib

import pytest
from pikepdf import Array, Name
from PIL import Image

from profiles import pdf_cleaning, pdfs, pictures
from tests.file_samples import (
    chunk,
    clean,
    exif,
    insert_chunks,
    insert_segments,
    make_bomb,
    make_pdf,
    make_picture,
    make_png,
    refusal,
    save_picture,
    segment,
)
from tests.servers import ROOT

BOMB = 300_000_000

# --- Bombs ------------------------------------------------------------------------------------

HUGE = {
    "PNG": make_png(30_000, 30_000, data=b""),
    "JPEG": make_picture("JPEG").replace(b"\0\x28\0\x3c", b"\xea\x60\xea\x60", 1),
    "long strip": make_png(2_000_000, 1, data=b""),
}


@pytest.mark.parametrize("name", HUGE)
def test_picture_of_too_many_pixels_is_refused_from_its_header(name, monkeypatch):
    monkeypatch.setattr(Image, "open", lambda *args, **kwargs: pytest.fail("a decoder saw it"))

    assert refusal(HUGE[name]) == "too_many_pixels"


BOUNDED = """
import resource, sys, time
from profiles.files import RefusedFile, clean_upload
from tests.file_samples import upload
content = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
try:
    print(clean_upload(upload(content), kind="evidence").content_type, end=" ")
except RefusedFile as error:
    print(error.code, end=" ")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.perf_counter() - start)
"""


def clean_apart(content: bytes) -> tuple[str, float, float]:
    """Clean a file in a process of its own; return the outcome, MB of memory that it took, and seconds."""
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED], input=content, capture_output=True, cwd=ROOT, timeout=60, check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "mumaris.settings"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    outcome, kilobytes, seconds = done.stdout.split()
    return outcome.decode(), int(kilobytes) / 1024, float(seconds)


def make_scan_bomb() -> bytes:
    """Return a progressive JPEG whose last scan comes some thousand times: each would cost a pass over all pixels."""
    raw = save_picture(Image.new("RGB", (4000, 4000)), "JPEG", progressive=True)
    last = raw[raw.rindex(b"\xff\xda") : -2]
    return raw[:-2] + last * min(5_000, (pictures.MAX_BYTES - len(raw)) // len(last)) + raw[-2:]


def with_chunk(kind: bytes, start: bytes) -> bytes:
    """Return a PNG with a packed text of 300 MB."""
    return insert_chunks(make_picture("PNG"), chunk(kind, start + make_bomb(BOMB)))


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (lambda: HUGE["PNG"], "too_many_pixels"),
        (lambda: with_chunk(b"zTXt", b"Comment\0\0"), "image/png"),
        (lambda: with_chunk(b"iTXt", b"c\0\1\0\0\0"), "image/png"),
        (lambda: with_chunk(b"iCCP", b"c\0\0"), "image/png"),
        (lambda: make_png(60, 40, data=make_bomb(BOMB)), "image/png"),
        (lambda: insert_chunks(make_picture("PNG"), *[chunk(b"tEXt", b"")] * 300_000), "broken"),
        (lambda: insert_segments(make_picture(), *[exif(1, extra=b"x" * 60_000)] * 80), "image/jpeg"),
        (lambda: insert_segments(make_picture(), *[segment(0xE1, b"Exif\0\0")] * 300_000), "broken"),
        (make_scan_bomb, "broken"),
    ],
    ids=["pixels", "zTXt", "iTXt", "iCCP", "IDAT", "many chunks", "giant EXIF", "many segments", "many scans"],
)  # fmt: skip
def test_bombs_in_pictures_cost_little(make, outcome):
    content = make()
    assert len(content) <= pictures.MAX_BYTES

    told, megabytes, seconds = clean_apart(content)

    assert told == outcome
    assert megabytes < 60
    assert seconds < 3


def test_largest_picture_stays_within_its_memory():
    told, megabytes, seconds = clean_apart(save_picture(Image.new("RGBA", (5000, 5000), (9, 9, 9, 90)), "PNG"))

    assert told == "image/jpeg"
    assert megabytes < 400
    assert seconds < 20


def put_bomb(pdf):
    pdf.pages[0].obj.Contents.write(make_bomb(BOMB), filter=Name.FlateDecode)


def put_double_bomb(pdf):
    pdf.pages[0].obj.Contents.write(zlib.compress(make_bomb(BOMB)), filter=Array([Name.FlateDecode] * 2))


def put_many_bombs(pdf):
    streams = [pdf.make_stream(b"") for _ in range(20)]
    for stream in streams:
        stream.write(make_bomb(30_000_000), filter=Name.FlateDecode)
    pdf.pages[0].obj.Contents = Array(streams)


def make_object_stream_bomb(kind: bytes) -> bytes:
    """Return a PDF whose objects, or whose table of them, lie in one stream of a thousand times its size."""
    data = make_bomb(BOMB)
    entries = b"/N 1/First 5" if kind == b"ObjStm" else b"/Size 140000000/W[1 4 2]/Root 1 0 R"
    head = b"%PDF-1.5\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
    body = b"4 0 obj\n<</Type/" + kind + entries + b"/Filter/FlateDecode/Length %d>>\nstream\n" % len(data) + data
    return head + body + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF" % len(head)


def close_pdf(body: bytes) -> bytes:
    """Return a PDF by hand: these objects, a catalog, and no table of them."""
    catalog = b"\n900000 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 900000 0 R>>\n"
    return b"%PDF-1.4\n" + body + catalog + b"startxref\n9\n%%EOF"


@pytest.mark.parametrize(
    ("make", "codes"),
    [
        (lambda: make_pdf(change=put_bomb), {"pdf_heavy"}),
        (lambda: make_pdf(change=put_double_bomb), {"pdf_heavy"}),
        (lambda: make_pdf(change=put_many_bombs), {"pdf_heavy"}),
        (lambda: make_object_stream_bomb(b"ObjStm"), {"broken", "pdf_heavy"}),
        (lambda: make_object_stream_bomb(b"XRef"), {"broken", "pdf_heavy"}),
        (lambda: close_pdf(b"1 0 obj\n" + b"[" * 4_000_000 + b"\nendobj"), {"broken"}),
        (lambda: close_pdf(b"".join(b"%d 0 obj<<>>endobj\n" % n for n in range(200_000))), {"broken"}),
        (lambda: close_pdf(b"2 0 obj<</Type/Pages/Kids[2 0 R]/Count 9>>endobj"), {"broken"}),
    ],
    ids=["stream", "twice packed", "many streams", "object stream", "table", "nesting", "many objects", "loop"],
)
def test_bombs_in_pdf_files_are_refused_soon(make, codes):
    content = make()
    assert len(content) <= pictures.MAX_BYTES

    start = time.perf_counter()

    assert refusal(content) in codes
    assert time.perf_counter() - start < pdfs.SECONDS


@pytest.mark.parametrize(
    "act", ["bytearray(c.MEMORY)", "sum(1 for _ in iter(int, 1))", "open(sys.argv[1], 'wb', 0).write(b'x')"]
)
def test_kernel_ends_a_pdf_parser_that_takes_too_much(monkeypatch, tmp_path, act):
    """Should qpdf's own limits fail, memory, processor time and disk are bounded by the kernel."""
    greedy = f"import sys, profiles.pdf_cleaning as c; c.CPU_SECONDS = 1; c.limit_process(); {act}; sys.exit(3)"
    left = tmp_path / "left"
    monkeypatch.setattr(pdfs, "COMMAND", [sys.executable, "-c", greedy, str(left)])

    assert pdfs.run_cleaner(b"")[0] not in {0, 3}
    assert refusal(make_pdf()) == "pdf_heavy"
    assert not left.exists() or not left.stat().st_size


def test_pdf_parser_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(pdfs, "COMMAND", [sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(pdfs, "SECONDS", 0.5)

    assert refusal(make_pdf()) == "pdf_heavy"


def test_pdf_parser_is_given_no_setting(monkeypatch):
    show = "import os, sys; sys.stdout.write('broken' if 'SECRET_KEY' not in os.environ else 'busy'); sys.exit(3)"
    monkeypatch.setattr(pdfs, "COMMAND", [sys.executable, "-c", show])

    assert os.environ["SECRET_KEY"]
    assert refusal(make_pdf()) == "broken"


def test_pdf_parser_is_not_in_the_web_process():
    look = "import sys, mumaris.wsgi, profiles.files; sys.exit('pikepdf' in sys.modules)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "mumaris.settings"}

    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, env=environment, timeout=60, check=False)

    assert done.returncode == 0
    assert pdfs.REFUSED == pdf_cleaning.REFUSED


# --- In parallel ------------------------------------------------------------------------------


def run_together(acts) -> list:
    results: list = [None] * len(acts)

    def run(number, act):
        results[number] = act()

    threads = [threading.Thread(target=run, args=(number, act)) for number, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_parallel_uploads_are_decoded_one_at_a_time(monkeypatch):
    running, most = [], []
    decode = pictures.decode

    def watch(bare):
        running.append(1)
        most.append(len(running))
        time.sleep(0.05)
        try:
            return decode(bare)
        finally:
            running.pop()

    monkeypatch.setattr(pictures, "decode", watch)

    results = run_together([lambda: clean(make_picture("JPEG")).content_type] * 6)

    assert results == ["image/jpeg"] * 6
    assert most == [1] * 6


def test_upload_that_waits_too_long_is_told_so(monkeypatch):
    monkeypatch.setattr(pictures, "TURN_SECONDS", 0.05)
    with pictures.one_at_a_time():
        results = run_together([lambda: refusal(make_picture("JPEG")), lambda: refusal(make_pdf())])

    assert results == ["busy", "busy"]
    assert refusal(make_picture("JPEG")) == ""  # the turn was given back
