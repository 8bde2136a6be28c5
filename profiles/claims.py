"""Whose file is it? A claim ties a never-activated member file to a signed-in user, after a wait.

Every failure reads the same. The registry address, if there is one, is told at once and may object; after
CLAIM_WAIT, or by a reviewer, the file is tied. Rows are locked in one order: account, member, claim.
"""

import hmac
from contextlib import suppress
from datetime import date

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import limits
from accounts.events import record_event
from accounts.models import SignInName, User, new_nonce
from accounts.restoring import register_settler
from accounts.rights import is_own
from mumaris.keys import current_code_key_id, mac
from mumaris.mail.queue import queue_mail
from profiles.models import Claim, Member

State = Claim.State
EVENTS = {State.TIED: "claim.tied", State.REFUSED: "claim.refused", State.STOPPED: "claim.objected"}


class ClaimFailed(Exception):
    """No member fits, or the one that does cannot be claimed: nobody is told which."""


class ClaimDecided(Exception):
    """The claim is not waiting any more."""


class ClaimantGone(Exception):
    """The account that claims is disabled, closed or erased."""


class OwnClaim(Exception):
    """Nobody decides on their own claim."""


class MemberTaken(Exception):
    """The member has an account in use by now, or the user another member."""


def claim_member(*, user: User, membership_number: str, identity_number: str, birth_date: date) -> Claim:
    """Record a claim when all three agree with one member that nobody uses. Raises ClaimFailed or LimitReached."""
    limits.count(limits.CLAIMS, user.pk)
    member = Member.objects.select_related("user").filter(membership_number=membership_number).first()
    if member is None or not _fits(member, identity_number, birth_date) or not _is_claimable(member, user):
        # The same for every reason, in words and in work.
        record_event("claim.failed", user=user, refused=True)
        raise ClaimFailed
    try:
        with transaction.atomic():
            claim = Claim.objects.create(
                member=member,
                user=user,
                nonce=new_nonce(),
                key_id=current_code_key_id(),
                due_at=timezone.now() + settings.CLAIM_WAIT,
            )
            record_event("claim.made", user=user)
            queue_mail("claim_received", user.email, claim=claim.pk)
            _warn(claim)
    except IntegrityError:
        # A second tap: the first has made it.
        return Claim.objects.waiting().get(user=user)
    return claim


def _fits(member: Member, identity_number: str, birth_date: date) -> bool:
    same_number = hmac.compare_digest(member.identity_number.encode(), identity_number.encode())
    return same_number & (member.birth_date == birth_date)


def _is_claimable(member: Member, user: User) -> bool:
    if member.is_activated or Member.objects.filter(user=user).exists():
        return False
    # Whom the owner has stopped once asks the Commission in person.
    return not Claim.objects.filter(member=member, user=user, state=State.STOPPED).exists()


def start_wait(claim_id: int) -> None:
    """The mail server has taken the warning: from now on the registry address has its time to object."""
    now = timezone.now()
    waiting = Claim.objects.waiting().filter(pk=claim_id, warned_at=None)
    waiting.update(warned_at=now, due_at=now + settings.CLAIM_WAIT)


def begin_waits_again() -> dict[str, int]:
    """Warn of every waiting claim anew in a restored database: its owner may have objected since the backup."""
    waiting = list(Claim.objects.waiting().select_related("member"))
    for claim in waiting:
        claim.warned_at, claim.due_at = None, timezone.now() + settings.CLAIM_WAIT
        claim.save(update_fields=["warned_at", "due_at"])
        _warn(claim)
    return {"waits of claims begun again": len(waiting)}


register_settler(begin_waits_again)


def _warn(claim: Claim) -> None:
    if claim.member.registry_email:
        # Whoever reads it has chosen no language yet: not the claimant's.
        queue_mail("claim_warning", claim.member.registry_email, language="ar", claim=claim.pk)


# --- «This wasn't me» ---------------------------------------------------------------------------


def objection_token(claim: Claim) -> str:
    """Return what the link in the registry address's mail carries; it is stored nowhere."""
    return f"{claim.pk}-{mac(claim.key_id, 'claim objection', claim.pk, claim.nonce).hex()}"


def find_claim_of_token(token: str) -> Claim | None:
    """Return the waiting claim that a link is about, or None when it is dead. Consumes nothing."""
    number = token.partition("-")[0]
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    claim = Claim.objects.waiting().select_related("member").filter(pk=number).first()
    try:
        is_right = claim is not None and hmac.compare_digest(objection_token(claim).encode(), token.encode())
    except LookupError:
        return None
    return claim if is_right else None


def stop_claim(*, claim: Claim) -> None:
    """End a claim because the registry address objects. Raises ClaimDecided."""
    with transaction.atomic():
        _decide(_lock(claim), State.STOPPED, "claim_stopped", by_link=True)


# --- The end of a claim -------------------------------------------------------------------------


def approve_claim(*, claim: Claim, reviewer: User) -> Member:
    """Tie the member before the wait is over. Raises ClaimDecided, OwnClaim, ClaimantGone or MemberTaken."""
    with transaction.atomic():
        claim = _lock(claim)
        _refuse_own(claim, reviewer)
        return _tie_claim(claim, by=reviewer)


def refuse_claim(*, claim: Claim, reviewer: User, reason: str) -> None:
    """End a claim with a reason that its user reads. Raises ClaimDecided or OwnClaim."""
    with transaction.atomic():
        claim = _lock(claim)
        _refuse_own(claim, reviewer)
        _decide(claim, State.REFUSED, "claim_refused", by=reviewer, reason=reason)


def end_claims_of(*, user: User, is_told: bool = True) -> None:
    """End the waiting claim of an account that is closed or, without a mail, erased. Call inside a transaction."""
    for claim in Claim.objects.waiting().filter(user=user):
        with suppress(ClaimDecided):
            _decide(_lock(claim), State.REFUSED, "claim_refused" if is_told else None)


def tie_due_claims() -> int:
    """Tie the claims whose wait is over; safe to run twice at once."""
    tied = 0
    for claim in Claim.objects.due(timezone.now()):
        try:
            with transaction.atomic():
                _tie_claim(_lock(claim))
                tied += 1
        except MemberTaken:
            _refuse_taken(claim)
        except (ClaimDecided, ClaimantGone):
            continue
    return tied


def _refuse_taken(claim: Claim) -> None:
    with transaction.atomic():
        _decide(_lock(claim), State.REFUSED, "claim_refused")


def _lock(claim: Claim) -> Claim:
    # The account, as whoever closes or erases it; then the member: whoever ties it refuses the other claims on it,
    # which another reviewer may hold.
    User.objects.select_for_update().filter(pk=claim.user_id).first()
    Member.objects.select_for_update().get(pk=claim.member_id)
    found = Claim.objects.select_for_update(of=("self",)).select_related("user").filter(pk=claim.pk).first()
    # It is gone with an account of which nothing was kept.
    if found is None or found.state != State.WAITING:
        raise ClaimDecided
    return found


def _refuse_own(claim: Claim, reviewer: User) -> None:
    if is_own(reviewer, claim.user_id, claim.member.user_id):
        raise OwnClaim


def _decide(
    claim: Claim, state: str, mail: str | None, *, by: User | None = None, reason: str = "", by_link: bool = False
) -> None:
    claim.state, claim.decided_at, claim.decided_by, claim.reason = state, timezone.now(), by, reason
    claim.save(update_fields=["state", "decided_at", "decided_by", "reason"])
    record_event(EVENTS[state], user=claim.user, actor=by, by_link=by_link)
    if mail:
        queue_mail(mail, claim.user.email, claim=claim.pk)


def _tie_claim(claim: Claim, by: User | None = None) -> Member:
    if not claim.user.is_active:
        raise ClaimantGone
    member = Member.objects.get(pk=claim.member_id)
    # The import may have tied them meanwhile.
    if member.user_id != claim.user_id:
        _remove_unused_account(member)
        tie_member(member=member, user=claim.user)
    _decide(claim, State.TIED, "claim_tied", by=by)
    for other in Claim.objects.waiting().filter(member=member).select_related("user"):
        _decide(other, State.REFUSED, "claim_refused")
    return member


def _remove_unused_account(member: Member) -> None:
    """Delete the account that the import made and nobody ever used. Raises MemberTaken when somebody has."""
    account = User.objects.select_for_update().filter(pk=member.user_id).first()
    if account is None:
        return
    if account.has_usable_password() or account.last_login:
        raise MemberTaken
    member.user = member.tied_at = None
    member.save(update_fields=["user", "tied_at"])
    account.delete()


def tie_member(*, member: Member, user: User) -> None:
    """Tie a member to an account, and let it sign in by its membership number. Raises MemberTaken."""
    member.user, member.tied_at = user, timezone.now()
    try:
        with transaction.atomic():
            member.save(update_fields=["user", "tied_at", "updated_at"])
            SignInName.objects.create(value=member.membership_number, user=user)
    except IntegrityError:
        raise MemberTaken from None
    User.objects.filter(pk=user.pk).update(birth_date=member.birth_date)
