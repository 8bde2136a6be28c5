"""Evidence and photos, the bytes: what is taken in and in which form, where it is kept, how it is handed out.

    clean = clean_upload(uploaded, kind="evidence")     # or RefusedFile
    key = store_file(clean)                             # or RefusedFile("store_away")
    response = serve_file(request, key, kind="evidence")

Nothing of a sent file is kept as it came: pictures are decoded and written anew, PDF files rebuilt from their pages.
"""

import hashlib
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from profiles import pdfs, pictures
from profiles.file_refusals import MESSAGES, RefusedFile
from profiles.file_store import delete_file, open_file, serve_file, store_file
from profiles.pictures import photo_faults, photo_hints

__all__ = [
    "MAX_BYTES",
    "MESSAGES",
    "CleanFile",
    "RefusedFile",
    "clean_upload",
    "delete_file",
    "open_file",
    "photo_faults",
    "photo_hints",
    "serve_file",
    "store_file",
]

MAX_BYTES = pictures.MAX_BYTES
JPEG, PNG, PDF = "image/jpeg", "image/png", "application/pdf"
ACCEPTED = {"evidence": {JPEG, PNG, PDF}, "photo": {JPEG, PNG}}
EXTENSIONS = {JPEG: "jpg", PNG: "png", PDF: "pdf"}
SIGNATURES = {b"\xff\xd8\xff": JPEG, b"\x89PNG\r\n\x1a\n": PNG, b"%PDF-1.": PDF, b"%PDF-2.": PDF}
# What a name or a browser may say about each. Names are not trusted, but a file must not say what it is not.
CLAIMS = {
    **dict.fromkeys(["jpg", "jpeg", "jpe", "jfif", "image/jpeg", "image/jpg", "image/pjpeg"], JPEG),
    **dict.fromkeys(["png", "image/png", "image/x-png"], PNG),
    **dict.fromkeys(["pdf", "application/pdf", "application/x-pdf"], PDF),
}
NO_CLAIM = {"", "application/octet-stream", "binary/octet-stream"}


@dataclass(frozen=True)
class CleanFile:
    """A file that is safe to keep and to show; width and height are 0 for a PDF, digest is SHA-256 in hex."""

    content: bytes
    content_type: str
    extension: str
    width: int
    height: int
    digest: str


def clean_upload(uploaded, *, kind: Literal["evidence", "photo"]) -> CleanFile:
    """Return an uploaded file (Django's, or anything with size, name and read) in the form in which it may be kept.

    Raises RefusedFile. Bounded: 5 MB in and out, 25 million pixels, 50 pages; PDF files by the kernel as well.
    """
    content = read_bounded(uploaded)
    content_type = name_type(content)
    refuse_lies(content_type, uploaded)
    if content_type not in ACCEPTED[kind]:
        raise RefusedFile("wrong_type_photo" if kind == "photo" else "wrong_type")
    if content_type == PDF:
        return describe(pdfs.clean_pdf(content), PDF, 0, 0)
    content, name, width, height = pictures.clean_picture(content)
    return describe(content, {"JPEG": JPEG, "PNG": PNG}[name], width, height)


def read_bounded(uploaded) -> bytes:
    # Of a file far over the limit the upload handler keeps the size alone.
    if uploaded.size > MAX_BYTES:
        raise RefusedFile("too_big")
    content = uploaded.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise RefusedFile("too_big")
    if not content:
        raise RefusedFile("empty")
    return content


def name_type(content: bytes) -> str:
    """Return the type that the first bytes show, or nothing. Whatever stands before a PDF's header is no PDF."""
    return next((kind for signature, kind in SIGNATURES.items() if content.startswith(signature)), "")


def refuse_lies(content_type: str, uploaded):
    """Refuse a file whose name or header names another type than its bytes show."""
    extension = PurePath(uploaded.name or "").suffix.lower().removeprefix(".")
    header = (getattr(uploaded, "content_type", "") or "").partition(";")[0].strip().lower()
    claims = {CLAIMS[extension]} if extension in CLAIMS else set()
    if header not in NO_CLAIM and (content_type or header in CLAIMS):
        claims.add(CLAIMS.get(header, header))
    if claims - {content_type}:
        raise RefusedFile("type_mismatch")


def describe(content: bytes, content_type: str, width: int, height: int) -> CleanFile:
    return CleanFile(
        content=content,
        content_type=content_type,
        extension=EXTENSIONS[content_type],
        width=width,
        height=height,
        digest=hashlib.sha256(content).hexdigest(),
    )
