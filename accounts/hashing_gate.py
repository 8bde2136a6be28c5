"""One password hash at a time in each process, a short queue, and then an answer at once.

Hashes side by side fight for memory bandwidth: a flood of sign-ins would hold every thread, and with
them every page. Behind this gate the machine does more sign-ins a second, and other pages stay quick.

Two threads make them. Whoever finds nobody before them is served by the *pressing* one, which stands back for the
pages but holds its own against them. In a crowd the *patient* one serves, in the time that pages leave; what it
has not done within PATIENCE, because a flood of pages leaves none, goes to the pressing one after all.
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
# How far the pressing thread stands back (setpriority) where pages want the same cores; on an idle machine it costs
# nothing. More would let a flood of cheap pages starve whoever signs in.
NICENESS = 5
# Seconds; longer than the last of a full queue waits where only sign-ins are many.
PATIENCE = 3

Result = TypeVar("Result")


def _stand_back() -> None:
    """Linux keeps a niceness for each thread; elsewhere, or where it may not be set, hashes run as everything else."""
    if sys.platform != "linux":
        return
    with suppress(OSError):
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


def _take_what_is_left() -> None:
    """Let any page take the core at once (SCHED_IDLE): niceness shares it, but lets a page wait for its turn."""
    if sys.platform != "linux":
        return
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _open_gate() -> None:
    global _places, _looking, _inside, _pressing, _patient  # noqa: PLW0603
    _places = threading.BoundedSemaphore(QUEUE + 1)
    # Those who only look take a place for a moment: one at a time, so that looking never fills the queue.
    _looking = threading.Lock()
    _inside = set()
    _pressing = ThreadPoolExecutor(1, thread_name_prefix="hashes", initializer=_stand_back)
    _patient = ThreadPoolExecutor(1, thread_name_prefix="hashes-in-a-crowd", initializer=_take_what_is_left)


_open_gate()
# A fork has no thread but its own, and nobody in it holds what others held.
os.register_at_fork(after_in_child=_open_gate)


class TooBusy(Exception):
    """The queue is full: the page answers 503. A try is counted only where two take the last place at once."""


def hash_in_turn(act: Callable[[], Result]) -> Result:
    """Hash when the turn comes. Raises TooBusy at once when a request finds the queue full; commands wait.

    ``act`` may be done twice, side by side: it changes nothing but its result.
    """
    if not _places.acquire(blocking=current_origin().request is None):
        raise TooBusy
    place = object()
    is_crowded = bool(_inside)
    _inside.add(place)
    try:
        return _hash_patiently(act) if is_crowded else _pressing.submit(act).result()
    finally:
        _inside.discard(place)
        _places.release()


def _hash_patiently(act: Callable[[], Result]) -> Result:
    hashing = _patient.submit(act)
    try:
        return hashing.result(PATIENCE)
    except TimeoutError:
        hashing.cancel()
        return _pressing.submit(act).result()


def refuse_when_full() -> None:
    """Raise TooBusy before a try is counted that could not be answered."""
    with _looking:
        if not _places.acquire(blocking=False):
            raise TooBusy
        _places.release()
