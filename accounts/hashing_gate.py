"""One password hash at a time in each process, a short queue, and then an answer at once.

Hashes side by side fight for memory bandwidth: a flood of sign-ins would hold every thread, and with
them every page. Behind this gate the machine does more sign-ins a second, and other pages stay quick.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mumaris.origin import current_origin

# Who may wait behind the one that is being made; more would wait longer than a person does. With it eight
# impatient taps of one person on the same button are all answered, even where one process serves them.
QUEUE = 7
# Seconds after which a refused visitor may find the queue shorter.
RETRY_AFTER = 2

_places = threading.BoundedSemaphore(QUEUE + 1)
_turn = threading.Lock()
# Those who only look take a place for a moment: one at a time, so that looking never fills the queue.
_looking = threading.Lock()


class TooBusy(Exception):
    """The queue is full: the page answers 503. A try is counted only where two take the last place at once."""


@contextmanager
def hashing_turn() -> Iterator[None]:
    """Wait for the turn to hash. Raises TooBusy at once when a request finds the queue full; commands wait."""
    if not _places.acquire(blocking=current_origin().request is None):
        raise TooBusy
    try:
        with _turn:
            yield
    finally:
        _places.release()


def refuse_when_full() -> None:
    """Raise TooBusy before a try is counted that could not be answered."""
    with _looking:
        if not _places.acquire(blocking=False):
            raise TooBusy
        _places.release()
