"""A round of requests to one venue: answers, failures and cost."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from analytics.errors import RateLimited, VenueError, VenueForbidden
from analytics.formats import listed
from collector.runtime.budget import MAX_IN_FLIGHT
from collector.venues.client import Answer, RequestStats, VenueClient
from collector.venues.venue import Question

FAILURES_IN_A_ROW = MAX_IN_FLIGHT
"""So many failures of a question in a row, and it is not asked of further instruments."""

Request = tuple[Question, str | None]
"""A question, and the venue's name of the instrument that it is asked of."""


class Round:
    """Asks one venue many things; a question that fails does not disturb the others."""

    def __init__(self, client: VenueClient) -> None:
        self._client = client
        self.answers: list[Answer] = []
        self.stats = RequestStats()
        self.errors: dict[str, str] = {}
        """The first failure of each question, in a sentence."""
        self.skipped = 0
        """Questions that the time or the budget did not allow, or that failed too often."""
        self.forbidden: VenueForbidden | None = None
        self._stopped = False
        self._failures: Counter[str] = Counter()

    async def ask_all(self, questions: Iterable[Question]) -> None:
        """Ask *questions*, each about all instruments, together."""
        await self._ask_each([(question, None) for question in questions])

    async def ask_each(self, requests: Sequence[Request]) -> None:
        """Ask *requests* in order, a few at a time, until done, stopped or cancelled."""
        self.skipped += len(requests)
        await self._ask_each(requests)

    def failed(self, name: str, error: VenueError) -> None:
        """Note that the question called *name* failed, and whether the venue wants no other."""
        if not self._stopped:
            self.errors.setdefault(name, str(error))
        if isinstance(error, VenueForbidden):
            self.forbidden = error
        self._stopped |= isinstance(error, RateLimited | VenueForbidden)

    def sentence(self) -> str | None:
        """Return what went wrong, None if nothing did; what failed for the same reason together."""
        alike: dict[tuple[str, str], list[str]] = {}
        for error in self.errors.values():
            # As a VenueError reads, ``venue: call: reason``; what has fewer parts stays as it is.
            whose, _, rest = error.partition(": ")
            call, _, reason = rest.partition(": ")
            alike.setdefault((whose, reason), []).append(call)
        said = [
            ": ".join(filter(None, (whose, listed(calls), reason)))
            for (whose, reason), calls in alike.items()
        ]
        return "; ".join(said) or None

    async def _ask_each(self, requests: Sequence[Request]) -> None:
        todo = deque(requests)

        async def work() -> None:
            while todo:
                question, venue_id = todo.popleft()
                if not self._gave_up(question):
                    await self._ask(question, venue_id)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(MAX_IN_FLIGHT, len(requests))):
                workers.create_task(work())

    async def _ask(self, question: Question, venue_id: str | None) -> None:
        try:
            self.answers.append(await self._client.ask(question, venue_id, self.stats))
        except VenueError as error:
            self._failures[question.name] += 1
            self.failed(question.name, error)
        else:
            self._failures[question.name] = 0
        if venue_id is not None:
            self.skipped -= 1

    def _gave_up(self, question: Question) -> bool:
        return self._stopped or self._failures[question.name] >= FAILURES_IN_A_ROW
