"""Redis fails in every way: no page answers 5xx or waits for it long, and every mail leaves."""

import contextlib
import os
import signal
import time

import pytest
import redis

from tests.faults.mail_server import in_background
from tests.faults.people import visit_every_page


@contextlib.contextmanager
def stopped(stack):
    stack.valkey.terminate()
    yield
    stack.start_valkey()


@contextlib.contextmanager
def silent(stack):
    """The process stands still: connections are taken and nothing is answered."""
    with redis.Redis(port=stack.valkey.port) as server:
        process = server.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    yield
    os.kill(process, signal.SIGCONT)


@contextlib.contextmanager
def flushed(stack):
    """Emptied again and again, with tasks and counters on the way."""
    with said_over_and_over(stack, "FLUSHALL", pause=0.2):
        yield


@contextlib.contextmanager
def slow(stack):
    """Every answer takes up to 0.3 s."""
    with said_over_and_over(stack, "CLIENT", "PAUSE", "300", pause=0.31):
        yield


@contextlib.contextmanager
def said_over_and_over(stack, *command: str, pause: float):
    ended = []

    def keep_on():
        with redis.Redis(port=stack.valkey.port) as server:
            while not ended:
                server.execute_command(*command)
                time.sleep(pause)

    thread = in_background(keep_on)
    yield
    ended.append(True)
    thread.join()


@contextlib.contextmanager
def full(stack):
    with configured(stack, "maxmemory", "1", "0"):
        yield


@contextlib.contextmanager
def read_only(stack):
    """It has become the replica of a server that is not there: it answers questions and takes nothing."""
    with redis.Redis(port=stack.valkey.port) as server:
        server.execute_command("REPLICAOF", "127.0.0.1", "1")
        yield
        server.execute_command("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def configured(stack, name: str, value: str, former: str):
    with redis.Redis(port=stack.valkey.port) as server:
        server.config_set(name, value)
        yield
        server.config_set(name, former)


@pytest.mark.parametrize("redis_is", [stopped, silent, flushed, slow, full, read_only], ids=lambda way: way.__name__)
def test_redis_is(fault, redis_is):
    with redis_is(fault.stack):
        visit_every_page(fault.stack, fault.tally)
        joined = fault.person().join("redis-" + redis_is.__name__ + "@example.com")
        assert joined.is_signed_in()
        fault.audit()
    began = time.monotonic()
    fault.note_waits("Redis away, full, slow")
    fault.note_answers(normal=fault.seconds_until_normal(began))
    # A time-out of half a second in all, the page's own work and what a loaded machine adds.
    assert fault.tally.slowest < 5
    # Nobody has ended over it, and nobody needs a restart.
    assert fault.stack.dead() == []
    assert joined.is_signed_in()
