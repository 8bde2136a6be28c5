"""What becomes of member data when one of two accounts of a person is closed."""

from contextlib import suppress

from django.dispatch import receiver
from django.utils.translation import gettext as _

from accounts.closing import account_closing, closing_foreseen
from accounts.models import SignInName
from profiles import claims, services
from profiles.models import Claim, Member, UpdateRequest


@receiver(account_closing)
def leave_closed_account(sender, kept, closed, **kwargs):
    """Withdraw what is open there, and give the member file to the account that stays, if that has none."""
    for request in UpdateRequest.objects.for_user(closed).filter(state__in=UpdateRequest.OPEN):
        with suppress(services.StateChanged):
            services.withdraw_update_request(request=request)
    claims.end_claims_of(user=closed)
    member = Member.objects.select_for_update().filter(user=closed).first()
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
