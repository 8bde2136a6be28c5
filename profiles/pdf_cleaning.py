"""Read a PDF from standard input and write its bare pages anew; profiles/pdfs.py runs this in a process of its own.

A file of 5 MB can unfold into gigabytes, and its parser is a large C++ library: so the kernel bounds memory and time,
the process may write no file, and it is given no setting and no key. What is kept is named here, not what is removed:
of each page its content and resources, with what notes and form fields show drawn into it. Scripts, actions, links,
attached files, media, forms and metadata have no place to be.
"""

import io
import resource
import sys

import pikepdf
from pikepdf import Name

from profiles import picture_bytes

MAX_PAGES = 50
MAX_BYTES = 5 * 1024 * 1024
MEMORY, CPU_SECONDS = 512 * 1024 * 1024, 10
# Unfolded: of one stream, and of all that are no pictures.
MAX_STREAM, MAX_STREAMS = 32 * 1024 * 1024, 128 * 1024 * 1024
MAX_FILTERS = 2
# A page scanned at 600 dpi in A4 has 35 million pixels.
MAX_PICTURE_PIXELS = 60_000_000

PAGE_KEPT = {"/Type", "/MediaBox", "/CropBox", "/Rotate", "/UserUnit", "/Group", "/Resources", "/Contents"}
RESOURCES_KEPT = {"/Font", "/XObject", "/ExtGState", "/ColorSpace", "/Pattern", "/Shading", "/ProcSet"}
# Of a stream: where its bytes would lie outside the file, other renderings of it, and what programs noted about it.
STREAM_DROPPED = (
    "/F", "/FFilter", "/FDecodeParms", "/Alternates", "/OPI", "/Ref", "/AF", "/Metadata", "/PieceInfo", "/LastModified",
    "/Measure", "/PtData", "/StructParent", "/StructParents", "/OC",
)  # fmt: skip
# Where the end of a file is looked for, behind which some programs leave a few bytes.
TAIL = 4096
REFUSED = 3


class Refused(Exception):
    """The code of profiles/file_refusals.py that says why."""


def limit_process():
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    pikepdf.settings.set_qpdf_limits(
        max_stream_filters=MAX_FILTERS,
        parser_max_container_size=200_000,
        doc_max_warnings=500,
        flate_max_memory=MAX_STREAM,
        png_max_memory=MAX_STREAM,
        run_length_max_memory=MAX_STREAM,
        tiff_max_memory=MAX_STREAM,
        dct_max_memory=MAX_STREAM,
        dct_max_progressive_scans=picture_bytes.MAX_SCANS,
    )


def clean(content: bytes) -> bytes:
    """Return a new PDF of the same pages. Raises Refused, or whatever qpdf raises on a damaged one."""
    if b"startxref" not in content[-TAIL:]:
        raise Refused("broken")  # cut off: qpdf would save the pages that came, and nobody would miss the others
    with pikepdf.open(io.BytesIO(content)) as source, pikepdf.new() as target:
        refuse_what_is_no_document(source)
        draw_annotations(source)
        for page in source.pages:
            bare_page(page.obj)
            target.pages.append(page)
        bare_streams(target)
        return write(target)


def refuse_what_is_no_document(pdf):
    if pdf.is_encrypted:
        raise Refused("pdf_locked")
    form = pdf.Root.get("/AcroForm", {})
    if "/XFA" in form or "/Collection" in pdf.Root:
        raise Refused("pdf_form")
    if len(pdf.pages) > MAX_PAGES:
        raise Refused("pdf_pages")
    if not len(pdf.pages):
        raise Refused("broken")


def draw_annotations(pdf):
    """Make what somebody typed into a form, stamped or signed a part of the page: all annotations go afterwards."""
    if bool(pdf.Root.get("/AcroForm", {}).get("/NeedAppearances", False)):
        pdf.generate_appearance_streams()
    pdf.flatten_annotations("screen")


def bare_page(page):
    keep_keys(page, PAGE_KEPT)
    if "/Resources" in page:
        keep_keys(page.Resources, RESOURCES_KEPT)


def keep_keys(dictionary, kept):
    for key in set(dictionary.keys()) - kept:
        del dictionary[key]


def bare_streams(pdf):
    unfolded = 0
    for stream in pdf.objects:
        if not isinstance(stream, pikepdf.Stream):
            continue
        for key in STREAM_DROPPED:
            if key in stream:
                del stream[key]
        if "/Resources" in stream:
            keep_keys(stream.Resources, RESOURCES_KEPT)
        if stream.get("/Subtype") == Name.Image:
            bare_image(stream)
        else:
            unfolded += measure(stream)
        if unfolded > MAX_STREAMS:
            raise Refused("pdf_heavy")


def measure(stream) -> int:
    """Return how many bytes a stream has in truth: it is unfolded once, within qpdf's limits."""
    if len(list_filters(stream)) > MAX_FILTERS:
        raise Refused("pdf_heavy")
    try:
        return len(stream.read_bytes())
    except (pikepdf.PdfError, RuntimeError) as error:  # the second is how qpdf's own limits are told
        raise Refused("pdf_heavy") from error


def list_filters(stream) -> list:
    filters = stream.get("/Filter", [])
    return [filters] if isinstance(filters, Name) else list(filters)


def bare_image(stream):
    if int(stream.Width) * int(stream.Height) > MAX_PICTURE_PIXELS or len(list_filters(stream)) > MAX_FILTERS:
        raise Refused("pdf_heavy")
    if list_filters(stream) != [Name.DCTDecode]:
        return
    # A scanner or phone leaves the place and time of the picture in it.
    try:
        bare = picture_bytes.bare_jpeg(stream.read_raw_bytes())
    except picture_bytes.BrokenPicture as error:
        raise Refused("broken") from error
    except picture_bytes.TooManyPixels as error:
        raise Refused("pdf_heavy") from error
    stream.write(bare.content, filter=Name.DCTDecode, decode_parms=stream.get("/DecodeParms"))


def write(pdf) -> bytes:
    target = io.BytesIO()
    pdf.save(
        target,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        fix_metadata_version=False,
        deterministic_id=True,
    )
    if target.tell() > MAX_BYTES:
        raise Refused("too_big")
    return target.getvalue()


def name_refusal(content: bytes) -> tuple[bytes, str]:
    """Return (new PDF, "") or (b"", code)."""
    try:
        return clean(content), ""
    except Refused as error:
        return b"", str(error)
    except pikepdf.PasswordError:
        return b"", "pdf_locked"
    except MemoryError:
        return b"", "pdf_heavy"
    except Exception:  # noqa: BLE001  (whatever a parser does with bytes made to harm it: they are no document)
        return b"", "broken"


def main():
    limit_process()
    content, code = name_refusal(sys.stdin.buffer.read())
    sys.stdout.buffer.write(content or code.encode())
    sys.stdout.buffer.flush()
    sys.exit(REFUSED if code else 0)


if __name__ == "__main__":
    main()
