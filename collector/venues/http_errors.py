"""From what went wrong on the wire to the error that says what to do about it.

ccxt's classes do not separate a ban from a typing error: the HTTP status and the
body of the answer decide first, and its classes where those say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
import ccxt

from analytics.errors import (
    RateLimited,
    VenueError,
    VenueForbidden,
    VenueRejected,
    VenueUnavailable,
)
from collector.runtime.http_session import why_no_answer
from collector.runtime.retry_after import MAX_WAIT, retry_after

_REGION = re.compile(
    r"from your country|banned the country|restricted location|unavailable in the U\.S|compliance",
    re.IGNORECASE,
)
"""Only words that leave no doubt: a block by region is final, a firewall's 403 is not."""

_CHALLENGE = re.compile(
    r"just a moment|checking your browser|challenge-platform|cf[-_]chl|cf-browser-verification|"
    r"attention required! \| cloudflare|verify you are (a )?human|_incapsula_|captcha",
    re.IGNORECASE,
)
"""Words of the pages by which firewalls ask who is there: they let one in again later."""

_CODE = re.compile(r'"(?:retCode|ret_code|code)"\s*:\s*"?(-?\d+)')
_MESSAGE = re.compile(r'"(?:retMsg|ret_msg|msg)"\s*:\s*"([^"]{1,200})')
_UNTIL = re.compile(r"until (\d{13})\b")
_REFUSED = (
    ccxt.AuthenticationError,
    ccxt.BadRequest,
    ccxt.BadSymbol,
    ccxt.NotSupported,
    ccxt.ArgumentsRequired,
)


@dataclass(slots=True)
class Reply:
    """What came back over the wire for one call; nothing where nothing came."""

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def code(self) -> str | None:
        """The venue's own error code in the body."""
        found = _CODE.search(self.body[:2000])
        return found[1] if found else None

    @property
    def message(self) -> str | None:
        """The venue's own words in the body."""
        found = _MESSAGE.search(self.body[:2000])
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a translation needs to know beside the error."""

    venue: str
    call: str
    busy: Mapping[str, float]
    timeout_s: float
    now: datetime


def is_challenge(reply: Reply) -> bool:
    """Whether a firewall wants to know if a person asks; Cloudflare says so in a header."""
    headers = {name.lower(): value.lower() for name, value in reply.headers.items()}
    if headers.get("cf-mitigated") == "challenge":
        return True
    return reply.status == 403 and _CHALLENGE.search(reply.body[:20_000]) is not None


def translated(error: Exception, reply: Reply, at: Circumstances) -> VenueError:
    """Return the error of ours that *error* amounts to."""
    where = (at.venue, at.call)
    if isinstance(error, VenueError):
        return error
    if _is_region(error, reply):
        return VenueForbidden(*where, f"region blocked (HTTP {reply.status})")
    if (pause_s := _pause_s(error, reply, at)) is not None:
        otherwise = "bot challenge" if is_challenge(reply) else "too many requests"
        return RateLimited(*where, _said(reply, otherwise), retry_at(reply, pause_s, at))
    if isinstance(error, ccxt.OnMaintenance):
        return VenueUnavailable(*where, "under maintenance")
    if reply.status is None:
        return VenueUnavailable(*where, _connection(error, at.timeout_s))
    if isinstance(error, _REFUSED) and reply.status < 500:
        return VenueRejected(*where, _said(reply, type(error).__name__))
    return VenueUnavailable(*where, _failure(error, reply))


def _failure(error: Exception, reply: Reply) -> str:
    """Say in words what an answer that is request failed was instead."""
    if reply.status != 200:
        return _said(reply, "request failed")
    if reply.code is not None and isinstance(error, ccxt.BaseError):
        return _said(reply, f"error {reply.code}")
    return nonsense(reply.body)


def nonsense(body: object) -> str:
    """Say what came instead of the JSON that was expected."""
    if body is None or body == "":
        return "empty answer"
    if isinstance(body, str) and body.lstrip()[:1] not in ("{", "["):
        return "HTML instead of JSON" if "<" in body[:200] else "not JSON"
    return "unexpected JSON"


def retry_at(reply: Reply, pause_s: float, at: Circumstances) -> datetime:
    """Return until when to pause: as the venue says, else *pause_s* from now."""
    named = retry_after(reply.headers, at.now) or _banned_until(reply)
    if named is None or named <= at.now:
        named = at.now + timedelta(seconds=pause_s)
    return min(named, at.now + MAX_WAIT)


def _is_region(error: Exception, reply: Reply) -> bool:
    if reply.status == 451 or isinstance(error, ccxt.RestrictedLocation):
        return True
    denied = reply.status == 403 or isinstance(error, ccxt.PermissionDenied)
    return denied and _REGION.search(reply.body) is not None


def _pause_s(error: Exception, reply: Reply, at: Circumstances) -> float | None:
    """Return how long to pause if the venue names no time; None if it asks for no pause."""
    for sign in (str(reply.status), reply.code):
        if sign is not None and sign in at.busy:
            return at.busy[sign]
    limited = isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection)
    return at.busy["429"] if limited or is_challenge(reply) else None


def _banned_until(reply: Reply) -> datetime | None:
    found = _UNTIL.search(reply.body[:2000])
    return datetime.fromtimestamp(int(found[1]) / 1000, tz=UTC) if found else None


def _said(reply: Reply, otherwise: str) -> str:
    """Return what the venue said, with the status it said it under."""
    words = reply.message or otherwise
    return words if reply.status in (None, 200) else f"{words} (HTTP {reply.status})"


def _connection(error: Exception, timeout_s: float) -> str:
    """Say in words why there was no answer at all; ccxt wraps what aiohttp raised."""
    if isinstance(error, ccxt.RequestTimeout):
        return why_no_answer(TimeoutError(), timeout_s)
    cause = error.__cause__
    wrapped = isinstance(cause, aiohttp.ClientError | OSError)
    return why_no_answer(cause if cause is not None and wrapped else error, timeout_s)
