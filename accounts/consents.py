"""What a person has chosen: the language of their mails, and whether the Commission may write to them."""

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts import limits, texts
from accounts.events import record_event
from accounts.models import Consent, User
from mumaris.origin import current_origin


def change_language(*, user: User, language: str) -> None:
    """Write the language of every mail to ``user``; nothing is recorded when it is the present one."""
    with transaction.atomic():
        if User.objects.filter(pk=user.pk).exclude(language=language).update(language=language):
            record_event("language.changed", user=user)


def list_consents(user: User) -> list[Consent]:
    """Return every consent of a user, the newest of each kind first."""
    return list(user.consents.order_by("kind", "-pk"))


def standing_consent(user: User) -> Consent | None:
    """Return the consent to the Commission's mail that holds now, or None."""
    return user.consents.filter(kind=Consent.Kind.EMAIL, withdrawn_at=None).order_by("-pk").first()


def withdraw_email_consent(*, user: User) -> None:
    """Take the consent to the Commission's mail back. The row stays: it says from when to when it held."""
    with transaction.atomic():
        held = user.consents.filter(kind=Consent.Kind.EMAIL, withdrawn_at=None)
        if held.update(withdrawn_at=timezone.now()):
            record_event("consent.withdrawn", user=user, subject=Consent.Kind.EMAIL)


def give_email_consent(*, user: User) -> None:
    """Consent to the Commission's mail again, to the text as it is shown now; one that holds is left as it is."""
    with transaction.atomic():
        # Two taps wait for each other here.
        User.objects.select_for_update().get(pk=user.pk)
        if standing_consent(user):
            return
        accepted = texts.accept_text(Consent.Kind.EMAIL)
        request = current_origin().request
        accepted["accepted_at"] = parse_datetime(accepted["accepted_at"])
        Consent.objects.create(user=user, ip=request and limits.client_ip(request), **accepted)
        record_event("consent.given", user=user, subject=Consent.Kind.EMAIL)
