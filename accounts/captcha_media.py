"""The picture and the sound of a visual code: pure functions of its digits and a secret seed.

One code always looks and sounds the same: who asks for it a hundred times cannot average the noise
away, and Safari, which fetches a sound in ranges, gets pieces of one recording.
"""

import io
import math
import random
import wave
from functools import cache
from operator import add
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

INK, PAPER = (0x1F, 0x2A, 0x37), (0xFF, 0xFF, 0xFF)
SIZE = (352, 112)
SHADES = 4
FONT_SIZE = 88
STRIP = 16
STROKE = 3

SOUNDS = Path(__file__).parent / "sounds"
RATE = 8000
# Samples of silence before, between and after the digits (0.2 to 0.42 s): with the longest clips 59 KB in all.
GAPS = (1600, 3400)
HISS = 7
SILENCE = 128


def draw_picture(digits: str, seed: str) -> bytes:
    """Return a PNG of 352 x 112 pixels, at most 4 KB, which people read and tesseract does not."""
    jitter = random.Random(seed)  # noqa: S311 - only the shape; the seed is secret, the digits come from secrets
    picture = Image.new("L", SIZE, 0)
    # Some digits are outlines: people see the same digit, tesseract no longer one font.
    hollow = jitter.sample(range(len(digits)), jitter.randint(2, 3))
    # Narrower than the digits are: they touch, and nothing cuts the row into five.
    step = jitter.uniform(54, 58)
    start = jitter.uniform(22, SIZE[0] - 22 - step * len(digits))
    for place, digit in enumerate(digits):
        glyph = _glyph(digit, place in hollow).rotate(jitter.uniform(-24, 24), Image.Resampling.BILINEAR, expand=True)
        x = start + step * (place + 0.5) - glyph.width / 2 + jitter.uniform(-3, 3)
        y = (SIZE[1] - glyph.height) / 2 + jitter.uniform(-9, 9)
        picture.paste(255, (round(x), round(y)), glyph)
    _add_lines(picture, jitter)
    picture = picture.transform(SIZE, Image.Transform.MESH, _waves(jitter), Image.Resampling.BILINEAR)
    _add_dots(picture, jitter)
    return _as_png(picture)


@cache
def _glyph(digit: str, hollow: bool) -> Image.Image:
    font = ImageFont.load_default(FONT_SIZE)
    left, top, right, bottom = font.getbbox(digit, stroke_width=STROKE)
    glyph = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4), 0)
    draw, origin = ImageDraw.Draw(glyph), (2 - left, 2 - top)
    draw.text(origin, digit, fill=255, font=font, stroke_width=STROKE)
    if hollow:
        draw.text(origin, digit, fill=0, font=font)
    return glyph


def _add_lines(picture: Image.Image, jitter: random.Random) -> None:
    # Ink lines tie the digits together, paper lines cut them: both break the outlines that OCR follows.
    draw = ImageDraw.Draw(picture)
    for shade, width in ((0, 3), (0, 2), (255, 2), (255, 2)):
        middle, height = jitter.uniform(34, 78), jitter.uniform(10, 26)
        length, start = jitter.uniform(110, 230), jitter.uniform(0, math.tau)
        points = [(x, middle + height * math.sin(start + math.tau * x / length)) for x in range(-4, SIZE[0] + 12, 8)]
        draw.line(points, fill=shade, width=width, joint="curve")


def _waves(jitter: random.Random) -> list:
    height, length, start = jitter.uniform(4, 6), jitter.uniform(90, 150), jitter.uniform(0, math.tau)
    lean = jitter.uniform(-0.14, 0.14)

    def source(x, y):
        return (
            x + lean * (y - SIZE[1] / 2) + 3 * math.sin(start + y / 14),
            y + height * math.sin(start + math.tau * x / length),
        )

    mesh = []
    for left in range(0, SIZE[0], STRIP):
        for top in range(0, SIZE[1], STRIP):
            right, bottom = left + STRIP, top + STRIP
            corners = ((left, top), (left, bottom), (right, bottom), (right, top))
            mesh.append(((left, top, right, bottom), [value for corner in corners for value in source(*corner)]))
    return mesh


def _add_dots(picture: Image.Image, jitter: random.Random) -> None:
    draw = ImageDraw.Draw(picture)
    for shade, number in ((255, 24), (0, 30)):
        for _ in range(number):
            x, y, radius = jitter.uniform(0, SIZE[0]), jitter.uniform(0, SIZE[1]), jitter.uniform(0.8, 2.2)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=shade)


def _as_png(picture: Image.Image) -> bytes:
    shade = 256 // SHADES
    paletted = picture.point([value // shade for value in range(256)])
    paletted.putpalette(
        [
            round(paper + (ink - paper) * n / (SHADES - 1))
            for n in range(SHADES)
            for paper, ink in zip(PAPER, INK, strict=True)
        ]
    )
    out = io.BytesIO()
    paletted.save(out, "PNG", optimize=True, bits=2)
    return out.getvalue()


def speak_digits(digits: str, seed: str, language: str) -> bytes:
    """Return a WAV (8 kHz, 8 bit, mono, at most 60 KB) of the digits read one by one in ``language``."""
    jitter = random.Random(seed)  # noqa: S311 - as above
    parts = [_pause(jitter)]
    for digit in digits:
        parts += [_clip(language, digit), _pause(jitter)]
    speech = b"".join(parts)
    hiss = bytes(byte % HISS for byte in range(256))
    noise = jitter.randbytes(len(speech)).translate(hiss)
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(RATE)
        sound.writeframes(bytes(map(add, speech, noise)))
    return out.getvalue()


def _pause(jitter: random.Random) -> bytes:
    return bytes([SILENCE - HISS // 2]) * jitter.randint(*GAPS)


@cache
def _clip(language: str, digit: str) -> bytes:
    with wave.open(str(SOUNDS / language / f"{digit}.wav"), "rb") as clip:
        samples = clip.readframes(clip.getnframes())
    # Lowered by half the noise, and kept inside one byte, so that adding the noise needs no check.
    return bytes(min(max(sample - HISS // 2, 0), 255 - HISS) for sample in samples)
