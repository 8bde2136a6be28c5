"""Files for the tests of uploads, honest and hostile, made byte by byte."""

import functools
import io
import struct
import zlib

import pikepdf
from django.core.files.uploadedfile import SimpleUploadedFile
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from profiles.files import CleanFile, RefusedFile, clean_upload

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
NAMES = {b"\xff\xd8": "scan.jpg", b"\x89P": "scan.png", b"%P": "scan.pdf"}


def upload(content: bytes, name: str | None = None, content_type: str = "") -> SimpleUploadedFile:
    """Return the file as a browser sends it; its name fits its first bytes unless another is given."""
    return SimpleUploadedFile(name or NAMES.get(content[:2], "scan"), content, content_type)


def clean(content: bytes, *, kind: str = "evidence", **names) -> CleanFile:
    return clean_upload(upload(content, **names), kind=kind)


def refusal(content: bytes, *, kind: str = "evidence", **names) -> str:
    """Return the code with which the file is refused, or nothing."""
    try:
        clean(content, kind=kind, **names)
    except RefusedFile as error:
        return error.code
    return ""


# --- Pictures ---------------------------------------------------------------------------------


def make_picture(kind: str = "JPEG", size=(60, 40), mode: str = "RGB", colour=None, **options) -> bytes:
    """Return a picture whose upper left quarter is red (or dark), the rest bright."""
    image = Image.new("RGB", size, colour or (240, 240, 235))
    image.paste((200, 30, 30), (0, 0, size[0] // 2, size[1] // 2))
    return save_picture(image.convert(mode) if mode != "RGB" else image, kind, **options)


def make_photo(size=(400, 600), background=(240, 240, 240)) -> bytes:
    """Return a photo: a head and shoulders before one background."""
    image = Image.new("RGB", size, background)
    width, height = size
    image.paste((120, 80, 60), (width * 3 // 10, height * 2 // 10, width * 7 // 10, height * 6 // 10))
    image.paste((30, 30, 60), (width // 10, height * 6 // 10, width * 9 // 10, height))
    return save_picture(image, "JPEG")


def save_picture(image: Image.Image, kind: str, **options) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def read_picture(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def insert_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """Return the JPEG with these right after its start."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def exif(orientation: int, *, extra: bytes = b"") -> bytes:
    """Return an APP1 segment with an orientation and, behind it, a place in words."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return segment(0xE1, b"Exif\0\0" + tiff + b"GPS 24.7136 46.6753" + extra)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def make_png(
    width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 0, data: bytes | None = None
) -> bytes:
    """Return a PNG with this header, these chunks and this picture data (all rows empty where none is given)."""
    if data is None:
        data = zlib.compress(b"\0" * (1 + width) * height)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"".join([PNG_SIGNATURE, header, *chunks, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def insert_chunks(png: bytes, *chunks: bytes) -> bytes:
    """Return the PNG with these right after its header."""
    return png[:33] + b"".join(chunks) + png[33:]


@functools.cache
def make_bomb(size: int) -> bytes:
    """Return zlib data that unfolds to ``size`` zeros; a thousandth of it is ever in memory."""
    packer = zlib.compressobj(9)
    block = b"\0" * 1_000_000
    parts = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join([*parts, packer.flush()])


# --- PDF files --------------------------------------------------------------------------------


def make_pdf(pages: int = 1, change=lambda pdf: None, **options) -> bytes:
    """Return a PDF whose pages say their number; ``change(pdf)`` puts more in."""
    target = io.BytesIO()
    with pikepdf.new() as pdf:
        for number in range(pages):
            page = pdf.add_blank_page(page_size=(300, 400)).obj
            page.Contents = pdf.make_stream(f"BT /F1 24 Tf 50 200 Td (Page {number + 1}) Tj ET".encode())
            font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
            page.Resources = Dictionary(Font=Dictionary(F1=font))
        change(pdf)
        pdf.save(target, **options)
    return target.getvalue()


def read_pdf(content: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(content))


def list_all_text(content: bytes) -> str:
    """Return every object of a PDF as text, its streams unfolded."""
    with read_pdf(content) as pdf:
        parts = [repr(pdf.trailer)]
        for entry in pdf.objects:
            parts.append(repr(entry))
            if isinstance(entry, pikepdf.Stream):
                parts.append(entry.read_raw_bytes().decode("latin-1"))
                if entry.get("/Filter") != Name.DCTDecode:
                    parts.append(entry.read_bytes().decode("latin-1"))
    return "\n".join(parts)


def javascript(code: str) -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=String(code))


def annotate(pdf, **entries):
    """Put one annotation on the first page."""
    annotation = pdf.make_indirect(Dictionary(Type=Name.Annot, Rect=Array([10, 10, 90, 90]), **entries))
    page = pdf.pages[0].obj
    page.Annots = Array([*page.get("/Annots", []), annotation])
    return annotation
