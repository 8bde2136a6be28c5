"""The words of every mail about an account, written at sending time in the recipient's language.

Which mail an address gets is decided here and not in the request: a page that never asks whether an
address is known cannot tell it, neither by its content nor by its time.
"""

from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import challenges, texts
from accounts.email_change import undo_token
from accounts.mail_owners import language_of_owner, user_of
from accounts.models import Challenge, EmailChange, User
from accounts.password_reset import RESET_MAIL, find_user, link_parts, record_asking
from accounts.registration import CODE_MAIL
from mumaris.mail.kinds import Kind, Letter, register
from mumaris.mail.models import Lane, Outbox
from mumaris.text import format_moment, format_time


def language_of(row: Outbox) -> str | None:
    user = find_user(row.recipient) or keeper_of(row.recipient)
    return user and user.language


def keeping_change(address: str) -> EmailChange | None:
    """Return the completed change that keeps its former address for its account, if there is one."""
    return EmailChange.objects.reserving(address).select_related("user").order_by("-pk").first()


def keeper_of(address: str) -> User | None:
    change = keeping_change(address)
    return change and change.user


def open_challenge_of(row: Outbox) -> Challenge | None:
    """Return the challenge that this mail is about, or None when it was used, ended or followed by a newer one."""
    references = row.references
    return Challenge.objects.filter(
        pk=references["challenge"], generation=references["generation"], used_at=None, failure=""
    ).first()


def start_clock(row: Outbox) -> None:
    challenges.record_acceptance(row.references["challenge"], row.references["generation"])


def record_reset_sent(row: Outbox) -> None:
    start_clock(row)
    record_asking(row.recipient, row.references)


def end_challenge(row: Outbox, state: str) -> None:
    challenges.record_failure(row.references["challenge"], row.references["generation"], state)


def page_url(name: str, *args) -> str:
    """Return the public address of a page in the active language: from the setting, never from a request."""
    return f"{settings.BASE_URL}{reverse(name, args=args)}"


def minutes(span: timedelta) -> str:
    count = int(span.total_seconds() // 60)
    return ngettext("%(count)d minute", "%(count)d minutes", count) % {"count": count}


def greet(user: User) -> str:
    return _("Hello %(name)s,") % {"name": user.first_name}


def requested_at(row: Outbox) -> tuple[str, str]:
    return _("Time of the request"), _("%(moment)s (Riyadh time)") % {"moment": format_moment(row.created_at)}


def write_registration_code(row: Outbox) -> Letter | None:
    challenge = open_challenge_of(row)
    if challenge is None:
        return None
    user = find_user(row.recipient)
    if user and not user.is_active:
        return write_disabled(row)
    if user:
        return write_account_exists(row, user)
    kept = keeping_change(row.recipient)
    return write_address_kept(row, kept) if kept else write_code(row, challenge)


def write_address_kept(row: Outbox, change: EmailChange) -> Letter:
    """Tell the former mailbox of an account why nothing can be opened with it yet, and how to get the account back."""
    until = {"moment": format_moment(change.undo_until)}
    return Letter(
        subject=_("This email address is kept for an account"),
        title=_("This email address is kept for an account"),
        paragraphs=[
            _(
                "Someone asked to use this email address. Until a short while ago it was the address of a Mumaris Plus "
                "account, which now has another one. It is kept for that account until %(moment)s."
            )
            % until,
            _("Did you not change the address of your account? Then bring it back now."),
        ],
        button=undo_button(change),
        facts=[requested_at(row)],
        warning=(_("Was the change yours?"), _("Then sign in with the new address.")),
    )


def undo_button(change: EmailChange) -> tuple[str, str]:
    return _("It was not me: stop the change"), page_url("account_email_undo", undo_token(change))


def write_code(row: Outbox, challenge: Challenge) -> Letter:
    code = challenges.derive_code(challenge)
    return Letter(
        subject=_("Your Mumaris Plus code: %(code)s") % {"code": code},
        title=_("Your verification code"),
        paragraphs=[_("Enter this code on the registration page to finish creating your account.")],
        code=code,
        small=[say_code_lifetime(challenge)],
        facts=[
            (_("Closed the page? Sign in to come back to it"), page_url("account_login")),
            requested_at(row),
        ],
        warning=(
            _("Not you?"),
            _("Ignore this message: no account is created without the code. Do not share the code with anyone."),
        ),
    )


def say_code_lifetime(challenge: Challenge) -> str:
    """Name the time a code has: in full for its first mail, its end when that is set already."""
    if challenge.accepted_at:
        return _("The code works until %(time)s.") % {"time": format_time(challenges.ends_at(challenge))}
    return _("The code works for %(span)s.") % {"span": minutes(settings.CODE_LIFETIME)}


def say_link_lifetime(challenge: Challenge) -> str:
    if challenge.accepted_at:
        return _("The link works once, until %(time)s.") % {"time": format_time(challenges.ends_at(challenge))}
    return _("The link works once, for %(span)s.") % {"span": minutes(settings.RESET_LINK_LIFETIME)}


def write_account_exists(row: Outbox, user: User) -> Letter:
    """Say that the address has an account, or a file at the Commission that nobody has opened yet."""
    if user.has_usable_password():
        exists = _(
            "Someone tried to register with your email address. You already have an account with it: sign in, "
            "or choose a new password if you do not know it."
        )
    else:
        exists = _(
            "Someone tried to register with your email address. The Commission already holds a file with it, "
            "so you do not need a new account: choose a password for the one you have."
        )
    return Letter(
        subject=_("Someone tried to register with your email"),
        title=_("You already have an account"),
        paragraphs=[exists],
        button=(_("Choose a new password"), page_url("account_reset_password")),
        facts=[requested_at(row)],
        warning=(_("Not you?"), _("Ignore this message: your account has not changed.")),
    )


def write_password_reset(row: Outbox) -> Letter | None:
    challenge = open_challenge_of(row)
    if challenge is None:
        return None
    user = find_user(row.recipient)
    if user and not user.is_active:
        return write_disabled(row)
    if user:
        return write_reset_link(row, challenge, user)
    kept = keeping_change(row.recipient)
    return write_address_kept(row, kept) if kept else write_no_account(row)


def write_reset_link(row: Outbox, challenge: Challenge, user: User) -> Letter:
    return Letter(
        subject=_("Reset your Mumaris Plus password"),
        title=_("Reset your password"),
        greeting=greet(user),
        paragraphs=[_("We got a request to reset your Mumaris Plus password.")],
        button=(
            _("Choose a new password"),
            page_url("account_reset_password_from_key", *link_parts(challenge, user)),
        ),
        small=[say_link_lifetime(challenge)],
        facts=[requested_at(row)],
        warning=(_("Did you not ask for this?"), say_without_reset(user)),
    )


def say_without_reset(user: User) -> str:
    """Say what ignoring the mail means: an account may have no password, after an undone change of address too."""
    if user.has_usable_password():
        return _("Ignore this message and your password stays as it is. Do not send this link to anyone.")
    return _("Without a new password nobody can sign in to this account. Do not send this link to anyone.")


def write_disabled(row: Outbox) -> Letter:
    return Letter(
        subject=_("Your Mumaris Plus account is disabled"),
        title=_("Your account is disabled"),
        paragraphs=[
            _("There is an account with this email address, and it is disabled: no password can be set for it now."),
            _("To learn why, or to have it enabled, call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ],
        facts=[requested_at(row)],
        warning=(_("Not you?"), _("Ignore this message: your account has not changed.")),
    )


def write_no_account(row: Outbox) -> Letter:
    return Letter(
        subject=_("No Mumaris Plus account with this email"),
        title=_("There is no account with this email"),
        paragraphs=[
            _("Someone asked to reset the password of an account with this email address. There is no such account."),
            _("If it was you, use the email address that the Commission holds, or create a new account."),
        ],
        button=(_("Create a new account"), page_url("account_declaration")),
        facts=[requested_at(row)],
        warning=(_("Not you?"), _("Ignore this message.")),
    )


def write_welcome(row: Outbox) -> Letter:
    user = user_of(row)
    return Letter(
        subject=_("Registration completed in Mumaris Plus"),
        title=_("Registration completed"),
        greeting=greet(user),
        paragraphs=[
            _("Your Mumaris Plus account is ready. Sign in with your email address and your password."),
            _("This is your receipt of what you accepted when you registered:"),
        ],
        facts=[fact for consent in user.consents.order_by("pk") for fact in write_receipt(consent)],
        warning=(
            _("Was it not you who registered?"),
            _("Call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
    )


def write_receipt(consent) -> list[tuple[str, str]]:
    """Return the lines of one accepted text: what, its words where they are short, version, digest, when."""
    words = [(_("Text"), shown)] if (shown := words_accepted(consent)) else []
    return [
        (texts.name_kind(consent.kind), _("version %(version)s") % {"version": consent.version}),
        *words,
        (_("Accepted at"), format_moment(consent.accepted_at)),
        (_("Digest of the text"), consent.digest),
    ]


def words_accepted(consent) -> str:
    """Return a short text as it was accepted, in its language; nothing when our words have changed since."""
    with translation.override(consent.language):
        is_same = texts.text_digest(consent.kind) == consent.digest
        return texts.shown_text(consent.kind) if is_same and consent.kind != consent.Kind.TERMS else ""


def write_password_changed(row: Outbox) -> Letter:
    return Letter(
        subject=_("Your password was changed"),
        title=_("Your password was changed"),
        greeting=greet(user_of(row)),
        paragraphs=[_("The password of your Mumaris Plus account was changed. You were signed out of other devices.")],
        facts=[(_("Time of the change"), requested_at(row)[1])],
        warning=(
            _("Did you not change it?"),
            _("Choose a new password at once, then call %(phone)s.") % {"phone": settings.CONTACT["phone"]},
        ),
        button=(_("Choose a new password"), page_url("account_reset_password")),
    )


register(
    Kind(
        name=CODE_MAIL,
        lane=Lane.CODE,
        write=write_registration_code,
        language=language_of,
        accepted=start_clock,
        failed=end_challenge,
        give_up_after=timedelta(hours=2),
    )
)
register(
    Kind(
        name=RESET_MAIL,
        lane=Lane.CODE,
        write=write_password_reset,
        language=language_of,
        accepted=record_reset_sent,
        failed=end_challenge,
    )
)
register(Kind(name="welcome", lane=Lane.OTHER, write=write_welcome, language=language_of))
register(Kind(name="password_changed", lane=Lane.SECURITY, write=write_password_changed, language=language_of_owner))
