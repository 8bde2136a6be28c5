"""Twenty times the normal sign-ins: refused at once, nobody who is signed in waits, and memory has a bound."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.faults.measures import measures, percentile
from tests.faults.people import PROFILE, Load, Person, Tally, new_address
from tests.proxy import Proxy
from tests.scaled import WEBS
from tests.servers import ROOT

# A million practitioners who sign in twice a month, on 22 days of eight hours: three a second.
NORMAL, TIMES = 3, 20
SECONDS = 20
# What others do on this machine meanwhile counts as the flood's: the best round tells most of the flood.
ROUNDS = 3


@pytest.fixture
def site(stack):
    """deploy/nginx.conf before two web services of one process each: as many as the two cores that are meant here."""
    stack.workers, workers = 1, stack.workers
    try:
        for name in WEBS:
            stack.restart(name)
            stack.wait_until_healthy(name)
        with Proxy([stack.ports[name] for name in WEBS]) as proxy:
            yield SimpleNamespace(
                base_url=stack.base_url, ports={"web": proxy.http_port}, env=stack.env, sink=stack.sink
            )
    finally:
        if "web.2" in stack.processes:
            stack.stop_process("web.2")
        stack.workers = workers
        stack.restart("web")


@dataclass
class Round:
    """Seconds of a signed-in user's pages, MiB of the web processes, (status, seconds) of each sign-in."""

    calm: list[float]
    flooded: list[float]
    memory: float
    answers: list[tuple[int, float]]
    slowness: float

    @property
    def times_calm(self) -> float:
        return percentile(self.flooded, 0.95) / percentile(self.calm, 0.95)


def test_flood_of_sign_ins(fault, site):
    member = Person(site, fault.tally).join(new_address())
    member.tally = Tally()
    rounds = []
    while len(rounds) < ROUNDS and (not rounds or rounds[-1].times_calm > 2):
        rounds.append(flood(fault.stack, site, member, first=len(rounds) * 10_000))
    judge(rounds)
    fault.audit()


def flood(stack, site, member: Person, first: int) -> Round:
    calm = look(member, 6)
    asked = {"base_url": site.base_url, "ports": site.ports, "env": {"DATA_KEY": site.env["DATA_KEY"]}}
    asked |= {"first": first, "rate": NORMAL * TIMES, "seconds": SECONDS}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.flood"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
        # It begins when its interpreter has started.
        time.sleep(4)
        flooded, memory = look(member, SECONDS - 4), memory_of(stack)
        answers = json.load(process.stdout)["answers"]
    # Before and after, when the queue has drained: the machine may have grown slower meanwhile.
    time.sleep(2)
    return Round(calm + look(member, 6), flooded, memory, answers, measures.slowness())


def look(member: Person, seconds: float) -> list[float]:
    """Return how long a signed-in user's pages took, ten a second."""
    times: list[float] = []

    def ask(number: int):
        began = time.monotonic()
        assert member.ask("GET", PROFILE)[0] == 200
        times.append(time.monotonic() - began)

    with Load(ask, rate=10, threads=6):
        time.sleep(seconds)
    return times


def memory_of(stack) -> float:
    """Return what the web processes hold together, in MiB: shared pages are counted once."""
    pids = [pid for name in WEBS for pid in (stack.processes[name].pid, *stack.children(name))]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    lines = [line for rollup in rollups for line in rollup.splitlines() if line.startswith("Pss:")]
    return sum(int(line.split()[1]) for line in lines) / 1024


def judge(rounds: list[Round]):
    best = min(rounds, key=lambda one: one.times_calm)
    calm, flooded = (percentile(times, 0.95) * 1000 for times in (best.calm, best.flooded))
    statuses = [status for status, _seconds in best.answers]
    refused = [seconds for status, seconds in best.answers if status in {429, 503}]
    quick, memory = percentile(refused, 0.95), max(one.memory for one in rounds)
    checked, times_calm, looks = statuses.count(200) / SECONDS, best.times_calm, len(best.flooded)
    told = ", ".join(f"{one.times_calm:.1f}" for one in rounds)
    measures.facts |= {
        "P6 signed-in p95, calm and in the flood": (f"{calm:.0f} ms, {flooded:.0f} ms (rounds: × {told})", "2 × calm"),
        "P6 sign-ins offered": (
            f"{NORMAL * TIMES} a second, {len(statuses) / SECONDS:.0f} answered, {checked:.1f} of them checked",
            f"{NORMAL} a second",
        ),
        "P6 refused by 429 or 503": (f"{100 * len(refused) / len(statuses):.0f} %, p95 {quick * 1000:.0f} ms", "quick"),
        "P6 memory of the web processes": (f"{memory:.0f} MiB (Pss)", "350 MiB"),
    }
    assert set(statuses) <= {200, 429, 503}
    assert refused
    assert quick < 2 * best.slowness
    assert memory < 350
    # Whoever signs in on a normal day is a part of the flood, and no fewer are let through than on that day.
    assert checked > NORMAL / best.slowness
    # Ten a second were due: whatever was never answered would make the rest look quick.
    assert looks > 8 * (SECONDS - 4) / best.slowness
    # What others take of the machine stretches a page and the queue before it.
    assert times_calm < min(6, 2 * best.slowness**2)
