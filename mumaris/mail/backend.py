"""The e-mail backend for whatever a library sends already rendered: it goes through the same outbox."""

from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils.translation import get_language

from mumaris import clock
from mumaris.keys import box
from mumaris.mail.models import Lane, Outbox
from mumaris.mail.queue import announce

LIBRARY_KIND = "library"


class OutboxBackend(BaseEmailBackend):
    """Seals each message into an outbox row, one per recipient; the row is wiped when sent."""

    def send_messages(self, messages):
        for message in messages:
            for recipient in message.recipients():
                self._queue(message, recipient)
        return len(messages)

    def _queue(self, message, recipient: str) -> None:
        now = clock.now()
        row = Outbox.objects.create(
            kind=LIBRARY_KIND,
            lane=Lane.OTHER,
            recipient=recipient,
            language=(get_language() or "ar")[:2],
            sealed_message=box("mail").encrypt(message.message().as_bytes()),
            created_at=now,
            next_at=now,
        )
        transaction.on_commit(lambda: announce(row))
