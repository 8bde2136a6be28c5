"""What a reviewer compares before a claim is decided: the member's file beside the account that claims it."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from mumaris.mail.models import Outbox
from mumaris.text import mask_address
from profiles.models import Claim, Member

WHOLE = "profiles.view_whole_member"


@dataclass(frozen=True, kw_only=True)
class Pair:
    label: str
    of_file: str
    of_account: str
    direction: str = "auto"


def show_address(address: str, viewer: User) -> str:
    """Return an address, masked for those who may not see whole members."""
    return address if viewer.has_perm(WHOLE) else mask_address(address)


def compare(claim: Claim, viewer: User) -> list[Pair]:
    member, user = claim.member, claim.user
    names = ((_("Name in Arabic letters"), member.name_arabic), (_("Name in Latin letters"), member.name_latin))
    registry_email = show_address(member.registry_email, viewer) if member.registry_email else ""
    return [
        *(Pair(label=label, of_file=name, of_account=user.get_full_name()) for label, name in names),
        Pair(
            label=_("Email address"),
            of_file=registry_email,
            of_account=show_address(user.email, viewer),
            direction="ltr",
        ),
    ]


def find_warning(claim: Claim) -> Outbox | None:
    """Return the newest mail that warned the registry address of this claim."""
    if not claim.member.registry_email:
        return None
    rows = Outbox.objects.filter(
        recipient=claim.member.registry_email, kind="claim_warning", references__claim=claim.pk
    )
    return rows.order_by("-created_at").first()


def find_rivals(claim: Claim):
    """Return the other claims on the same member, waiting ones first."""
    others = Claim.objects.filter(member=claim.member_id).exclude(pk=claim.pk).select_related("user")
    return sorted(others.order_by("-pk")[:20], key=lambda other: other.state != Claim.State.WAITING)


def describe_account(member: Member) -> str:
    """Say in words what account the file has now."""
    if member.user_id is None:
        return _("No account")
    return _("An account in use") if member.is_activated else _("An account that nobody has ever used")
