"""Leaves a server alone for a while after it did not answer, so that not every page waits for it in turn."""

import time


class Breaker:
    """One for each server in each process; ``seconds`` is how long nobody asks again after a failure."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self.away_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self.away_until

    def trip(self) -> None:
        self.away_until = time.monotonic() + self.seconds
