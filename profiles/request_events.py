"""What the history of the applicant's account says of each step of an update request."""

from accounts.events import record_event
from accounts.models import User
from profiles.models import RequestStep, UpdateRequest

Step = RequestStep.Kind
# A reminder changes nothing.
TOLD = {Step.SUBMITTED, Step.APPROVED, Step.RETURNED, Step.REJECTED, Step.WITHDRAWN, Step.CLOSED}


def record_step(request: UpdateRequest, kind: str, *, by: User | None = None) -> None:
    """Record a step with the names of the fields that it is about, never their values."""
    if kind not in TOLD:
        return
    is_applied = request.reason == UpdateRequest.AUTOMATIC
    record_event(
        "request.applied" if is_applied else f"request.{kind}",
        user=request.requested_by,
        actor=by,
        subject=request.reference,
        fields=sorted(request.remarks if kind == Step.RETURNED else request.old_values),
    )
