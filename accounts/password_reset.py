"""Forgot password: ask for a link, open it, set a new password once.

Like registration, asking never looks the address up: the mail does, when it is written.
"""

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone
from django.utils.http import base36_to_int, int_to_base36

from accounts import challenges, limits
from accounts.challenges import Purpose
from accounts.devices import read_source
from accounts.events import record_event
from accounts.known_devices import name_asker
from accounts.models import Challenge, EmailChange, SignInName, User
from mumaris.mail.models import Outbox
from mumaris.mail.queue import queue_mail
from mumaris.text import mailbox_of

RESET_MAIL = "password_reset"


class LinkSpent(Exception):
    """The link has expired, was used, or died with a password or address change."""


def request_reset(address: str, *, asked_by: str = "visitor") -> bool:
    """Mail a link to the account of this address; an address without one gets a mail that says so.

    Return whether a mail was queued. ``asked_by`` names whose allowance counts: what staff ask for
    a stranger cannot have used up, nor what is asked on a device that the account knows.
    """
    allowance = name_asker(address) if asked_by == "visitor" else asked_by
    with transaction.atomic():
        challenge = challenges.lock_challenge(Purpose.RESET, address)
        on_its_way = Outbox.objects.waiting().filter(recipient=address, kind=RESET_MAIL)
        if on_its_way.exists() or not limits.allows(limits.MAILBOX, "reset", allowance, mailbox_of(address)):
            return False
        mail_link(challenge, asked_by=asked_by)
        if asked_by == "staff":
            record_event("reset.sent", user=find_user(address))
        return True


def mail_link(challenge: Challenge, *, asked_by: str = "account") -> None:
    """Queue the mail of the live link; whether the mailbox may get one is the caller's to ask.

    Where a visitor asks from travels with it: whether there is an account to tell is looked up with the mail.
    """
    challenges.freshen(challenge)
    references = {"challenge": challenge.pk, "generation": challenge.generation}
    if asked_by == "visitor":
        references["source"] = read_source()
    queue_mail(RESET_MAIL, challenge.address, **references)


def record_asking(address: str, references: dict) -> None:
    """Write that a reset was asked for, once the mail server has its mail: only an account has a history."""
    owner = find_user(address)
    if owner and "source" in references:
        record_event("reset.asked", user=owner, by_link=True, source=tuple(references["source"]))


def find_user(address: str) -> User | None:
    name = SignInName.objects.select_related("user").filter(value=address).first()
    return name and name.user


def link_parts(challenge: Challenge, user: User) -> tuple[str, str]:
    """Return (uid, key) of the live link: the key dies with a change of password or address."""
    return int_to_base36(user.pk), challenges.derive_link_key(challenge, user.pk, user.password, user.email)


def open_link(uid: str, key: str) -> dict:
    """Return what the session keeps of a good link (ids, not the key). Consumes nothing. Raises LinkSpent."""
    user = _user_of(uid)
    challenge = user and Challenge.objects.filter(purpose=Purpose.RESET, address=user.email).first()
    bound_to = user and (user.pk, user.password, user.email)
    generation = challenge and challenges.generation_of_link(challenge, key, *bound_to)
    if not generation:
        raise LinkSpent
    return {"user": user.pk, "challenge": challenge.pk, "generation": generation}


def _user_of(uid: str) -> User | None:
    try:
        return User.objects.filter(pk=base36_to_int(uid), is_active=True).first()
    except ValueError:
        return None


def live_reset(opened: dict | None, uid: str) -> tuple[User, Challenge]:
    """Return user and challenge of a link opened in this browser. Raises LinkSpent.

    ``uid`` is the page's own: of two links opened in one browser each page sets its own account's password.
    """
    if not opened or int_to_base36(opened["user"]) != uid:
        raise LinkSpent
    challenge = Challenge.objects.filter(pk=opened["challenge"]).first()
    user = User.objects.filter(pk=opened["user"], is_active=True).first()
    if not user or not challenge or challenge.address != user.email:
        raise LinkSpent
    if not challenges.is_generation_live(challenge, opened["generation"]):
        raise LinkSpent
    return user, challenge


def complete_reset(opened: dict, password: str, *, network: str, device: str = "") -> User:
    """Set the new password: exactly one of any number of parallel callers does. Raises LinkSpent.

    The locks that this network and device have met at signing in end: they pointed here.
    """
    # Hashed before the transaction: no lock is held over it.
    hashed = make_password(password)
    user, challenge = live_reset(opened, int_to_base36(opened["user"]))
    with transaction.atomic():
        if not challenges.consume(challenge):
            raise LinkSpent
        # A claim may have taken the place of an account that nobody had used.
        user = User.objects.select_for_update().filter(pk=user.pk).first()
        if user is None:
            raise LinkSpent
        record_new_password(user, hashed, by_link=True)
        # The link was read in this mailbox: the address is proved, for accounts made by the registry too.
        user.emailaddress_set.update_or_create(email=user.email, defaults={"verified": True, "primary": True})
        record_event("reset.done", user=user, by_link=True)
        limits.forget(*_locks_of(user, network, device))
    return user


def _locks_of(user: User, *sources: str) -> list[tuple]:
    """Return what closes the sign-in page to this user here, whichever of the names is typed."""
    names = list(user.sign_in_names.values_list("value", flat=True))
    here = [(limits.SIGN_IN_HERE, name, source) for name in names for source in sources]
    return here + [(limit, name) for name in names for limit in (limits.SIGN_IN_ANYWHERE, limits.SIGN_IN_STREAK)]


def record_new_password(user: User, hashed: str, *, instead_of: str | None = None, by_link: bool = False) -> bool:
    """Save a password hashed before, end every link that opens the account, and tell the owner.

    ``instead_of`` is the hash that was checked: False, and the password stays, when another one stands by now.
    ``by_link`` as ``record_event`` has it.
    Rows are locked in one order everywhere: challenges, the user, the change of address.
    """
    challenges.end_challenges(Purpose.RESET, user.email)
    stored = User.objects.filter(pk=user.pk)
    if instead_of is not None:
        stored = stored.filter(password=instead_of)
    if not stored.update(password=hashed):
        return False
    user.password = hashed
    # Whoever began it may be the reason for the new password.
    if EmailChange.objects.uncompleted().filter(user=user).update(cancelled_at=timezone.now()):
        record_event("email_change.cancelled", user=user, by_link=by_link)
    queue_mail("password_changed", user.email, user=user.pk)
    return True
