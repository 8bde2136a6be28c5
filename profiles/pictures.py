"""Pictures: decoded once, within bounds, and written anew, so that nothing of the sent file remains but its pixels."""

import contextlib
import io
import threading

from PIL import Image, ImageOps, ImageStat

from profiles import picture_bytes
from profiles.file_refusals import RefusedFile

MAX_BYTES = 5 * 1024 * 1024
DECODERS = ["JPEG", "PNG"]
# A larger PNG is a scan or a photo: as PNG it would take seconds to write, and rarely fit.
MAX_PNG_PIXELS = 4_000_000
# The later ones are for pictures that came in strongly compressed and would grow beyond the limit.
QUALITIES = (88, 75, 60)
WHITE = (255, 255, 255)
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# --- One at a time ----------------------------------------------------------------------------

# A picture of 25 million pixels takes about 250 MB while it is decoded: two at once in one process are too many.
_turn = threading.Lock()
TURN_SECONDS = 3


@contextlib.contextmanager
def one_at_a_time():
    """Wait until no other thread of this process decodes a file. Raises RefusedFile("busy") after a while."""
    if not _turn.acquire(timeout=TURN_SECONDS):
        raise RefusedFile("busy")
    try:
        yield
    finally:
        _turn.release()


# --- Cleaning ---------------------------------------------------------------------------------


def clean_picture(content: bytes) -> tuple[bytes, str, int, int]:
    """Return (new bytes, "JPEG" or "PNG", width, height). Raises RefusedFile."""
    try:
        bare = picture_bytes.bare(content)
    except picture_bytes.TooManyPixels as error:
        raise RefusedFile("too_many_pixels") from error
    except picture_bytes.BrokenPicture as error:
        raise RefusedFile("broken") from error
    with one_at_a_time():
        image = turn_upright(flatten(decode(bare)), bare.orientation)
        is_drawing = content.startswith(picture_bytes.PNG_SIGNATURE) and bare.width * bare.height <= MAX_PNG_PIXELS
        encoded, kind = encode(image, as_png=is_drawing)
        return encoded, kind, *image.size


def decode(bare: picture_bytes.BarePicture) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(bare.content), formats=DECODERS)
        # The two readers of one header must agree, else the bound on pixels was checked on another picture.
        if image.size != (bare.width, bare.height):
            raise RefusedFile("broken")
        image.load()
    except RefusedFile:
        raise
    except Exception as error:
        # Decoders fail in their own ways on bytes that were made to harm them; the person reads one sentence.
        raise RefusedFile("broken") from error
    return image


def flatten(image: Image.Image) -> Image.Image:
    """Return the picture in grey or RGB of 8 bits, on white where it was transparent."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        flat = Image.new("RGB", image.size, WHITE)
        flat.paste(image, mask=image.getchannel("A"))
        image = flat
    elif image.mode != "L":
        image = image.convert("L" if image.mode == "1" else "RGB")
    image.info = {}
    return image


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def encode(image: Image.Image, *, as_png: bool) -> tuple[bytes, str]:
    if as_png and len(content := write(image, "PNG")) <= MAX_BYTES:
        return content, "PNG"
    for quality in QUALITIES:
        if len(content := write(image, "JPEG", quality=quality)) <= MAX_BYTES:
            return content, "JPEG"
    raise RefusedFile("too_big")


def write(image: Image.Image, kind: str, **options) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


# --- Conditions of the photo --------------------------------------------------------------------

RATIO, RATIO_TOLERANCE = 2 / 3, 0.03
MIN_SIZE, MAX_SIZE = (400, 600), (4000, 6000)
MIN_BRIGHTNESS, MAX_SPREAD = 170, 35
SAMPLE = (120, 180)


def photo_faults(image) -> list[str]:
    """Return the codes of the conditions that a photo breaks; ``image`` is anything with a width and a height."""
    width, height = image.width, image.height
    faults = []
    if abs(width / height / RATIO - 1) > RATIO_TOLERANCE:
        faults.append("photo_ratio")
    if width < MIN_SIZE[0] or height < MIN_SIZE[1]:
        faults.append("photo_too_small")
    if width > MAX_SIZE[0] or height > MAX_SIZE[1]:
        faults.append("photo_too_large")
    return faults


def photo_hints(image) -> list[str]:
    """Return the codes of what a reviewer may not like; ``image`` is a cleaned file or a picture of Pillow's.

    Judged by the border: above the head and beside it there is nothing but the background.
    """
    with one_at_a_time():
        sample = make_sample(image)
    border = ImageStat.Stat(ImageOps.grayscale(sample), mask_border(sample.size))
    if border.mean[0] < MIN_BRIGHTNESS:
        return ["photo_dark_background"]
    return ["photo_uneven_background"] if border.stddev[0] > MAX_SPREAD else []


def make_sample(image) -> Image.Image:
    """Return a small copy."""
    if not isinstance(image, Image.Image):
        image = Image.open(io.BytesIO(image.content), formats=DECODERS)
        image.draft("RGB", SAMPLE)
    return image.convert("RGB").resize(SAMPLE, Image.Resampling.BOX)


def mask_border(size: tuple[int, int]) -> Image.Image:
    """Return a mask of the top edge and of both sides down to the shoulders."""
    width, height = size
    edge, shoulders = width // 12, height * 55 // 100
    mask = Image.new("L", size, 0)
    for box in ((0, 0, width, edge), (0, 0, edge, shoulders), (width - edge, 0, width, shoulders)):
        mask.paste(255, box)
    return mask
