"""One password hash at a time in each process, a short queue, and then an answer at once.

Hashes side by side fight for memory bandwidth: a flood of sign-ins would hold every thread, and with
them every page. Behind this gate the machine does more sign-ins a second, and other pages stay quick.
All are made by one thread, which stands back for the pages.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from mumaris.origin import current_origin

# Who may wait behind the one that is being made; more would wait longer than a person does. With it eight
# impatient taps of one person on the same button are all answered, even where one process serves them.
QUEUE = 7
# Seconds after which a refused visitor may find the queue shorter.
RETRY_AFTER = 2
# How far hashes stand back (setpriority) where pages want the same cores. On an idle machine it costs nothing.
# More would let a flood of cheap pages starve whoever signs in.
NICENESS = 5

Result = TypeVar("Result")


def _step_back() -> None:
    """Linux keeps a niceness for each thread; elsewhere, or where it may not be set, hashes run as everything else."""
    if sys.platform != "linux":
        return
    with suppress(OSError):
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def _open_gate() -> None:
    global _places, _looking, _hasher  # noqa: PLW0603
    _places = threading.BoundedSemaphore(QUEUE + 1)
    # Those who only look take a place for a moment: one at a time, so that looking never fills the queue.
    _looking = threading.Lock()
    _hasher = ThreadPoolExecutor(1, thread_name_prefix="hashes", initializer=_step_back)


_open_gate()
# A fork has no thread but its own, and nobody in it holds what others held.
os.register_at_fork(after_in_child=_open_gate)


class TooBusy(Exception):
    """The queue is full: the page answers 503. A try is counted only where two take the last place at once."""


def hash_in_turn(act: Callable[[], Result]) -> Result:
    """Hash when the turn comes. Raises TooBusy at once when a request finds the queue full; commands wait."""
    if not _places.acquire(blocking=current_origin().request is None):
        raise TooBusy
    try:
        return _hasher.submit(act).result()
    finally:
        _places.release()


def refuse_when_full() -> None:
    """Raise TooBusy before a try is counted that could not be answered."""
    with _looking:
        if not _places.acquire(blocking=False):
            raise TooBusy
        _places.release()
