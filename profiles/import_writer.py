"""One batch of rows into the database: members, their accounts, their names for signing in, all or nothing."""

import io
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.events import record_event
from accounts.models import NAME_LENGTH, EmailChange, SignInName, User
from mumaris.mail.queue import queue_mail
from profiles.import_rows import KEPT_AS, Row
from profiles.member_fields import IDENTITY
from profiles.models import Member

# What an import may write to a member; a row names some of them.
WRITTEN = (
    "identity_kind", "identity_number", "birth_date", "birth_typed", "birth_calendar", "name_arabic", "name_latin",
    "gender", "nationality", "mobile", "city", "address", "specialty_id", "rank_id", "job_kind", "workplace",
    "job_title", "registration_expiry",
)  # fmt: skip
MAY_BE_NULL = {"specialty_id", "rank_id", "registration_expiry"}
# What was typed is no change of the date itself.
NO_CHANGE = {"birth_typed", "birth_calendar"}
FIELD_OF = {kept: name for name, kept in KEPT_AS.items()}


@dataclass
class Outcome:
    """What became of a batch: counts, and the rows written, kept or refused as (line, number, column, reason)."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    accounts: int = 0
    written: list[tuple[str, tuple[int, str, str, str]]] = field(default_factory=list)
    kept: list[tuple[int, str, str, str]] = field(default_factory=list)
    refused: list[tuple[int, str, str, str]] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


def write_batch(rows: list[Row], *, once: set[str], overwrite: bool, dry_run: bool) -> Outcome:
    """Write one batch in one transaction; ``once`` holds the addresses that the file names once."""
    outcome, now = Outcome(), timezone.now()
    with transaction.atomic():
        rows = refuse_taken_identities(rows, outcome)
        present = read_present(rows)
        known = [(present[row.number], row) for row in rows if row.number in present]
        new = [row for row in rows if row.number not in present]
        for member, row in known:
            update_member(member, row, outcome, overwrite=overwrite)
            if row.email and member.user_id and not member.is_activated and member.user.email != row.email:
                drop_unused_account(member)
        untied = [row for member, row in known if not member.user_id]
        accounts = give_accounts([row for row in new + untied if row.email in once], outcome, now)
        tie_members({present[row.number]: accounts[row.number] for row in untied if row.number in accounts}, now)
        create_members(new, accounts, outcome, now)
        if dry_run:
            transaction.set_rollback(True)
    return outcome


# --- Members --------------------------------------------------------------------------------------


def refuse_taken_identities(rows: list[Row], outcome: Outcome) -> list[Row]:
    """Leave out the rows whose identity belongs to another member."""
    holders = {}
    for kind in {row.identity[0] for row in rows}:
        numbers = [row.identity[1] for row in rows if row.identity[0] == kind]
        taken = Member.objects.filter(identity_kind=kind, identity_number__in=numbers)
        pairs = taken.values_list("identity_number", "membership_number")
        holders |= {(kind, identity): number for identity, number in pairs}
    free = []
    for row in rows:
        if holders.get(row.identity, row.number) == row.number:
            free.append(row)
        else:
            reason = _("Another member has this identity number.")
            outcome.refused.append((row.line, row.number, "identity_number", reason))
    return free


def read_present(rows: list[Row]) -> dict[str, Member]:
    """Return {number: member} of those that the registry holds, locked until the commit."""
    numbers = [row.number for row in rows]
    found = Member.objects.filter(membership_number__in=numbers).order_by("pk")
    # Approvals lock the same rows: neither writes over the other.
    return {member.membership_number: member for member in found.select_for_update(of=("self",)).select_related("user")}


def create_members(rows: list[Row], accounts: dict[str, int], outcome: Outcome, now: datetime) -> None:
    columns = ("membership_number", "registry_email", "user_id", "tied_at", "kept_fields", "created_at", "updated_at")
    members = []
    for row in rows:
        user = accounts.get(row.number)
        values = (row.values.get(name, None if name in MAY_BE_NULL else "") for name in WRITTEN)
        members.append((row.number, row.email, user, now if user else None, [], now, now, *values))
    insert_rows(Member, (*columns, *WRITTEN), members)
    outcome.created += len(rows)
    outcome.written += [("created", (row.line, row.number, "", "")) for row in rows]


def update_member(member: Member, row: Row, outcome: Outcome, *, overwrite: bool) -> None:
    """Write what differs; a value that a reviewer approved stays, unless ``overwrite``."""
    differing = [n for n, value in row.values.items() if n not in NO_CHANGE and getattr(member, n) != value]
    kept = [] if overwrite else [name for name in differing if is_kept(member, FIELD_OF.get(name, name))]
    written = [name for name in differing if name not in kept]
    for name in kept:
        outcome.kept.append(
            (row.line, row.number, FIELD_OF.get(name, name), _("The member or a reviewer set another value."))
        )
    if overwrite and any(FIELD_OF.get(name, name) in member.kept_fields for name in written):
        names = {FIELD_OF.get(name, name) for name in written}
        member.kept_fields = [field for field in member.kept_fields if field not in names]
        member.save(update_fields=["kept_fields"])
    if "birth_date" in written:
        written += NO_CHANGE
    for name in written:
        setattr(member, name, row.values[name])
    if row.email and row.email != member.registry_email:
        member.registry_email = row.email
        written.append("registry_email")
    if not written:
        outcome.unchanged += 1
        return
    member.save(update_fields=[*written, "updated_at"])
    if "birth_date" in written and member.user_id:
        User.objects.filter(pk=member.user_id).update(birth_date=member.birth_date)
    outcome.changed += 1
    names = ", ".join(FIELD_OF.get(name, name) for name in written if name not in NO_CHANGE)
    outcome.written.append(("changed", (row.line, row.number, names, "")))


def is_kept(member: Member, name: str) -> bool:
    """Tell whether a value stays; kind and number of the identity are one."""
    together = IDENTITY if name in IDENTITY else (name,)
    return any(field in member.kept_fields for field in together)


# --- Accounts -------------------------------------------------------------------------------------


def give_accounts(rows: list[Row], outcome: Outcome, now: datetime) -> dict[str, int]:
    """Return {membership number: user id}: accounts whose door is «forgot password», and those proved already."""
    wishes = {row.email: row for row in rows}
    for address in taken_addresses(wishes):
        del wishes[address]
    accounts = find_proved_accounts(wishes)
    tied = list(accounts.values())
    accounts |= create_users([row for row in wishes.values() if row.number not in accounts], now)
    insert_rows(SignInName, ("value", "user_id"), list(accounts.items()))
    outcome.accounts += len(accounts)
    for user, email in User.objects.filter(pk__in=tied).values_list("pk", "email"):
        record_event("claim.tied", user=User(pk=user))
        queue_mail("file_linked", email, user=user)
    return accounts


def taken_addresses(wishes: dict[str, Row]) -> set[str]:
    """Return the addresses that another member's file holds too, or that their former owner may still bring back."""
    holders = Member.objects.filter(registry_email__in=wishes).values_list("registry_email", "membership_number")
    held = {address for address, number in holders if number != wishes[address].number}
    return held | reserved_addresses(wishes)


def reserved_addresses(addresses) -> set[str]:
    kept = EmailChange.objects.filter(old_address__in=addresses, completed_at__isnull=False, undone_at=None)
    return set(kept.filter(undo_until__gt=timezone.now()).values_list("old_address", flat=True))


def find_proved_accounts(wishes: dict[str, Row]) -> dict[str, int]:
    """Return the untied accounts that have proved an address; takes every address in use out of the wishes.

    Who proved the mailbox may open the file: «forgot password» would ask no more.
    """
    proved = set(EmailAddress.objects.filter(email__in=wishes, verified=True).values_list("email", flat=True))
    accounts = {}
    for user in User.objects.filter(email__in=wishes).select_related("member"):
        row = wishes.pop(user.email)
        if user.email in proved and not hasattr(user, "member"):
            accounts[row.number] = user.pk
            User.objects.filter(pk=user.pk).update(birth_date=row.values["birth_date"])
    return accounts


def create_users(rows: list[Row], now: datetime) -> dict[str, int]:
    columns = (
        "email", "password", "first_name", "last_name", "birth_date", "language", "date_joined", "is_superuser",
        "is_staff", "is_active", "session_epoch",
    )  # fmt: skip
    users = [
        (row.email, make_no_password(), *split_name(row), row.values["birth_date"], "ar", now, False, False, True, 0)
        for row in rows
    ]
    ids = insert_rows(User, columns, users)
    pairs = list(zip(rows, ids, strict=True))
    insert_rows(SignInName, ("value", "user_id"), [(row.email, user) for row, user in pairs])
    addresses = [(row.email, False, True, user) for row, user in pairs]
    insert_rows(EmailAddress, ("email", "verified", "primary", "user_id"), addresses)
    return {row.number: user for row, user in pairs}


def make_no_password() -> str:
    """Return an unusable password; random, so that no two rows tell that neither has one."""
    return UNUSABLE_PASSWORD_PREFIX + secrets.token_urlsafe(30)


def split_name(row: Row) -> tuple[str, str]:
    words = (row.values.get("name_arabic") or row.values["name_latin"]).split()
    return words[0][:NAME_LENGTH], words[-1][:NAME_LENGTH]


def tie_members(accounts: dict[Member, int], now: datetime) -> None:
    for member, user in accounts.items():
        Member.objects.filter(pk=member.pk).update(user_id=user, tied_at=now)


def drop_unused_account(member: Member) -> None:
    """Delete an account that nobody has used and whose address is not the registry's any more.

    The mailbox that the registry named by mistake must not open the file. An account in use keeps its address:
    only its owner changes that.
    """
    # As it is now: its owner may set a password at this moment.
    user = User.objects.select_for_update().get(pk=member.user_id)
    if user.has_usable_password() or user.last_login is not None:
        return
    member.user = member.tied_at = None
    member.save(update_fields=["user", "tied_at"])
    user.delete()


# --- Many rows at once ----------------------------------------------------------------------------

ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def insert_rows(model, columns: tuple[str, ...], rows: list[tuple]) -> list[int]:
    """Insert rows and return their ids; by COPY on PostgreSQL, several times as fast as INSERT (measured)."""
    if not rows:
        return []
    if connection.vendor != "postgresql":
        objects = [model(**dict(zip(columns, row, strict=True))) for row in rows]
        return [made.pk for made in model.objects.bulk_create(objects)]
    table = model._meta.db_table
    with connection.cursor() as cursor:
        numbers = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
        cursor.execute(numbers, [table, len(rows)])
        ids = [number for (number,) in cursor.fetchall()]
        lines = "".join(f"{number}\t{copy_line(row)}\n" for number, row in zip(ids, rows, strict=True))
        names = ", ".join(f'"{name}"' for name in ("id", *columns))
        # Django wraps what ``execute`` raises, but not this.
        with connection.wrap_database_errors:
            cursor.copy_expert(f'COPY "{table}" ({names}) FROM STDIN', io.StringIO(lines))
    return ids


def copy_line(row: tuple) -> str:
    return "\t".join("\\N" if value is None else str(value).translate(ESCAPES) for value in row)
