"""What serves once: answers of the captchas, codes of an app, questions to a passkey."""

import hashlib
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts.models import SpentToken


def spend_once(what: str, lifetime: int) -> bool:
    """Record that ``what`` has served, in one statement; tell whether this was the first time.

    Rows may be purged after ``lifetime`` seconds, when the token is refused for its age anyway.
    """
    digest = hashlib.sha256(what.encode()).hexdigest()
    until = connection.ops.adapt_datetimefield_value(timezone.now() + timedelta(seconds=lifetime))
    # Neither get_or_create nor bulk_create tells in one statement, safe in a transaction, who came first.
    table = SpentToken._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (digest, expires_at) VALUES (%s, %s) ON CONFLICT DO NOTHING",  # noqa: S608
            [digest, until],
        )
        return cursor.rowcount == 1
