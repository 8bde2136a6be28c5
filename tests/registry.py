"""Members of the registry, and what they fill in, for tests."""

import datetime as dt
import io
import itertools
import os

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from accounts.models import SignInName
from profiles.models import Member, Rank, Specialty

# Each command of a running stack is a process of its own.
counter = itertools.count(os.getpid() % 10_000 * 100 + 1)
BIRTH_DATE = dt.date(1985, 4, 5)  # 15 Rajab 1405


def add_check_digit(nine: str) -> str:
    """Return ten digits whose last is the Luhn check digit of the nine."""
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(nine))
    return f"{nine}{-total % 10}"


def make_national_id(number: int) -> str:
    return add_check_digit(f"1{number:08}")


def make_iqama(number: int) -> str:
    return add_check_digit(f"2{number:08}")


def make_terms() -> None:
    """Make the terms that tests name: a test that empties the tables takes the migration's away."""
    for model, code, ar, en in (
        (Specialty, "nursing", "التمريض", "Nursing"),
        (Specialty, "pharmacy", "الصيدلة", "Pharmacy"),
        (Rank, "specialist", "أخصائي", "Specialist"),
        (Rank, "consultant", "استشاري", "Consultant"),
    ):
        model.objects.get_or_create(code=code, defaults={"name_ar": ar, "name_en": en})


def make_registry_member(user=None, **fields) -> Member:
    """Make a member file with every value filled in, tied to ``user`` if given."""
    number = next(counter)
    make_terms()
    values = {
        "membership_number": f"1029{number:06}",
        "registry_email": f"registry{number}@example.com",
        "name_arabic": "نورة سعد القحطاني",
        "name_latin": "Noura Saad Alqahtani",
        "identity_kind": "national_id",
        "identity_number": make_national_id(number),
        "birth_date": BIRTH_DATE,
        "birth_typed": "15/07/1405",
        "birth_calendar": "hijri",
        "gender": "female",
        "nationality": "SA",
        "mobile": "+966551234567",
        "city": "الرياض",
        "address": "حي النخيل",
        "specialty": Specialty.objects.get(code="nursing"),
        "rank": Rank.objects.get(code="specialist"),
        "job_kind": "government",
        "workplace": "مركز النخيل الصحي",
        "job_title": "أخصائية تمريض",
        "registration_expiry": dt.date(2030, 1, 1),
    } | fields
    if user is not None:
        values |= {"user": user, "tied_at": timezone.now()}
    member = Member.objects.create(**values)
    if user is not None:
        SignInName.objects.create(value=member.membership_number, user=user)
    return member


def edit_fields(member: Member, **changes) -> dict:
    """Return what the edit page posts when nothing but ``changes`` was typed."""
    return {
        "mobile": member.mobile,
        "city": member.city,
        "address": member.address,
        "specialty": member.specialty.code if member.specialty else "",
        "rank": member.rank.code if member.rank else "",
        "job_kind": member.job_kind,
        "workplace": member.workplace,
        "job_title": member.job_title,
        "name_arabic": member.name_arabic,
        "name_latin": member.name_latin,
        "gender": member.gender,
        "birth_date": member.birth_typed,
        "calendar": member.birth_calendar,
        "nationality": str(member.nationality),
        "identity_kind": member.identity_kind,
        "identity_number": member.identity_number,
    } | changes


def make_picture(width: int = 600, height: int = 900, name: str = "scan.jpg") -> SimpleUploadedFile:
    """Return a bright JPEG as a browser uploads it; its size is right for a photo."""
    content = io.BytesIO()
    Image.new("RGB", (width, height), (240, 242, 245)).save(content, "JPEG")
    return SimpleUploadedFile(name, content.getvalue(), content_type="image/jpeg")
