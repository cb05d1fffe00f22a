"""The subscriptions of one connection: requested, acknowledged, refused and to be retried.

A venue that is busy refuses for now: the same is asked again, each time later. Only what it
says does not exist is given up, for as long as the connection lives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from collector.runtime.backoff import Backoff
from collector.streams.formats.stream import Ack, Refused, Topic
from collector.streams.wire.reconnect import MIN_RETRY_S, Link

log = structlog.get_logger(__name__)

RETRY = Backoff(first_s=2.0, longest_s=300.0, jitter=0.5)
"""The pauses after a refusal until its topics are asked for again."""

REMEMBERED_REQUESTS = 1000
"""Of so many requests of ours the answer is known as what it is, however late it comes."""

NO_ANSWER = "the subscription was not acknowledged"


@dataclass(frozen=True, slots=True)
class Request:
    """A message of ours."""

    topics: tuple[str, ...]
    subscribes: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a topic is not subscribed to."""

    reason: str
    """In the venue's words."""
    times: int
    """How often it was refused for a while."""
    retry_at_s: float | None
    """When it is asked for again, on the monotonic clock; None where it is given up. [s]"""
    alone: bool
    """Whether it is requested alone next: it is unclear which of several topics was meant."""


class Subscriptions:
    """The topics of one connection."""

    def __init__(self, link: Link, wanted: Mapping[str, Topic]) -> None:
        """Ask for what is *wanted*, by text; it is the caller's, and changes."""
        self._link, self._wanted = link, wanted
        self.took: dict[str, int] = {}
        """Topics that the venue acknowledged, and when. [Unix ms]"""
        self._asked: dict[str, float] = {}
        """Topics asked for and not refused, and when, on the monotonic clock. [s]"""
        self.refusals: dict[str, Refusal] = {}
        self._requests: dict[int, Request] = {}
        self._number = 0

    def sent(self, topics: Sequence[str], *, subscribes: bool) -> int:
        """Note a request that goes out now; return its number."""
        self._number += 1
        self._requests[self._number] = Request(tuple(topics), subscribes)
        self._requests.pop(self._number - REMEMBERED_REQUESTS, None)
        if subscribes:
            self._asked.update(dict.fromkeys(topics, self._link.clock.monotonic_s()))
        return self._number

    def acknowledged(self, notice: Ack) -> list[str]:
        """Return the topics that are subscribed to since this *notice*, and were not before."""
        request = self._requests.get(notice.request) if notice.request is not None else None
        if notice.ends or (request is not None and not request.subscribes):
            return []
        # Those that the venue names itself it took, whatever it said before.
        may_be = self._wanted if notice.topics else self._asked
        topics = notice.topics or (request.topics if request is not None else ())
        new = [text for text in topics if text in may_be and text not in self.took]
        for text in new:
            self.took[text] = self._link.now_ms()
            self._asked.setdefault(text, self._link.clock.monotonic_s())
            self.refusals.pop(text, None)
        return new

    def refused(self, notice: Refused) -> bool:
        """Note what was refused; return whether the connection may go on all the same."""
        request = self._requests.get(notice.request) if notice.request is not None else None
        if request is not None and not request.subscribes:
            return True
        texts = notice.topics or (request.topics if request is not None else tuple(self._asked))
        waiting = [text for text in texts if text in self._asked and text not in self.took]
        if not waiting:
            return notice.kind == "passing" or (request is not None and not notice.topics)
        named = [text for text in waiting if self._is_named(text, notice.reason)]
        meant = named or waiting
        log.warning(
            "subscription refused",
            venue=self._link.stream.venue,
            topics=meant[:3],
            reason=notice.reason,
        )
        if not self._link.stream.answers_each:
            # One answer for the whole request: the others are asked for again together.
            for text in waiting:
                del self._asked[text]
        for text in meant:
            self._retry_later(text, notice, sure=bool(named) or len(waiting) == 1)
        return True

    def unanswered(self, timeout_s: float) -> bool:
        """Put off what was not answered within *timeout_s*; return whether all is lost instead.

        That is so where nothing was ever answered, or the same was not answered twice.
        """
        now_s = self._link.clock.monotonic_s()
        late = [
            text
            for text, asked_s in self._asked.items()
            if text not in self.took and now_s - asked_s > timeout_s
        ]
        if not late:
            return False
        before = (self.refusals.get(text) for text in late)
        if not self.took or any(one is not None and one.reason == NO_ANSWER for one in before):
            return True
        for text in late:
            self._retry_later(text, Refused(None, (text,), NO_ANSWER, "passing"), sure=True)
        return False

    def to_end(self, resubscribe: Iterable[str]) -> list[str]:
        """Return, and forget, what is subscribed to and not wanted any more, or only anew."""
        for text in self.refusals.keys() - self._wanted.keys():
            del self.refusals[text]
        anew = self.took.keys() & set(resubscribe)
        ending = [text for text in self._asked if text not in self._wanted or text in anew]
        for text in ending:
            del self._asked[text]
            self.took.pop(text, None)
        return ending

    def due(self) -> list[list[str]]:
        """Return what is to be asked for now, in requests."""
        now_s = self._link.clock.monotonic_s()
        together, alone = [], []
        for text in self._wanted:
            refusal = self.refusals.get(text)
            if text in self._asked or (refusal is not None and not _is_due(refusal, now_s)):
                continue
            if refusal is not None and refusal.alone:
                alone.append([text])
            else:
                together.append(text)
        return [*self._link.stream.batches(together), *alone]

    def _retry_later(self, text: str, notice: Refused, *, sure: bool) -> None:
        """Note that *text* was refused, if it was *sure* that one; else it may be another's."""
        self._asked.pop(text, None)
        before = self.refusals.get(text)
        times = before.times if before is not None else 0
        retry_at_s: float | None = self._link.clock.monotonic_s()
        if notice.kind == "final":
            retry_at_s = None if sure else retry_at_s
        elif notice.kind == "passing" or sure:
            times += 1
            retry_at_s = self._link.clock.monotonic_s() + self._wait_s(times)
        alone = notice.kind != "passing" and not sure
        self.refusals[text] = Refusal(notice.reason, times, retry_at_s, alone)

    def _wait_s(self, times: int) -> float:
        wait_s = RETRY.pause_s(times, self._link.rng)
        return self._link.timeout_s(wait_s, MIN_RETRY_S)

    def _is_named(self, text: str, reason: str) -> bool:
        name = self._wanted[text].venue_id if text in self._wanted else None
        return re.search(rf"(?<![\w-]){re.escape(name or text)}(?![\w-])", reason) is not None


def _is_due(refusal: Refusal, now_s: float) -> bool:
    return refusal.retry_at_s is not None and refusal.retry_at_s <= now_s
