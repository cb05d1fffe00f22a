"""Exponential backoff: how long to wait before something that failed is retried."""

from __future__ import annotations

import random
from dataclasses import dataclass

_ANY = random.Random()

MAX_DOUBLINGS = 60
"""Keeps the power within a float; `Backoff.longest_s` is reached long before."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double with each failure in a row, up to a bound.

    The caller decides on which clock its seconds count.
    """

    first_s: float
    """After the first failure. [s]"""
    longest_s: float
    """After however many, jitter aside. [s]"""
    jitter: float = 0.0
    """By which share a pause is longer or shorter at random, so that many do not come back
    together. [0 to 1]"""

    def pause_s(self, failures: int, rng: random.Random = _ANY) -> float:
        """Return the pause after so many *failures* in a row; none after none. [s]"""
        if failures <= 0:
            return 0.0
        pause_s = min(self.first_s * 2.0 ** min(failures - 1, MAX_DOUBLINGS), self.longest_s)
        return pause_s * (1 + self.jitter * (2 * rng.random() - 1))
