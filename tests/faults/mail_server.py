"""An SMTP server that misbehaves as it is told to, while it runs."""

import asyncio
import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from tests.servers import HOST, SmtpSink

LOGIN = "mumaris:a-password-of-the-relay"


class Receipt(NamedTuple):
    """One message that the server has answered with 250."""

    at: float
    id: str
    recipient: str
    content: bytes

    @property
    def text(self) -> str:
        message = message_from_bytes(self.content, policy=policy.default)
        return message.get_body(("plain",)).get_content().replace("\r\n", "\n")


class FaultyMailServer(SmtpSink):
    """Accepts until told otherwise. It has a login, as a relay does.

    ``refuse_login``, ``answer_recipient(address)``: what it says · ``stall_at``: "RCPT" or "DATA", where it
    falls silent for good · ``drops``: so many conversations end after the final dot, ``keep_dropped`` with
    the message kept · ``seconds``: how long it takes for each message · ``before_reply()``: runs when a
    message is kept and not yet answered.
    """

    def __init__(self, **options):
        # It tells every step of every conversation.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self.behave()
        self.receipts: list[Receipt] = []
        super().__init__(**options)

    def behave(self):
        self.refuse_login, self.stall_at, self.drops, self.keep_dropped, self.seconds = False, "", 0, False, 0.0
        self.answer_recipient: Callable[[str], str | None] = lambda address: None
        self.before_reply: Callable[[], None] | None = None
        # Who waits at ``stall_at`` or has been dropped, by stage.
        self.met = Counter()

    @property
    def url(self) -> str:
        return f"smtp://{LOGIN}@{HOST}:{self.port}"

    def _make_controller(self) -> Controller:
        return Controller(
            self, hostname=HOST, port=self.port, enable_SMTPUTF8=True, ready_timeout=10,
            authenticator=self.authenticate, auth_require_tls=False,
        )  # fmt: skip

    def authenticate(self, server, session, envelope, mechanism, data) -> AuthResult:
        if self.refuse_login:
            self.met["login"] += 1
        return AuthResult(success=not self.refuse_login, handled=False)

    async def stall(self, stage: str):
        if self.stall_at == stage:
            self.met[stage] += 1
            await asyncio.sleep(3600)

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802  (aiosmtpd's name)
        await self.stall("RCPT")
        if answer := self.answer_recipient(address):
            self.met[answer[:3]] += 1
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802  (aiosmtpd's name)
        await self.stall("DATA")
        await asyncio.sleep(self.seconds)
        dropped = self.drops > 0
        self.drops -= dropped
        if self.keep_dropped or not dropped:
            self.keep(envelope)
        if dropped:
            self.met["dropped"] += 1
            server.transport.abort()
        if self.before_reply:
            await asyncio.get_running_loop().run_in_executor(None, self.before_reply)
        return "250 OK kept"

    def keep(self, envelope):
        found = re.search(rb"^Message-ID:\s*<([^@>]*)@", envelope.content, re.MULTILINE | re.IGNORECASE)
        receipt = Receipt(time.time(), found[1].decode() if found else "", envelope.rcpt_tos[0], envelope.content)
        with self._lock:
            self.receipts.append(receipt)

    def to(self, address: str) -> list[Receipt]:
        with self._lock:
            return [receipt for receipt in self.receipts if receipt.recipient == address]

    def wait_for(self, address: str, count: int = 1, seconds: float = 30) -> Receipt:
        """Return the newest mail to an address as soon as there are ``count``. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while len(found := self.to(address)) < count:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(found)} of {count} mails to {address} after {seconds} s")
            time.sleep(0.02)
        return found[-1]

    def code_for(self, address: str, **options) -> str:
        return re.search(r"^\d{6}$", self.wait_for(address, **options).text, re.MULTILINE)[0]


def start_faulty_mail_server(folder) -> FaultyMailServer:
    """Without a folder: what tells is what it has answered, and ten thousand files would slow it down."""
    return FaultyMailServer().start()


def wait_until(condition: Callable[[], object], seconds: float = 30, what: str = ""):
    """Return the first true value of ``condition``. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(what or f"not within {seconds} s")
        time.sleep(0.02)
    return value


def in_background(act: Callable, *arguments) -> threading.Thread:
    thread = threading.Thread(target=act, args=arguments, daemon=True)
    thread.start()
    return thread
