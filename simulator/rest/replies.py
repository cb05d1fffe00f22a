"""From a venue's answer to bytes: limits first, then the answer, written once a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson
from aiohttp import web

from simulator.rest.corrupt_answers import READS_ANSWER, corrupted, html_page
from simulator.rest.error_answers import headers, refusal
from simulator.rest.faults import Fault
from simulator.rest.rate_limits import Limits
from simulator.rest.wire_format import Answer, WireFormat

_ANSWERS_KEPT = 512


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes out on the wire."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Answer, headers: Mapping[str, str]) -> Reply:
        """Write *answer*; a string is a page."""
        if isinstance(answer.body, str):
            return cls(answer.body.encode(), answer.status, "text/html", headers)
        return cls(orjson.dumps(answer.body), answer.status, headers=headers)

    def sent(self) -> web.Response:
        """Return it as the response."""
        return web.Response(
            body=self.body,
            status=self.status,
            content_type=self.content_type,
            headers=dict(self.headers),
        )


class Venue:
    """One venue: its wire format, its limits, and the answers of the running step."""

    def __init__(self, wire: WireFormat, limits: Limits, step_ms: int) -> None:
        """Serve *wire* under *limits*; answers stay the same for *step_ms*."""
        self.wire = wire
        self.limits = limits
        self._step_ms = step_ms
        self._kept: dict[str, Reply] = {}
        self._kept_step = -1

    def answer(self, path: str, query: Mapping[str, str], now_ms: int) -> Answer:
        """Answer a request as of the step that *now_ms* lies in."""
        if path not in self.wire.live_paths:
            now_ms -= now_ms % self._step_ms
        return self.wire.answer(path, query, now_ms)

    def reply(self, path: str, query: Mapping[str, str], written: str, now_ms: int) -> Reply:
        """Return the unspoiled answer, written once for everybody who asks in the same step."""
        if path in self.wire.live_paths:
            return Reply.of(self.answer(path, query, now_ms), {})
        step = now_ms // self._step_ms
        if step != self._kept_step or len(self._kept) > _ANSWERS_KEPT:
            self._kept.clear()
            self._kept_step = step
        found = self._kept.get(written)
        if found is None:
            found = self._kept[written] = Reply.of(self.answer(path, query, now_ms), {})
        return found

    def corrupted_reply(
        self, path: str, query: Mapping[str, str], faults: Sequence[Fault], now_ms: int
    ) -> Reply:
        """Return the answer after *faults* have been at it, one after another."""
        answer = self.answer(path, query, now_ms)
        asked = query.get("symbol") or query.get("instId")
        for fault in faults:
            if fault.kind in READS_ANSWER and answer.status == 200:
                answer = corrupted(answer, fault, self.wire.unknown_symbol(), asked)
        reply = Reply.of(answer, {})
        if any(fault.kind == "truncated" for fault in faults):
            reply = replace(reply, body=reply.body[: len(reply.body) // 2])
        return reply


def refusal_of(venue: str, fault: Fault, now_ms: int) -> Reply | None:
    """Return what is sent in place of an answer, or None if the fault needs the answer."""
    match fault.kind:
        case "html200":
            return Reply(html_page().encode(), 200, "text/html")
        case "empty_body":
            return Reply(b"")
        case "deep":
            return Reply(b"[" * 200_000)
        case "status":
            return Reply.of(refusal(venue, fault.status, now_ms), headers(fault.status))
    return None
