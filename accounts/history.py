"""The history of an account as its owner reads it: newest first, a page at a time, in plain words."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime

from accounts.events import say_event
from accounts.models import AccountEvent, Consent, User

PAGE = 30
# What its owner could not have missed: each line of these asks «was it not you?», and leads to a new password.
DOUBTED = (
    "sign_in.", "session", "device.", "mfa.", "password.", "reset.", "email.", "email_change.", "code.", "identity.",
    "data.", "claim.", "erasure.",
)  # fmt: skip
# What a new password does not undo: the page to look at too.
ALSO_CHECKED = {"mfa": "mfa_index", "erasure": "account_privacy"}
# Their subject is a reference number, which is shown.
WITH_REFERENCE = ("request.",)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One event in words. ``by_staff`` names nobody: the owner learns the role and no name."""

    at: datetime
    sentence: str
    reference: str
    detail: str
    by_staff: bool
    is_refused: bool
    is_doubted: bool
    also_check: str
    device: str
    network: str


def list_history(user: User, *, before: int | None = None) -> tuple[list[Line], int | None]:
    """Return a page of lines that are older than the event ``before``, and where the next page begins, if there is one.

    By number and without a count: a page far back costs what the first one does.
    """
    events = AccountEvent.objects.filter(user=user).order_by("-id")
    if before is not None:
        events = events.filter(id__lt=before)
    found = list(events[: PAGE + 1])
    return [describe_event(event) for event in found[:PAGE]], found[PAGE - 1].pk if len(found) > PAGE else None


def describe_event(event: AccountEvent) -> Line:
    # On an account act its owner, whoever held a link, time, and staff: links and time leave no actor.
    by_staff = event.actor_id is not None and event.actor_id != event.user_id
    is_doubted = not by_staff and event.kind.startswith(DOUBTED)
    return Line(
        at=event.at,
        sentence=say_kind(event.kind),
        reference=event.subject if event.kind.startswith(WITH_REFERENCE) else "",
        detail=describe_detail(event),
        by_staff=by_staff,
        is_refused=event.outcome == AccountEvent.Outcome.REFUSED,
        is_doubted=is_doubted,
        also_check=ALSO_CHECKED.get(event.kind.partition(".")[0], "") if is_doubted else "",
        # Where staff sit is no business of the owner's.
        device="" if by_staff else event.device,
        network="" if by_staff else shorten_network(event.network),
    )


def describe_detail(event: AccountEvent) -> str:
    """Return what a line says more: which consent, or which rights."""
    if event.kind.startswith("consent."):
        return str(dict(Consent.Kind.choices).get(event.subject, event.subject))
    return "; ".join(event.fields) if event.kind == "rights.changed" else ""


def say_kind(kind: str) -> str:
    """Return the sentence of a kind; its bare name when a newer release took the kind away."""
    try:
        return say_event(kind)
    except KeyError:
        return kind


def shorten_network(address: str | None) -> str:
    """Return the /24 or /64 of an address: enough for its owner to know it, less than whoever looks over a shoulder."""
    if not address:
        return ""
    found = ipaddress.ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 64}", strict=False))
