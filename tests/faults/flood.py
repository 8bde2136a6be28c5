"""A flood of sign-ins from a process of its own, so that who is measured beside it is not slowed by its Python.

Reads what it needs as JSON from its input, and writes what it was answered to its output.
"""

import json
import os
import sys
import time
from types import SimpleNamespace

from tests.faults.people import LOGIN, Load, Person, Tally


def flood(stack, first: int, rate: float, seconds: float) -> dict:
    """Post wrong passwords for the addresses from ``first`` on: each from a network of its own, every fourth from one.

    All of 127.0.0.0/8 is this machine: the proxy sees where each comes from.
    """
    tally, answers = Tally(), []

    def attack(number: int):
        person, victim = Person(stack, tally), first + number
        person.source = (
            f"127.{16 + victim // 65536}.{victim // 256 % 256}.{victim % 256}" if number % 4 else "127.9.9.9"
        )
        fields = {"login": f"victim{victim}@example.com", "password": "Wrong-Password1"}
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
    json.dump(flood(site, asked["first"], asked["rate"], asked["seconds"]), sys.stdout)
