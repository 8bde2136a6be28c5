"""The words of every mail about a device, in the stored language of the account's owner."""

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.disowning import DISOWNED_MAIL, link_ends_at, not_me_token
from accounts.known_devices import NEW_DEVICE_MAIL
from accounts.mail_owners import language_of_owner, user_of
from accounts.mails import greet, page_url, requested_at
from accounts.models import KnownDevice
from mumaris.mail.kinds import Kind, Letter, register
from mumaris.mail.models import Lane, Outbox
from mumaris.text import format_moment


def write_new_device(row: Outbox) -> Letter | None:
    device = KnownDevice.objects.filter(pk=row.references["device"]).first()
    if device is None or device.disowned_at:
        return None
    until = {"moment": format_moment(link_ends_at(device))}
    return Letter(
        subject=_("New sign-in to your account"),
        title=_("New sign-in to your account"),
        greeting=greet(user_of(row)),
        paragraphs=[_("Someone signed in to your Mumaris Plus account from a device that it did not know.")],
        facts=[
            (_("Device"), device.name or _("Unknown device")),
            (_("Time of the sign-in"), _("%(moment)s (Riyadh time)") % {"moment": format_moment(device.created_at)}),
            (_("Network"), device.network),
        ],
        button=(_("It was not me: sign out all devices"), page_url("account_not_me", not_me_token(device))),
        small=[_("The link works once, until %(moment)s.") % until],
        warning=(_("Was it you?"), _("Then you need not do anything with this message.")),
    )


def write_disowned(row: Outbox) -> Letter:
    return Letter(
        subject=_("All devices were signed out"),
        title=_("All devices were signed out"),
        greeting=greet(user_of(row)),
        paragraphs=[
            _("We were told from your mailbox that a sign-in to your account was not yours."),
            _(
                "All devices were signed out, and the password no longer works. "
                "We email you a link to choose a new one."
            ),
        ],
        facts=[requested_at(row)],
        warning=(
            _("Was it not you who asked for it?"),
            _("Call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
        button=(_("Choose a new password"), page_url("account_reset_password")),
    )


for name, write in {NEW_DEVICE_MAIL: write_new_device, DISOWNED_MAIL: write_disowned}.items():
    register(Kind(name=name, lane=Lane.SECURITY, write=write, language=language_of_owner))
