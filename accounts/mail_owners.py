"""Whose account a mail is about: asked for once for all the mails that a sender has claimed together."""

from accounts.models import User
from mumaris.mail.models import Outbox


def user_of(row: Outbox) -> User:
    """Return the user whom the row names: its language and its words come from there. Raises User.DoesNotExist."""
    if not hasattr(row, "user"):
        find_users(getattr(row, "claim", [row]))
    if row.user is None:
        raise User.DoesNotExist
    return row.user


def find_users(rows: list[Outbox]) -> None:
    """Put the user of each row into it, or None."""
    named = {row: row.references.get("user") for row in rows}
    # A row that names nothing sensible stops none of the others.
    users = User.objects.in_bulk({pk for pk in named.values() if isinstance(pk, int)})
    for row, pk in named.items():
        row.user = users.get(pk)


def language_of_owner(row: Outbox) -> str:
    """Return the language of the user whom the row names, whatever address the mail goes to."""
    return user_of(row).language
