"""A QR code as the parts of an SVG: drawn by a template, so that no page needs a picture in its address."""

from dataclasses import dataclass
from itertools import groupby

import qrcode


@dataclass(frozen=True)
class Drawing:
    size: int
    # The data of one SVG path.
    path: str


def draw_qr_code(text: str) -> Drawing:
    """Return the code with the white margin of four modules that readers need."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M)
    code.add_data(text)
    rows = code.get_matrix()
    runs = (run for y, row in enumerate(rows) for run in _dark_runs(row, y))
    return Drawing(len(rows), "".join(runs))


def _dark_runs(row: list[bool], y: int):
    x = 0
    for is_dark, modules in groupby(row):
        length = len(list(modules))
        if is_dark:
            yield f"M{x} {y}h{length}v1h-{length}z"
        x += length
