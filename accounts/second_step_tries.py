"""How often a second step may be tried. Whoever comes so far knows the password: a lock is told to the owner."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import limits
from accounts.known_devices import device_key, named_in
from accounts.models import User
from accounts.second_step import CHANGED_MAIL
from mumaris.mail.queue import queue_mail
from mumaris.text import format_time

ELSEWHERE = "elsewhere"
NEW_APP = "new app"


def count_try(request, user: User, where: str = "") -> None:
    """Count a code or passkey before it is checked. Raises ValidationError that names the end of a lock.

    ``where`` is NEW_APP for the first code of an app: its typing errors lock no sign-in.
    """
    try:
        for counter in counters_of(request, user, where):
            limits.count(*counter)
    except limits.LimitReached as reached:
        request.retry_after = reached.until
        text = _("Too many tries. You can try again at %(time)s.")
        raise ValidationError(text, code="locked", params={"time": format_time(reached.until)}) from None


def forget_tries(request, user: User) -> None:
    """A right code or passkey has answered the doubt."""
    limits.forget(*counters_of(request, user))
    limits.give_back_ip("sign-in", request)


def is_locked(request, user: User) -> bool:
    """Tell whether the next try has to wait."""
    return any(limits.used(*counter)[1] for counter in counters_of(request, user))


def tell_locked(user: User) -> None:
    """Mail the owner that somebody with the password guesses at the second step."""
    if limits.allows(limits.LOCK_NOTICES, user.pk):
        with transaction.atomic():
            queue_mail(CHANGED_MAIL, user.email, user=user.pk, what="locked")


def counters_of(request, user: User, where: str = "") -> list[tuple]:
    """Return what a try counts against, as (limit, *key): who guesses elsewhere locks no device of the owner."""
    if not where:
        where = device_key(request) if named_in(request, user.email).is_known else ELSEWHERE
    return [(limits.SECOND_STEP, user.pk, where), (limits.SECOND_STEP_SLOW, user.pk, where)]
