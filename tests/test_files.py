"""What becomes of an uploaded file: cleaned, or refused with a sentence, within bounds of memory and time."""

import hashlib
import io
import re
import zlib

import pikepdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from profiles import pictures
from profiles.files import MESSAGES, RefusedFile, clean_upload, photo_faults, photo_hints
from tests.file_samples import (
    annotate,
    chunk,
    clean,
    exif,
    insert_chunks,
    insert_segments,
    javascript,
    list_all_text,
    make_pdf,
    make_photo,
    make_picture,
    make_png,
    read_pdf,
    read_picture,
    refusal,
    save_picture,
    segment,
    upload,
)

RED, BRIGHT = (200, 30, 30), (240, 240, 235)


def is_near(pixel, colour) -> bool:
    return all(abs(one - other) < 12 for one, other in zip(pixel, colour, strict=True))


def corners(content: bytes) -> list[str]:
    """Return where a cleaned picture is red: the four corners by name."""
    image = read_picture(content).convert("RGB")
    width, height = image.size
    places = {
        "upper left": (3, 3),
        "upper right": (width - 4, 3),
        "lower left": (3, height - 4),
        "lower right": (width - 4, height - 4),
    }
    return [name for name, place in places.items() if is_near(image.getpixel(place), RED)]


# --- What is taken ----------------------------------------------------------------------------


def test_jpeg_is_written_anew():
    raw = make_picture("JPEG")

    taken = clean(raw, name="scan.jpeg", content_type="image/jpeg")

    assert (taken.content_type, taken.extension, taken.width, taken.height) == ("image/jpeg", "jpg", 60, 40)
    assert taken.content != raw
    assert taken.digest == hashlib.sha256(taken.content).hexdigest()
    assert corners(taken.content) == ["upper left"]


def test_png_stays_png():
    taken = clean(make_picture("PNG"))

    assert (taken.content_type, taken.extension, taken.width, taken.height) == ("image/png", "png", 60, 40)
    assert read_picture(taken.content).format == "PNG"


def test_large_png_becomes_jpeg():
    taken = clean(make_picture("PNG", size=(2400, 2000)))

    assert (taken.content_type, taken.width, taken.height) == ("image/jpeg", 2400, 2000)


def test_pdf_keeps_its_pages():
    taken = clean(make_pdf(pages=3))

    assert (taken.content_type, taken.extension, taken.width, taken.height) == ("application/pdf", "pdf", 0, 0)
    with read_pdf(taken.content) as pdf:
        assert [f"(Page {n})" in page.Contents.read_bytes().decode() for n, page in enumerate(pdf.pages, 1)] == [
            True
        ] * 3
        assert list(pdf.pages[0].MediaBox) == [0, 0, 300, 400]


@pytest.mark.parametrize("name", ["scan", "scan.2024", "صورة.JPG", "scan.HEIC"])
def test_names_that_say_nothing_of_the_type_are_fine(name):
    uploaded = upload(make_picture("JPEG"), name="x", content_type="application/octet-stream")
    uploaded.name = name

    assert clean_upload(uploaded, kind="evidence").content_type == "image/jpeg"


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "L"), ("PNG", "P"), ("PNG", "1"), ("PNG", "LA"), ("PNG", "RGBA")],
)
def test_colour_models_are_kept_in_rgb_or_grey(kind, mode):
    taken = read_picture(clean(make_picture(kind, mode=mode)).content)

    assert taken.mode in {"RGB", "L"}
    dark, bright = taken.convert("L").getpixel((5, 5)), taken.convert("L").getpixel((55, 35))
    assert dark < 100
    assert bright > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_is_white(mode):
    image = Image.new("RGBA", (20, 20), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": image.getpixel((0, 0))} if mode == "P" else {}

    taken = read_picture(clean(save_picture(image, "PNG", **options)).content)

    assert taken.convert("RGB").getpixel((10, 10)) == (255, 255, 255)


def test_16_bit_grey_keeps_its_shades():
    image = Image.new("I;16", (20, 20), 40_000)

    taken = read_picture(clean(save_picture(image, "PNG")).content)

    assert taken.getpixel((5, 5)) == pytest.approx(40_000 / 257, abs=2)


def test_16_bit_colour_is_read():
    taken = clean(make_png(10, 10, depth=16, colour=2, data=zlib.compress((b"\0" + b"\xff" * 60) * 10)))

    assert read_picture(taken.content).getpixel((5, 5)) == (255, 255, 255)


# --- What is left out -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, "upper left"), (2, "upper right"), (3, "lower right"), (4, "lower left"), (5, "upper left"),
     (6, "upper right"), (7, "lower right"), (8, "lower left"), (9, "upper left")],
)  # fmt: skip
def test_picture_is_turned_upright(orientation, corner):
    taken = clean(insert_segments(make_picture("JPEG"), exif(orientation)))

    assert corners(taken.content) == [corner]
    assert (taken.width, taken.height) == ((40, 60) if 5 <= orientation <= 8 else (60, 40))


def test_nothing_stays_beside_the_pixels_of_a_jpeg():
    secret = b"GPS 24.7136 46.6753"
    raw = (
        insert_segments(
            make_picture("JPEG"),
            exif(1),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + secret),
            segment(0xE2, b"ICC_PROFILE\0\1\1" + secret),
            segment(0xED, b"Photoshop 3.0\0" + secret),
            segment(0xFE, secret),
        )
        + b"PK\3\4 appended archive <script>"
    )

    taken = clean(raw)

    assert b"GPS" in raw
    assert re.search(b"GPS|ICC_PROFILE|Exif|Photoshop|script|adobe", taken.content) is None
    assert not read_picture(taken.content).getexif()


def test_nothing_stays_beside_the_pixels_of_a_png():
    secret = b"GPS 24.7136 46.6753"
    raw = (
        insert_chunks(
            make_picture("PNG"),
            chunk(b"tEXt", b"Comment\0" + secret),
            chunk(b"iCCP", b"profile\0\0" + zlib.compress(secret)),
            chunk(b"eXIf", exif(6)[10:]),
            chunk(b"gAMA", b"\0\0\xb1\x8f"),
        )
        + b"<script>alert(1)</script>"
    )

    taken = clean(raw)

    assert set(re.findall(b"IHDR|PLTE|tRNS|IDAT|IEND|tEXt|iCCP|eXIf|gAMA|GPS|script", taken.content)) == {
        b"IHDR", b"IDAT", b"IEND",
    }  # fmt: skip
    # Its eXIf said that the camera was turned.
    assert (taken.width, taken.height) == (40, 60)


def test_only_the_first_frame_is_kept():
    frames = [Image.new("RGB", (30, 30), colour) for colour in (RED, (0, 0, 255))]
    for kind, expected in (("PNG", "PNG"), ("MPO", "JPEG")):
        raw = save_picture(frames[0], kind, save_all=True, append_images=frames[1:])

        image = read_picture(clean(raw, name=f"scan.{expected}").content)

        assert image.format == expected
        assert getattr(image, "n_frames", 1) == 1
        assert is_near(image.convert("RGB").getpixel((5, 5)), RED)


def add_everything_active(pdf):
    """Put into the PDF whatever a viewer would run, open or fetch, and what tells of its maker."""
    pdf.Root.OpenAction = javascript("marker")
    pdf.Root.AA = Dictionary(WC=javascript("marker"))
    pdf.pages[0].obj.AA = Dictionary(O=javascript("marker"))
    pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("a"), javascript("marker")])))
    annotate(pdf, Subtype=Name.Link, A=Dictionary(S=Name.URI, URI=String("http://marker.example")))
    annotate(pdf, Subtype=Name.Link, A=Dictionary(S=Name.Launch, F=String("marker.exe")))
    annotate(pdf, Subtype=Name.RichMedia, RichMediaContent=Dictionary(marker=1))
    file = Dictionary(Type=Name.Filespec, F=String("marker.exe"), EF=Dictionary(F=pdf.make_stream(b"MZ marker")))
    annotate(pdf, Subtype=Name.FileAttachment, FS=file)
    pdf.Root.AF = Array([file])
    pdf.attachments["marker.exe"] = pikepdf.AttachedFileSpec(pdf, b"MZ marker", filename="marker.exe")
    pdf.pages[0].obj.Contents.PieceInfo = Dictionary(marker=1)
    pdf.docinfo["/Author"] = "marker"
    with pdf.open_metadata() as metadata:
        metadata["dc:title"] = "marker"


def test_pdf_keeps_nothing_active_and_no_metadata():
    raw = make_pdf(change=add_everything_active)

    text = list_all_text(clean(raw).content)

    assert list_all_text(raw).count("marker") > 8
    assert "marker" not in text
    assert (
        re.search("JavaScript|/JS|OpenAction|/AA|Launch|URI|EmbeddedFile|RichMedia|/AF|Metadata|Annots|Info", text)
        is None
    )
    assert "(Page 1)" in text


def fill_in_form(pdf, **entries):
    widget = annotate(pdf, Subtype=Name.Widget, FT=Name.Tx, T=String("name"), V=String("Typed in"), F=4, **entries)
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    form = Dictionary(Fields=Array([widget]), DA=String("/F1 9 Tf"), DR=Dictionary(Font=Dictionary(F1=font)))
    pdf.Root.AcroForm = pdf.make_indirect(form)


def fill_in_drawn_form(pdf):
    box = Dictionary(Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 80, 80]))
    fill_in_form(pdf, AP=Dictionary(N=pdf.make_stream(b"BT /F1 9 Tf (Typed in) Tj ET", box)))


def fill_in_undrawn_form(pdf):
    fill_in_form(pdf, DA=String("/F1 9 Tf 0 g"))
    pdf.Root.AcroForm.NeedAppearances = True


@pytest.mark.parametrize("change", [fill_in_drawn_form, fill_in_undrawn_form])
def test_what_was_typed_into_a_pdf_form_stays_readable(change):
    text = list_all_text(clean(make_pdf(change=change)).content)

    assert "(Typed in)" in text
    assert re.search("AcroForm|Annots|/FT", text) is None


def draw_photo_of_a_phone(pdf, width=60, height=40):
    page = pdf.pages[0].obj
    image = pdf.make_stream(b"", Dictionary(Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height))
    image.ColorSpace, image.BitsPerComponent = Name.DeviceRGB, 8
    image.write(insert_segments(make_picture("JPEG"), exif(1)), filter=Name.DCTDecode)
    page.Resources.XObject = Dictionary(Im0=image)
    page.Contents = pdf.make_stream(b"q 60 0 0 40 0 0 cm /Im0 Do Q")


def test_pictures_within_a_pdf_lose_their_place_too():
    raw = make_pdf(change=draw_photo_of_a_phone)

    taken = clean(raw).content

    assert b"GPS" in raw
    with read_pdf(taken) as pdf:
        picture = pdf.pages[0].Resources.XObject.Im0.read_raw_bytes()
    assert b"GPS" not in picture
    assert corners(picture) == ["upper left"]


@pytest.mark.parametrize(
    "raw",
    [
        make_pdf() + b"PK\3\4 <script>alert(1)</script>",
        make_pdf().replace(b"\n", b"\n%<html><script>alert(1)</script>\n", 1),
    ],
    ids=["appended", "in a comment"],
)
def test_second_file_within_a_pdf_is_gone(raw):
    assert b"<script>" not in clean(raw).content


# --- What is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "scan.jpg", "empty"),
        (make_picture("GIF"), "scan.gif", "wrong_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "scan.svg", "wrong_type"),
        (b"MZ\x90\0", "scan.exe", "wrong_type"),
        (b"<html><script>alert(1)</script>" + make_pdf(), "page.html", "wrong_type"),
        (b"<html><script>alert(1)</script>" + make_pdf(), "scan.pdf", "type_mismatch"),
        (make_picture("JPEG") + make_pdf(), "scan.pdf", "type_mismatch"),
        (make_picture("GIF"), "scan.jpg", "type_mismatch"),
        (make_picture("PNG"), "scan.jpg", "type_mismatch"),
        (make_pdf(), "scan.PNG", "type_mismatch"),
        (b"%PDF-1.4\nhello", "scan.pdf", "broken"),
        (b"\x89PNG\r\n\x1a\nhello", "scan.png", "broken"),
        (b"\xff\xd8\xffhello", "scan.jpg", "broken"),
        (b"\xff\xd8\xff\xe0", "scan.jpg", "broken"),
    ],
)
def test_other_files_are_refused(content, name, code):
    assert refusal(content, name=name) == code


@pytest.mark.parametrize("content_type", ["image/png", "text/html", "application/pdf; charset=utf-8"])
def test_browser_that_names_another_type_is_refused(content_type):
    assert refusal(make_picture("JPEG"), content_type=content_type) == "type_mismatch"


def test_pdf_is_no_photo():
    assert refusal(make_pdf(), kind="photo") == "wrong_type_photo"


def test_large_file_is_refused_unread():
    class Unreadable(SimpleUploadedFile):
        def read(self, *args):
            pytest.fail("it was read")

    with pytest.raises(RefusedFile, match="too_big"):
        clean_upload(Unreadable("scan.jpg", b"\xff\xd8\xff" + b"x" * pictures.MAX_BYTES), kind="evidence")


def test_file_that_is_larger_than_it_says_is_refused():
    uploaded = upload(b"\xff\xd8\xff" + b"x" * pictures.MAX_BYTES)
    uploaded.size = 10

    with pytest.raises(RefusedFile, match="too_big"):
        clean_upload(uploaded, kind="evidence")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_picture_that_is_cut_off_is_refused(kind, share):
    image = Image.effect_noise((200, 200), 60).convert("RGB")
    raw = save_picture(image, kind)

    assert refusal(raw) == ""
    assert refusal(raw[: int(len(raw) * share)]) == "broken"


def test_pdf_that_is_cut_off_is_refused():
    raw = make_pdf(pages=5)

    assert refusal(raw[: len(raw) * 3 // 4]) == "broken"


def test_picture_with_a_wrong_checksum_is_refused():
    raw = make_picture("PNG")
    place = raw.index(b"IDAT") + 8

    assert refusal(raw[:place] + bytes([raw[place] ^ 255]) + raw[place + 1 :]) == "broken"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"pages": 50}, ""),
        ({"pages": 51}, "pdf_pages"),
        ({"pages": 0}, "broken"),
        ({"encryption": pikepdf.Encryption(user="open", owner="own")}, "pdf_locked"),
        ({"encryption": pikepdf.Encryption(user="", owner="own")}, "pdf_locked"),
        ({"change": lambda pdf: setattr(pdf.Root, "AcroForm", Dictionary(XFA=pdf.make_stream(b"<xdp/>")))}, "pdf_form"),
        ({"change": lambda pdf: setattr(pdf.Root, "Collection", Dictionary(View=Name.D))}, "pdf_form"),
        ({"change": lambda pdf: draw_photo_of_a_phone(pdf, 90_000, 90_000)}, "pdf_heavy"),
    ],
)
def test_pdf_beyond_the_rules_is_refused(options, code):
    assert refusal(make_pdf(**options)) == code


def test_every_refusal_has_a_sentence_in_both_languages():
    for code, sentence in MESSAGES.items():
        with translation.override("en"):
            english = str(sentence)
        with translation.override("ar"):
            arabic = str(sentence)
        assert english.endswith("."), code
        assert arabic.endswith("."), code
        assert re.search("[ء-ي]", arabic), code


# --- Conditions of the photo --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "faults"),
    [
        ((400, 600), []),
        ((4000, 6000), []),
        ((411, 600), []),
        ((413, 600), ["photo_ratio"]),
        ((600, 900), []),
        ((600, 600), ["photo_ratio"]),
        ((600, 400), ["photo_ratio", "photo_too_small"]),
        ((398, 597), ["photo_too_small"]),
        ((4010, 6015), ["photo_too_large"]),
    ],
)
def test_photo_has_the_size_4_by_6(size, faults):
    class Photo:
        width, height = size

    assert photo_faults(Photo) == faults


@pytest.mark.parametrize(
    ("photo", "hints"),
    [
        (make_photo(), []),
        (make_photo(background=(60, 60, 70)), ["photo_dark_background"]),
        (make_photo(size=(2000, 3000), background=(200, 220, 240)), []),
    ],
)
def test_background_of_a_photo_is_hinted_at(photo, hints):
    taken = clean(photo, kind="photo")

    assert photo_hints(taken) == hints
    assert photo_hints(Image.open(io.BytesIO(taken.content))) == hints
    assert photo_faults(taken) == []


def test_background_that_is_not_plain_is_hinted_at():
    image = read_picture(make_photo())
    for top in range(0, 600, 60):
        image.paste((90, 140, 90), (0, top, 400, top + 20))

    assert photo_hints(clean(save_picture(image, "JPEG"), kind="photo")) == ["photo_uneven_background"]
