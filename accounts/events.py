"""The history of accounts: facts that are written once, each beside the act that it tells of.

Each app registers its kinds in ``AppConfig.ready()``, with the sentence that the owner reads.
"""

from accounts.devices import describe_source
from accounts.models import AccountEvent, User
from mumaris.origin import current_origin

_sentences: dict[str, str] = {}


def register_events(sentences: dict[str, str]) -> None:
    """Make kinds known: {name: lazy sentence for the owner of the account}."""
    _sentences.update(sentences)


def say_event(kind: str) -> str:
    """Return the sentence of a kind in the active language. Raises KeyError for a name that nobody registered."""
    return str(_sentences[kind])


def list_kinds() -> dict[str, str]:
    return dict(_sentences)


def record_event(
    kind: str,
    *,
    user: User | None = None,
    refused: bool = False,
    actor: User | None = None,
    subject: str = "",
    fields: tuple[str, ...] | list[str] = (),
) -> AccountEvent:
    """Write what happened to ``user``'s account; within a transaction it is written with the act or not at all.

    Who, where from and on what device is read off the request that is being answered; a command or task
    names its ``actor``. Raises KeyError for a kind that nobody registered.
    """
    say_event(kind)
    return AccountEvent.objects.create(
        kind=kind,
        outcome=AccountEvent.Outcome.REFUSED if refused else AccountEvent.Outcome.DONE,
        user=user,
        actor_id=actor.pk if actor else current_origin().actor_id,
        subject=subject,
        fields=list(fields),
        **describe_source(),
    )
