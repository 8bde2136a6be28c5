"""What becomes of member data when an account is erased, or closed because its owner has another one."""

from contextlib import suppress

from django.dispatch import receiver
from django.utils.translation import gettext as _

from accounts.closing import account_closing, closing_foreseen
from accounts.erasure import register_release
from accounts.models import SignInName, User
from profiles import claims, services
from profiles.models import Claim, Member, MemberFile, UpdateRequest


def end_open_matters(user: User, *, is_told: bool) -> Member | None:
    """Withdraw the open request and end the waiting claim of an account; return its member, locked."""
    for request in UpdateRequest.objects.open().filter(requested_by=user):
        with suppress(services.StateChanged):
            # Decided on meanwhile: nothing of it waits any more.
            services.withdraw_update_request(request=request, is_told=is_told)
    claims.end_claims_of(user=user, is_told=is_told)
    return Member.objects.select_for_update().filter(user=user).first()


# --- Erased -------------------------------------------------------------------------------------


def release_member(user: User) -> bool:
    """Let go of an account that is erased; True when rows stay that name it, which the law keeps.

    The member file stays in the registry without an account: its owner may link it to a new one.
    """
    member = end_open_matters(user, is_told=False)
    if member:
        member.user = member.tied_at = None
        member.save(update_fields=["user", "tied_at", "updated_at"])
    # Requests, claims and files are the registry's own history of the file.
    kept = (UpdateRequest.objects.filter(requested_by=user), Claim.objects.filter(user=user))
    files = MemberFile.objects.filter(owner=user)
    return member is not None or files.exists() or any(rows.exists() for rows in kept)


register_release(release_member)


# --- Closed -------------------------------------------------------------------------------------


@receiver(account_closing)
def leave_closed_account(sender, kept, closed, **kwargs):
    """End what is open there, and give the member file to the account that stays, if that has none."""
    member = end_open_matters(closed, is_told=True)
    if member is None or Member.objects.filter(user=kept).exists():
        return
    SignInName.objects.filter(value=member.membership_number, user=closed).delete()
    claims.tie_member(member=member, user=kept)


@receiver(closing_foreseen)
def foresee_member_data(sender, kept, closed, **kwargs) -> list[str]:
    lines = []
    if UpdateRequest.objects.for_user(closed).filter(state__in=UpdateRequest.OPEN).exists():
        lines.append(_("Its open update request is withdrawn."))
    if Claim.objects.waiting().filter(user=closed).exists():
        lines.append(_("Its waiting claim on a member file ends."))
    member = Member.objects.filter(user=closed).first()
    if member and Member.objects.filter(user=kept).exists():
        lines.append(_("Its member file is not moved, because the account that stays has another one."))
    elif member:
        lines.append(_("Its member file moves to the account that stays."))
    return lines
