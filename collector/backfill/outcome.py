"""How filling in a venue's history went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from analytics.errors import VenueError
from collector.backfill.coverage import Covered
from collector.backfill.store import BarCounts

MAX_NAMED = 3
"""So many of a kind are named; the others are counted."""

Progress = Callable[[str, int, int], None]
"""Called with what is being requested, how much of it is done and the total."""


@dataclass(slots=True)
class Outcome:
    """How filling in a venue's history went."""

    counts: BarCounts
    covered: list[Covered] = field(default_factory=list)
    requests: int = 0
    """Requests to the venue that are done with."""
    answered: int = 0
    """Of those, answered, be it with nothing."""
    files: int = 0
    """Files of the public archive that were taken."""
    stopped: str | None = None
    """Why the venue was asked no further, in a sentence."""
    _failures: Counter[str] = field(default_factory=Counter)
    _named: dict[str, list[str]] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """How many requests and files came to nothing."""
        return self._failures.total()

    def failed(self, what: str, sentence: str | VenueError) -> None:
        """Count a failure at *what*, and keep the first few sentences."""
        self._failures[what] += 1
        named = self._named.setdefault(what, [])
        if len(named) < MAX_NAMED:
            named.append(str(sentence))

    def problems(self) -> list[str]:
        """Return what went wrong, a sentence each."""
        said = [] if self.stopped is None else [self.stopped]
        for what, sentences in self._named.items():
            said += sentences
            if more := self._failures[what] - len(sentences):
                said.append(f"{what}: {more} more failures")
        said += [f"{times:,} rows skipped: {why}" for why, times in self.counts.refused.items()]
        return said
