"""Sessions whose end the server holds: an idle limit, and an absolute one.

They lie in the database alone: a cache in front of it revives ended sessions when it comes back.
"""

import re
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth import SESSION_KEY as USER_ID
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from accounts.devices import read_source

# When, as what and where this session was signed in, and whether by two steps or a passkey:
# {"at": seconds since 1970, "kind": key of SESSION_LIMITS, "second_factor": bool, "network", "device",
# "known_device": id of its row}.
SIGNED_IN = "signed_in"
# What was ticked on the sign-in page, kept over the second step.
REMEMBER = "remember"
GOOD_KEY = re.compile(r"[a-z0-9]{8,40}")
# Activity is written at most this often.
TOUCH_AFTER = timedelta(minutes=1)


class SessionStore(DatabaseStore):
    stored_until = None

    def __init__(self, session_key=None):
        # A cookie that we never set must not reach the database: it may hold a NUL.
        super().__init__(session_key if session_key and GOOD_KEY.fullmatch(session_key) else None)

    @classmethod
    def get_model_class(cls):
        from accounts.models import Session

        return Session

    def create_model_instance(self, data):
        """Return the row with what the list of signed-in devices shows of it."""
        row, mark = super().create_model_instance(data), data.get(SIGNED_IN)
        if mark and USER_ID in data:
            row.user_id, row.network, row.device = data[USER_ID], mark.get("network"), mark.get("device", "")
            row.signed_in_at, row.seen_at = datetime.fromtimestamp(mark["at"], UTC), timezone.now()
        return row

    def load(self):
        # As Django does it, but keeps the stored end: it tells when activity was last written.
        row = self._get_session_from_db()
        self.stored_until = row.expire_date if row else None
        return self.decode(row.session_data) if row else {}

    def mark_signed_in(self, kind: str, *, second_factor: bool = False) -> None:
        """Start the clocks of a sign-in: "normal", "remembered" or "staff"."""
        network, device = read_source()
        mark = {"at": int(time.time()), "kind": kind, "second_factor": second_factor}
        self[SIGNED_IN] = mark | {"network": network, "device": device}

    def mark_device(self, device: UUID) -> None:
        """Note which known device of its user this session was signed in on."""
        self[SIGNED_IN] = self[SIGNED_IN] | {"known_device": str(device)}

    def mark_second_factor(self, proved: bool) -> None:
        """Note that the second step was proved in this session, or that the account has none any more."""
        self[SIGNED_IN] = self[SIGNED_IN] | {"second_factor": proved}

    @property
    def absolute_end(self) -> datetime | None:
        mark = self.get(SIGNED_IN)
        if mark is None:
            return None
        _idle, absolute = settings.SESSION_LIMITS[mark["kind"]]
        return datetime.fromtimestamp(mark["at"], UTC) + absolute

    def get_expiry_date(self, **kwargs) -> datetime:
        """Return when the server ends this session if nothing more is asked."""
        if self.absolute_end is None:
            return timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        idle, _absolute = settings.SESSION_LIMITS[self[SIGNED_IN]["kind"]]
        return min(timezone.now() + idle, self.absolute_end)

    def get_expiry_age(self, **kwargs) -> int:
        """Return the cookie's age in seconds: it only has to outlive the server's limits."""
        return int(((self.absolute_end or self.get_expiry_date()) - timezone.now()).total_seconds())

    def get_expire_at_browser_close(self) -> bool:
        return self.get(SIGNED_IN, {}).get("kind") != "remembered"

    @property
    def ends_soon(self) -> bool:
        """Tell whether a page should say when it ends: a remembered session lasts for days."""
        return self.get(SIGNED_IN, {}).get("kind") in {"normal", "staff"}

    @property
    def seconds_left(self) -> int:
        return int((self.get_expiry_date() - timezone.now()).total_seconds())

    def touch(self) -> None:
        """Write activity, at most once a minute, by one UPDATE."""
        is_loaded = "_session_cache" in vars(self)
        if not is_loaded or self.modified or self.stored_until is None or self.absolute_end is None:
            return
        until = self.get_expiry_date()
        if until - self.stored_until >= TOUCH_AFTER:
            self.model.objects.filter(session_key=self.session_key).update(expire_date=until, seen_at=timezone.now())
