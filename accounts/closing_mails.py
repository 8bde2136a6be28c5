"""The words of the mail that tells both addresses of a person that two accounts became one."""

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.closing import MERGED_MAIL
from accounts.mail_owners import language_of_owner, user_of
from accounts.mails import greet, page_url, requested_at
from accounts.models import User
from mumaris.mail.kinds import Kind, Letter, register
from mumaris.mail.models import Lane, Outbox
from mumaris.text import mask_address


def write_account_merged(row: Outbox) -> Letter:
    user = user_of(row)
    return write_kept(row, user) if user.is_active else write_closed(row, user)


def write_kept(row: Outbox, user: User) -> Letter:
    title = _("Your second account was closed")
    return Letter(
        subject=title,
        title=title,
        greeting=greet(user),
        paragraphs=[_("You had two Mumaris Plus accounts. This one stays, and our staff closed the other one.")],
        button=(_("Sign in"), page_url("account_login")),
        facts=[(_("Closed account"), other_address(row)), (_("Time of the change"), requested_at(row)[1])],
        warning=not_mine(),
    )


def write_closed(row: Outbox, user: User) -> Letter:
    title = _("Your account was closed because you have another one")
    return Letter(
        subject=title,
        title=title,
        greeting=greet(user),
        paragraphs=[
            _("You had two Mumaris Plus accounts. Our staff closed this one: sign in with the one that stays."),
        ],
        facts=[(_("Your account"), other_address(row)), (_("Time of the change"), requested_at(row)[1])],
        warning=not_mine(),
    )


def other_address(row: Outbox) -> str:
    """Return the other address masked: were it another person's, this one must not learn it."""
    address = User.objects.filter(pk=row.references["other"]).values_list("email", flat=True).first()
    return mask_address(address) if address else "–"


def not_mine() -> tuple[str, str]:
    return _("Is the other account not yours?"), _("Call %(phone)s.") % {"phone": settings.CONTACT["phone"]}


register(Kind(name=MERGED_MAIL, lane=Lane.SECURITY, write=write_account_merged, language=language_of_owner))
