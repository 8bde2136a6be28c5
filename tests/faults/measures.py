"""What the fault tests measured, promise by promise, and the one table that tells it at the end."""

import subprocess
import sys
from dataclasses import dataclass, field

# Work of always the same size, and the seconds that it takes where the budgets were set, with nothing beside it.
WORK = """
import time

def work():
    began, total = time.perf_counter(), 0
    for number in range(4_000_000):
        total += number % 7
    return time.perf_counter() - began

print(work())
"""
ALONE = 0.22


def slowness() -> float:
    """Return how many times longer work takes now than where the budgets were set, with nothing beside it.

    Seconds and rates are held against their budgets with it, so that a busy or slow machine fails no promise.
    """
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    return float(done.stdout) / ALONE


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Outage:
    """P3: what followed the return of a mail server."""

    first_code: float
    rate: float | None = None


@dataclass
class Measures:
    exceptions: dict[str, int] = field(default_factory=dict)
    # Seconds from the commit to the mail server's 250, of mails in normal running and while Redis or a worker is away.
    waits: dict[str, list[float]] = field(default_factory=dict)
    outages: dict[str, Outage] = field(default_factory=dict)
    # Codes that were typed 560 s after their acceptance, and those of them that were taken.
    late_codes: list[bool] = field(default_factory=list)
    doubles: dict[str, tuple[int, str]] = field(default_factory=dict)
    # (5xx, of them 503 with Retry-After, refused or cut connections, seconds to normal)
    answers: dict[str, tuple[int, int, int, float | None]] = field(default_factory=dict)
    # What ``slowness`` said, each time.
    slow: list[float] = field(default_factory=list)
    # What the flood and the rates measured: name → (value in words, budget in words).
    facts: dict[str, tuple[str, str]] = field(default_factory=dict)

    def slowness(self) -> float:
        self.slow.append(max(1.0, slowness()))
        return self.slow[-1]

    def lines(self) -> list[str]:
        slow = f" (this machine: ×{percentile(self.slow, 0.5):.1f} slower than alone)" if self.slow else ""
        return [
            row("", f"measured{slow}", "asked"),
            *self.first(),
            *self.second(),
            *self.third(),
            *self.fourth(),
            *self.fifth(),
            *self.others(),
        ]

    def first(self):
        bad = {name: count for name, count in self.exceptions.items() if count}
        yield row("P1", f"{sum(bad.values())} exceptions over {len(self.exceptions)} faults {bad or ''}", "0")

    def second(self):
        for label, waits in self.waits.items():
            shares = [100 * sum(wait <= limit for wait in waits) / len(waits) for limit in (10, 60)]
            text = f"{label}: {shares[0]:.1f} % in 10 s, {shares[1]:.1f} % in 60 s, p95 {percentile(waits, 0.95):.2f} s"
            yield row("P2", f"{text} ({len(waits)} mails)", "95 %, 99.9 %")

    def third(self):
        for name, outage in self.outages.items():
            rate = f", {outage.rate:.0f} mails a second" if outage.rate else ""
            yield row("P3", f"{name}: first code after {outage.first_code:.1f} s{rate}", "10 s, 20 a second")
        if self.late_codes:
            text = f"{sum(self.late_codes)} of {len(self.late_codes)} codes good 560 s after their acceptance"
            yield row("P3", text, "all")

    def fourth(self):
        for name, (count, cause) in self.doubles.items():
            if count:
                yield row("P4", f"{name}: {count} double, same Message-ID and code: {cause}", "a sender died")
        others = sum(not count for count, _cause in self.doubles.values())
        yield row("P4", f"0 doubles over {others} other faults", "0")

    def fifth(self):
        for name, (errors, polite, cut, normal) in self.answers.items():
            back = "" if normal is None else f", normal after {normal:.1f} s"
            told = f" (all 503: {polite})" if errors else ""
            yield row("P5", f"{name}: {errors} of 5xx{told}, {cut} cut{back}", "")

    def others(self):
        for name, (value, budget) in self.facts.items():
            promise, _, what = name.partition(" ")
            yield row(promise, f"{what}: {value}", budget)


def row(promise: str, measured: str, asked: str) -> str:
    return f"{promise:4}{measured:108}  {asked}".rstrip()


measures = Measures()
