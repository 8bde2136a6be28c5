"""The history of accounts: facts that are written once, each beside the act that it tells of.

Each app registers its kinds in ``AppConfig.ready()``, with the sentence that the owner reads.
"""

from collections.abc import Iterable

from accounts.devices import read_source
from accounts.metrics import EVENTS
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
    by_link: bool = False,
    source: tuple[str | None, str] | None = None,
    subject: str = "",
    fields: tuple[str, ...] | list[str] = (),
    using: str = "default",
) -> AccountEvent:
    """Write what happened to ``user``'s account; within a transaction it is written with the act or not at all.

    Who, where from and on what device is read off the request that is being answered; a command or task
    names its ``actor``. ``by_link`` says that a link from a mail did it, whoever is signed in beside it.
    ``source`` is the network and device of an earlier request; ``using`` the connection whose transaction the
    act has open. Raises KeyError for a kind that nobody registered.
    """
    say_event(kind)
    network, device = source or read_source()
    outcome = AccountEvent.Outcome.REFUSED if refused else AccountEvent.Outcome.DONE
    EVENTS.labels(kind, outcome.value).inc()
    return AccountEvent.objects.using(using).create(
        kind=kind,
        outcome=outcome,
        user=user,
        actor_id=actor.pk if actor else None if by_link else current_origin().actor_id,
        subject=subject,
        fields=list(fields),
        network=network,
        device=device,
    )


def record_events(kind: str, *, users: Iterable[int], actor: User) -> None:
    """Write what one act of staff did to many accounts, named by their ids: an event for each of them."""
    say_event(kind)
    network, device = read_source()
    events = (AccountEvent(kind=kind, user_id=user, actor=actor, network=network, device=device) for user in users)
    written = AccountEvent.objects.bulk_create(events, batch_size=1_000)
    EVENTS.labels(kind, AccountEvent.Outcome.DONE.value).inc(len(written))


def record_counts(task: str, counts: dict[str, int], *, using: str = "default") -> None:
    """Record what a task of the clock has deleted or ended; nothing when it found nothing."""
    done = [f"{name}: {count}" for name, count in counts.items() if count]
    if done:
        record_event("purge.done", subject=task, fields=done, using=using)
