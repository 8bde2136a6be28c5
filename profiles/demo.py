"""People and requests for a local run, made through the same acts as real ones."""

import datetime as dt

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from profiles import claims, services
from profiles.identity import has_check_digit
from profiles.models import Member, Rank, Specialty, UpdateRequest

PASSWORD = "Sunlit-Wadi7"  # noqa: S105  (of a local run; the command refuses any other)
# Of the authenticator app of its staff.
APP_KEY = "MUMARISPLUSDEMOSTAFF2345"
# Name in Arabic, in Latin letters, gender, nationality, specialty, rank, city, place of work.
PEOPLE = (
    ("نورة سعد القحطاني", "Noura Saad Alqahtani", "female", "SA", "nursing", "specialist", "الرياض", "مركز النخيل"),
    ("محمد عبدالله الحربي", "Mohammed Abdullah Alharbi", "male", "SA", "medicine", "resident", "جدة", "مستشفى الواحة"),
    ("سارة خالد العتيبي", "Sarah Khalid Alotaibi", "female", "SA", "pharmacy", "specialist", "الدمام", "صيدلية الساحل"),
    ("عمر يوسف الزهراني", "Omar Yousef Alzahrani", "male", "SA", "dentistry", "consultant", "أبها", "مجمع الجنوب"),
    ("ماريا سانتوس", "Maria Santos", "female", "PH", "nursing", "technician", "الرياض", "مستشفى الندى"),
    ("أحمد حسن مصطفى", "Ahmed Hassan Mostafa", "male", "EG", "laboratory", "specialist", "مكة المكرمة", "مختبر البيان"),
    ("ريم فهد الشمري", "Reem Fahad Alshammari", "female", "SA", "physiotherapy", "senior-specialist", "حائل", "الشمال"),
)  # fmt: skip
# What each of them asks for, and what becomes of it.
WISHES = (
    ({"workplace": "مستشفى الواحة العام", "job_title": "رئيسة تمريض"}, "submitted"),
    ({"specialty": "public-health"}, "approved"),
    ({"job_title": "صيدلانية أولى", "rank": "senior-specialist"}, "returned"),
    ({"workplace": "عيادات النور"}, "rejected"),
    ({"mobile": "+966501112233", "city": "الخبر"}, "automatic"),
    ({"job_kind": "private"}, "withdrawn"),
    ({"city": "بريدة", "address": "حي الريان"}, "draft"),
)


class AlreadyThere(Exception):
    """The demo was made before."""


def make_demo() -> list[tuple[str, str]]:
    """Make members, requests in every state, a claim and staff; return (who, user name) pairs. Raises AlreadyThere."""
    if User.objects.filter(email="admin@demo.example").exists():
        raise AlreadyThere
    with transaction.atomic():
        reviewer = make_staff("reviewer", "هند", "المطيري", role="reviewer")
        make_staff("senior", "فيصل", "الدوسري", role="senior reviewer")
        make_staff("admin", "ليلى", "الغامدي", is_superuser=True)
        members = [make_member(number, *person) for number, person in enumerate(PEOPLE, 1)]
        for member, (wish, end) in zip(members, WISHES, strict=True):
            make_request(member, wish, end, reviewer)
        make_claim()
    accounts = [("reviewer", "reviewer"), ("senior reviewer", "senior"), ("administrator", "admin")]
    people = [(role, f"{name}@demo.example") for role, name in accounts]
    return people + [(end, member.user.email) for member, (_wish, end) in zip(members, WISHES, strict=True)]


def make_staff(name: str, first_name: str, last_name: str, *, role: str = "", **fields) -> User:
    user = make_user(f"{name}@demo.example", first_name, last_name, is_staff=True, **fields)
    totp.TOTP.activate(user, APP_KEY)
    RecoveryCodes.activate(user)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def present_code() -> str:
    """Return what an authenticator app with the key of the staff shows now."""
    return totp.format_hotp_value(totp.hotp_value(APP_KEY, next(totp.yield_hotp_counters_from_time())))


def make_user(email: str, first_name: str, last_name: str, **fields) -> User:
    user = User.objects.create_user(email, PASSWORD, first_name=first_name, last_name=last_name, **fields)
    user.emailaddress_set.create(email=email, verified=True, primary=True)
    return user


def make_member(number: int, arabic: str, latin: str, *details: str, user: bool = True) -> Member:
    gender, nationality, specialty, rank, city, workplace = details
    is_saudi = nationality == "SA"
    email = f"{latin.split(maxsplit=1)[0].lower()}@demo.example"
    member = Member.objects.create(
        membership_number=f"10293{number:03}",
        registry_email=email,
        name_arabic=arabic,
        name_latin=latin,
        identity_kind="national_id" if is_saudi else "iqama",
        identity_number=make_identity_number(1 if is_saudi else 2, number),
        birth_date=dt.date(1980 + number, number, 5),
        gender=gender,
        nationality=nationality,
        mobile=f"+96655123{number:04}",
        city=city,
        address="حي النخيل",
        specialty=Specialty.objects.get(code=specialty),
        rank=Rank.objects.get(code=rank),
        job_kind="government",
        workplace=workplace,
        job_title="ممارس صحي",
        registration_expiry=timezone.localdate() + dt.timedelta(days=400 - 100 * number),
    )
    if user:
        names = arabic.split()
        claims.tie_member(member=member, user=make_user(email, names[0], names[-1]))
    return member


def make_identity_number(first: int, number: int) -> str:
    """Return ten digits with a right check digit."""
    nine = f"{first}0{number:07}"
    return next(f"{nine}{digit}" for digit in range(10) if has_check_digit(f"{nine}{digit}"))


def make_request(member: Member, wish: dict[str, str], end: str, reviewer: User) -> None:
    request = services.begin_update_request(user=member.user, membership_number=member.membership_number)
    request = services.save_update_request(request=request, new_values=wish)
    if end != UpdateRequest.State.DRAFT:
        request = services.submit_update_request(request=request, revision=request.revision)
    seen = {"request": request, "reviewer": reviewer, "revision": request.revision}
    if end == UpdateRequest.State.APPROVED:
        services.approve_update_request(**seen)
    elif end == UpdateRequest.State.RETURNED:
        services.return_update_request(**seen, remarks={"rank": "أرفق شهادة التصنيف للرتبة الجديدة."})
    elif end == UpdateRequest.State.REJECTED:
        services.reject_update_request(**seen, reason="جهة العمل غير مرخصة لدى الهيئة.")
    elif end == UpdateRequest.State.WITHDRAWN:
        services.withdraw_update_request(request=request)


def make_claim() -> None:
    """Make a file that nobody has activated, and somebody who says that it is theirs."""
    file = make_member(8, "لينا ماجد السبيعي", "Lina Majed Alsubaie", *PEOPLE[0][2:], user=False)
    claimant = make_user("claimant@demo.example", "لينا", "السبيعي")
    claims.claim_member(
        user=claimant,
        membership_number=file.membership_number,
        identity_number=file.identity_number,
        birth_date=file.birth_date,
    )
