"""Rows of a registry as a commission would export it: varied, valid, and some of them refused.

python -m tests.registry_rows 1000 > members.csv
"""

import csv
import datetime as dt
import random
import sys
from collections.abc import Iterator

from profiles.import_files import COLUMNS


def add_check_digit(nine: str) -> str:
    """Return ten digits whose last is the Luhn check digit of the nine."""
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(nine))
    return f"{nine}{-total % 10}"


FIRST = [
    ("محمد", "Mohammed"), ("أحمد", "Ahmed"), ("نورة", "Noura"), ("سارة", "Sarah"), ("فهد", "Fahad"), ("ريم", "Reem"),
    ("خالد", "Khalid"), ("منى", "Mona"), ("عبدالله", "Abdullah"), ("لطيفة", "Latifa"), ("يوسف", "Yousef"),
    ("هند", "Hind"),
]  # fmt: skip
FAMILY = [
    ("القحطاني", "Alqahtani"), ("الحربي", "Alharbi"), ("العتيبي", "Alotaibi"), ("الزهراني", "Alzahrani"),
    ("الشمري", "Alshammari"), ("الغامدي", "Alghamdi"), ("الدوسري", "Aldosari"), ("المطيري", "Almutairi"),
]  # fmt: skip
CITIES = ["الرياض", "جدة", "الدمام", "مكة المكرمة", "أبها", "تبوك", "حائل", "Al Khobar"]
SPECIALTIES, RANKS = ["nursing", "pharmacy", "medicine", "laboratory"], ["specialist", "consultant", "technician"]
REFUSED_EVERY = 33
FAULTS = (
    {"identity_number": "1000000000"}, {"email": "nobody@"}, {"birth_date": "1405-07-15"}, {"mobile": "12"},
    {"city": "=HYPERLINK(1)"}, {"specialty": "alchemy"},
)  # fmt: skip


def make_address(number: int) -> str:
    """Return an address; some members have none, some share one."""
    if number % 10 == 0:
        return ""
    return f"clinic{number // 50}@example.com" if number % 25 == 1 else f"m{number}@example.com"


def make_row(number: int, draw: random.Random) -> dict[str, str]:
    (first_ar, first_en), (middle_ar, middle_en) = draw.choice(FIRST), draw.choice(FIRST)
    family_ar, family_en = draw.choice(FAMILY)
    is_saudi = number % 3 != 0
    born = dt.date(1950, 1, 1) + dt.timedelta(days=draw.randrange(20_000))
    return {
        "membership_number": f"{number:08}",
        "identity_kind": "national_id" if is_saudi else "iqama",
        "identity_number": add_check_digit(f"{1 if is_saudi else 2}{number:08}"),
        "birth_date": born.isoformat(),
        "calendar": "gregorian",
        "name_arabic": f"{first_ar} {middle_ar} {family_ar}",
        "name_latin": f"{first_en} {middle_en} {family_en}",
        "email": make_address(number),
        "gender": draw.choice(["female", "male"]),
        "nationality": "SA" if is_saudi else draw.choice(["EG", "PH", "IN", "JO"]),
        "mobile": f"05{draw.randrange(50_000_000, 60_000_000)}",
        "city": draw.choice(CITIES),
        "address": f"حي {draw.randrange(300)}",
        "specialty": draw.choice(SPECIALTIES),
        "rank": draw.choice(RANKS),
        "job_kind": draw.choice(["government", "private", "none"]),
        "workplace": f"مستشفى {draw.randrange(500)}",
        "job_title": draw.choice(["ممرضة", "صيدلي", "Specialist", "طبيب مقيم"]),
        "registration_expiry": "2028-01-31",
    }  # fmt: skip


def make_rows(count: int, *, seed: int = 1405, refused: bool = True) -> Iterator[dict[str, str]]:
    """Yield rows, the same for the same seed; one in 33 is refused for a reason of FAULTS."""
    draw = random.Random(seed)
    for number in range(1, count + 1):
        row = make_row(number, draw)
        yield row | FAULTS[number // REFUSED_EVERY % len(FAULTS)] if refused and number % REFUSED_EVERY == 0 else row


def write_rows(target, count: int, **options) -> None:
    writer = csv.DictWriter(target, COLUMNS)
    writer.writeheader()
    writer.writerows(make_rows(count, **options))


if __name__ == "__main__":
    write_rows(sys.stdout, int(sys.argv[1]))
