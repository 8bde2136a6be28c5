"""The outer layer of JPEG and PNG files, read byte by byte before any library sees them.

What is not needed to draw the first picture is left out here: EXIF, GPS, ICC, XMP, comments, compressed texts,
further frames. A decoder that never gets them cannot be harmed by them, and a bomb among them never goes off.
Only the standard library is imported: profiles/pdf_cleaning.py runs in a process of its own.
"""

import struct
from dataclasses import dataclass

MAX_PIXELS, MAX_SIDE = 25_000_000, 20_000
# Real files have some hundreds of parts and about ten scans; each scan costs a pass over the whole picture.
MAX_SEGMENTS, MAX_CHUNKS, MAX_SCANS = 2_000, 20_000, 64

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
SCAN, END, HEADS = 0xDA, 0xD9, {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Tables and frame headers; of the application's segments only the two that tell how colours are coded.
JPEG_KEPT = {*range(0xC0, 0xD0), 0xDB, 0xDD}
JPEG_COLOURS = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}


class BrokenPicture(Exception):
    """The bytes are no whole picture."""


class TooManyPixels(Exception):
    """The header promises more than may be decoded."""


@dataclass(frozen=True)
class BarePicture:
    """A picture without anything around it; ``orientation`` is EXIF's, 1 to 8."""

    content: bytes
    width: int
    height: int
    orientation: int


def bare(content: bytes) -> BarePicture:
    """Return a JPEG or PNG file without all that is not its first picture. Decodes nothing."""
    return bare_png(content) if content.startswith(PNG_SIGNATURE) else bare_jpeg(content)


def measure(width: int, height: int) -> tuple[int, int]:
    if not (width and height):
        raise BrokenPicture
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise TooManyPixels
    return width, height


# --- JPEG -------------------------------------------------------------------------------------


def bare_jpeg(content: bytes) -> BarePicture:
    kept, sizes, orientation, colours = [b"\xff\xd8"], [], 1, set()
    for marker, segment in list_segments(content):
        if marker in HEADS:
            sizes.append(measure(*read_frame_size(segment)))
        elif marker == 0xE1 and segment[4:].startswith(b"Exif\0\0"):
            orientation = read_orientation(segment[10:])
        is_colour = segment[4:].startswith(JPEG_COLOURS.get(marker, b"\0\0\0")) and marker not in colours
        if marker in JPEG_KEPT or marker == SCAN or (marker in JPEG_COLOURS and is_colour):
            colours.add(marker)
            kept.append(segment)
    if len(sizes) != 1 or kept[-1].count(b"\xff\xda") > MAX_SCANS:
        raise BrokenPicture
    return BarePicture(b"".join(kept), *sizes[0], orientation)


def list_segments(content: bytes):
    """Yield (marker, whole segment); the last is the first scan with all that follows it."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        while content[at : at + 2] == b"\xff\xff":
            at += 1
        if content[at : at + 1] != b"\xff" or len(content) < at + 4:
            raise BrokenPicture
        marker, length = struct.unpack_from(">BH", content, at + 1)
        if marker == SCAN:
            yield marker, content[at:]
            return
        if marker < 0xC0 or 0xD0 <= marker <= END or length < 2 or at + 2 + length > len(content):
            raise BrokenPicture
        yield marker, content[at : at + 2 + length]
        at += 2 + length
    raise BrokenPicture


def read_frame_size(segment: bytes) -> tuple[int, int]:
    if len(segment) < 9:
        raise BrokenPicture
    height, width = struct.unpack_from(">HH", segment, 5)
    return width, height


# --- PNG --------------------------------------------------------------------------------------


def bare_png(content: bytes) -> BarePicture:
    kept, size, orientation, once = [PNG_SIGNATURE], None, 1, set()
    for kind, chunk in list_chunks(content):
        if (kind == b"IHDR") != (size is None):
            raise BrokenPicture
        if kind == b"IHDR":
            size = read_header_size(chunk)
        elif kind == b"eXIf":
            orientation = read_orientation(chunk[8:-4])
        if kind in PNG_KEPT and (kind == b"IDAT" or kind not in once):
            once.add(kind)
            kept.append(chunk)
    return BarePicture(b"".join(kept), *size, orientation)


def list_chunks(content: bytes):
    """Yield (kind, whole chunk) up to the end of the picture; what is appended to it is left out."""
    at = len(PNG_SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if len(content) < at + 12:
            raise BrokenPicture
        length, kind = struct.unpack_from(">I4s", content, at)
        if at + 12 + length > len(content):
            raise BrokenPicture
        yield kind, content[at : at + 12 + length]
        if kind == b"IEND":
            return
        at += 12 + length
    raise BrokenPicture


def read_header_size(chunk: bytes) -> tuple[int, int]:
    if len(chunk) != 12 + 13:
        raise BrokenPicture
    return measure(*struct.unpack_from(">II", chunk, 8))


# --- EXIF -------------------------------------------------------------------------------------


def read_orientation(tiff: bytes) -> int:
    """Return the orientation that the camera noted, 1 (upright) where it is absent or makes no sense."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, start)
        for entry in range(min(count, 200)):
            tag, _kind, _length, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * entry)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
