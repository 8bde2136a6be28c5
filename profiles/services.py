"""Update requests, act by act. Every move of a request's state is made here and nowhere else.

Rows are locked in one order: the request, then its member. Whoever decides names the revision that they
saw, so that a decision never falls on values that changed meanwhile.
"""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import limits
from accounts.models import User
from accounts.rights import is_own
from mumaris.mail.queue import queue_mail
from profiles import member_fields
from profiles.models import Member, MemberFile, RequestStep, UpdateRequest
from profiles.references import new_reference
from profiles.refusals import (
    ChangedElsewhere,
    ChangedMeanwhile,
    EvidenceMissing,
    HeldByAnother,
    IdentityTaken,
    NoMember,
    NothingChanged,
    OwnRequest,
    StateChanged,
    WrongMembershipNumber,
)
from profiles.request_events import record_step

State, Step = UpdateRequest.State, RequestStep.Kind


# What a decision may be refused for.
REFUSALS = (OwnRequest, StateChanged, ChangedElsewhere, HeldByAnother, ChangedMeanwhile, IdentityTaken)

# --- The member ---------------------------------------------------------------------------------


def begin_update_request(*, user: User, membership_number: str) -> UpdateRequest:
    """Return the member's open request, made at the first need. Raises NoMember or WrongMembershipNumber."""
    member = Member.objects.of_user(user)
    if member is None:
        raise NoMember
    if membership_number != member.membership_number:
        raise WrongMembershipNumber
    return _open_request(member) or _make_request(member, user)


def _open_request(member: Member) -> UpdateRequest | None:
    return UpdateRequest.objects.open().filter(member=member).first()


def _make_request(member: Member, user: User) -> UpdateRequest:
    try:
        with transaction.atomic():
            return UpdateRequest.objects.create(reference=new_reference(), member=member, requested_by=user)
    except IntegrityError:
        # Another tab made it a moment ago; or, once in 10**10, the reference was drawn before.
        return _open_request(member) or _make_request(member, user)


def save_update_request(*, request: UpdateRequest, new_values: dict[str, str]) -> UpdateRequest:
    """Keep what was typed. Of a returned request only the fields that the reviewer named. Raises StateChanged."""
    with transaction.atomic():
        request = lock_request(request)
        if not request.is_editable:
            raise StateChanged
        typed = {name: value for name, value in new_values.items() if is_field_open(request, name)}
        member = Member.objects.select_related("specialty", "rank").get(pk=request.member_id)
        request.new_values = member_fields.differing_values(member, request.new_values | typed)
        request.revision += 1
        request.save(update_fields=["new_values", "revision", "updated_at"])
    return request


def is_field_open(request: UpdateRequest, name: str) -> bool:
    """Tell whether the member may change a field, or the companion of one, in the request's present state."""
    if request.state == State.RETURNED:
        owner = next((field for field, more in member_fields.COMPANIONS.items() if name in more), name)
        together = member_fields.IDENTITY if owner in member_fields.IDENTITY else (owner,)
        return any(field in request.remarks for field in together)
    return request.is_editable


def submit_update_request(*, request: UpdateRequest, revision: int) -> UpdateRequest:
    """Send a request; one that touches at-once fields only is applied on the spot.

    Raises StateChanged, ChangedElsewhere, NothingChanged, EvidenceMissing, IdentityTaken or LimitReached.
    """
    with transaction.atomic():
        request = lock_request(request)
        if not request.is_editable:
            raise StateChanged
        if request.revision != revision:
            raise ChangedElsewhere
        member = _lock_member(request)
        fields = member_fields.changed_fields(member, request.new_values)
        request.new_values = member_fields.differing_values(member, request.new_values)
        _check_complete(request, fields)
        limits.count(limits.UPDATE_REQUESTS, request.requested_by_id)
        _record_submission(request, member, fields)
        if all(map(member_fields.is_at_once, fields)):
            _apply(request, member)
            _close(request, State.APPROVED, Step.APPROVED, reason=UpdateRequest.AUTOMATIC)
        else:
            _add_step(request, Step.SUBMITTED, by=request.requested_by)
    return request


def _check_complete(request: UpdateRequest, fields: list[str]) -> None:
    if not fields:
        raise NothingChanged
    if lacks_evidence(request):
        raise EvidenceMissing


def lacks_evidence(request: UpdateRequest) -> bool:
    """Tell whether the request touches who the member is and holds no paper that shows it."""
    papers = request.files.kept().filter(kind=MemberFile.Kind.EVIDENCE)
    return member_fields.needs_evidence(request.new_values) and not papers.exists()


def _record_submission(request: UpdateRequest, member: Member, fields: list[str]) -> None:
    request.old_values = member_fields.present_values(member, fields)
    request.state, request.submitted_at = State.SUBMITTED, timezone.now()
    request.remarks, request.reason = {}, ""
    request.reviewer = request.review_until = request.returned_at = request.reminded_at = None
    request.revision += 1
    request.save()


def withdraw_update_request(*, request: UpdateRequest, is_told: bool = True) -> UpdateRequest:
    """Take a request back before it is decided on; no mail when its account is being erased. Raises StateChanged."""
    with transaction.atomic():
        request = lock_request(request)
        if not request.is_open:
            raise StateChanged
        step = None if request.state == State.DRAFT or not is_told else Step.WITHDRAWN
        _close(request, State.WITHDRAWN, step, by=request.requested_by)
    return request


# --- The reviewer -------------------------------------------------------------------------------


def hold_for_review(*, request: UpdateRequest, reviewer: User) -> None:
    """Hold a submitted request for one reviewer, in one statement. Raises OwnRequest, HeldByAnother or StateChanged."""
    now = timezone.now()
    _refuse_own(request, reviewer)
    free = UpdateRequest.objects.filter(pk=request.pk, state=State.SUBMITTED).mine_or_free(reviewer, now)
    if free.update(reviewer=reviewer, review_until=now + settings.REVIEW_LOCK):
        request.refresh_from_db(fields=["reviewer", "review_until"])
        return
    request.refresh_from_db()
    if request.state != State.SUBMITTED:
        raise StateChanged
    raise HeldByAnother(request.reviewer, request.review_until)


def release_review(*, request: UpdateRequest, reviewer: User) -> None:
    """Let go of a request without a decision."""
    UpdateRequest.objects.filter(pk=request.pk, reviewer=reviewer).update(reviewer=None, review_until=None)


def take_over_review(*, request: UpdateRequest, reviewer: User) -> None:
    """Break another reviewer's hold: for those who may. Raises OwnRequest or StateChanged."""
    _refuse_own(request, reviewer)
    held = UpdateRequest.objects.filter(pk=request.pk, state=State.SUBMITTED)
    if not held.update(reviewer=reviewer, review_until=timezone.now() + settings.REVIEW_LOCK):
        raise StateChanged


def approve_update_request(*, request: UpdateRequest, reviewer: User, revision: int) -> UpdateRequest:
    """Write exactly the asked fields to the member.

    Raises OwnRequest, StateChanged, ChangedElsewhere, HeldByAnother, ChangedMeanwhile or IdentityTaken.
    """
    with transaction.atomic():
        request = _lock_for_decision(request, reviewer, revision)
        member = _lock_member(request)
        if moved := moved_fields(request, member):
            raise ChangedMeanwhile(moved)
        _apply(request, member)
        _close(request, State.APPROVED, Step.APPROVED, by=reviewer)
    return request


def return_update_request(
    *, request: UpdateRequest, reviewer: User, revision: int, remarks: dict[str, str]
) -> UpdateRequest:
    """Give a request back field by field: only the fields with a remark reopen. Raises as approval does."""
    with transaction.atomic():
        request = _lock_for_decision(request, reviewer, revision)
        request.state, request.remarks, request.returned_at = State.RETURNED, remarks, timezone.now()
        request.reviewer = request.review_until = request.reminded_at = None
        request.save()
        _add_step(request, Step.RETURNED, by=reviewer, remarks=remarks)
    return request


def reject_update_request(*, request: UpdateRequest, reviewer: User, revision: int, reason: str) -> UpdateRequest:
    """End a request without writing anything to the member. Raises as approval does."""
    with transaction.atomic():
        request = _lock_for_decision(request, reviewer, revision)
        _close(request, State.REJECTED, Step.REJECTED, by=reviewer, reason=reason)
    return request


def moved_fields(request: UpdateRequest, member: Member) -> list[str]:
    """Return the fields whose present value is not the one recorded at the submission."""
    return [f for f, old in request.old_values.items() if member_fields.present_value(member, f) != old]


def _refuse_own(request: UpdateRequest, reviewer: User) -> None:
    if is_own(reviewer, request.requested_by_id, request.member.user_id):
        raise OwnRequest


def _lock_for_decision(request: UpdateRequest, reviewer: User, revision: int) -> UpdateRequest:
    request = lock_request(request)
    _refuse_own(request, reviewer)
    if request.state != State.SUBMITTED:
        raise StateChanged
    if request.revision != revision:
        raise ChangedElsewhere
    is_held = request.review_until is not None and request.review_until > timezone.now()
    if is_held and request.reviewer_id != reviewer.pk:
        raise HeldByAnother(request.reviewer, request.review_until)
    return request


# --- The clock ----------------------------------------------------------------------------------


def remind_returned_requests() -> int:
    """Remind the owners of returned requests, once each; safe to run twice at once."""
    reminded = 0
    for pk in UpdateRequest.objects.to_remind(timezone.now()).values_list("pk", flat=True):
        with transaction.atomic():
            row = UpdateRequest.objects.filter(pk=pk, state=State.RETURNED, reminded_at=None)
            if row.update(reminded_at=timezone.now()):
                _add_step(row.model.objects.get(pk=pk), Step.REMINDED)
                reminded += 1
    return reminded


def close_returned_requests() -> int:
    """End returned requests that nobody answered; safe to run twice at once."""
    closed = 0
    for pk in UpdateRequest.objects.to_close(timezone.now()).values_list("pk", flat=True):
        with transaction.atomic():
            request = UpdateRequest.objects.select_for_update().get(pk=pk)
            if request.state == State.RETURNED:
                _close(request, State.REJECTED, Step.CLOSED, reason=UpdateRequest.EXPIRED)
                closed += 1
    return closed


# --- Steps --------------------------------------------------------------------------------------


def lock_request(request: UpdateRequest) -> UpdateRequest:
    """Return the request as it is now, locked until the commit. Call inside a transaction."""
    return UpdateRequest.objects.select_for_update(of=("self",)).select_related("member").get(pk=request.pk)


def _lock_member(request: UpdateRequest) -> Member:
    return (
        Member.objects.select_for_update(of=("self",))
        .select_related("specialty", "rank", "user")
        .get(pk=request.member_id)
    )


def _apply(request: UpdateRequest, member: Member) -> None:
    """Write the asked fields, and no other. Raises IdentityTaken."""
    written = ["kept_fields", "updated_at"]
    former_photo = member.photo_id
    for field in request.old_values:
        written += member_fields.write_value(member, field, request.new_values)
    member.kept_fields = sorted({*member.kept_fields, *request.old_values})
    try:
        with transaction.atomic():
            member.save(update_fields=written)
    except IntegrityError:
        raise IdentityTaken from None
    if "birth_date" in written and member.user_id:
        User.objects.filter(pk=member.user_id).update(birth_date=member.birth_date)
    if former_photo and former_photo != member.photo_id:
        MemberFile.objects.filter(pk=former_photo).update(delete_after=timezone.now() + settings.EVIDENCE_KEPT)


def _close(request: UpdateRequest, state: str, step: str | None, *, by: User | None = None, reason: str = "") -> None:
    """Move a request to its end, start the clock of its files, and tell its owner."""
    request.state, request.reason, request.decided_at = state, reason, timezone.now()
    request.decided_by = by if step in {Step.APPROVED, Step.REJECTED} else None
    request.reviewer = request.review_until = None
    request.save()
    in_use = Q(pk=F("request__member__photo"))
    files = MemberFile.objects.filter(request=request).exclude(in_use)
    MemberFile.objects.filter(pk__in=files.values("pk")).update(delete_after=timezone.now() + settings.EVIDENCE_KEPT)
    if step:
        _add_step(request, step, by=by, note=reason)


def _add_step(
    request: UpdateRequest, kind: str, *, by: User | None = None, note: str = "", remarks: dict[str, str] | None = None
) -> None:
    step = request.steps.create(kind=kind, by=by, note=note, remarks=remarks or {})
    record_step(request, kind, by=by)
    recipient = User.objects.values_list("email", flat=True).get(pk=request.requested_by_id)
    queue_mail(f"update_{kind}", recipient, request=request.pk, step=step.pk)
