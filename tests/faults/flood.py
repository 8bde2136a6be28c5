"""A flood of sign-ins from a process of its own, so that who is measured beside it is not slowed by its Python.

Reads what it needs as JSON from its input, and writes what it was answered to its output.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

from tests import timing
from tests.faults.people import LOGIN, Load, Person, Tally


def flood(stack, rate: float, seconds: float) -> dict:
    """Post wrong passwords, each from a network of its own and every fourth from one and the same."""
    timing.addresses = (f"172.{16 + n // 65536 % 16}.{n // 256 % 256}.{n % 256}" for n in range(10**6))
    tally, answers = Tally(), []

    def attack(number: int):
        person = Person(stack, tally)
        if number % 4 == 0:
            person.headers["X-Forwarded-For"] = "192.0.2.7"
        fields = {"login": f"victim{number}@example.com", "password": "Wrong-Password1"}
        form = person.fill_in(LOGIN, fields, person.read_picture)
        began = time.monotonic()
        status, _page = person.ask("POST", LOGIN, form)
        answers.append((status, time.monotonic() - began))

    with Load(attack, rate=rate, threads=48):
        time.sleep(seconds)
    return {"answers": answers, "cut": tally.cut, "errors": tally.errors[:5]}


if __name__ == "__main__":
    # As if from another machine: what this program costs must not slow the site.
    os.nice(15)
    asked = json.load(sys.stdin)
    site = SimpleNamespace(base_url=asked["base_url"], ports=asked["ports"], env=asked["env"])
    json.dump(flood(site, asked["rate"], asked["seconds"]), sys.stdout)
