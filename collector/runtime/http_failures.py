"""What goes wrong over HTTP, whoever is asked and however: for how long to wait, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from collector.runtime.http_session import Elsewhere, TooLarge

MAX_WAIT: Final = timedelta(days=3)
"""The longest ban that a venue documents; a longer one is a misprint."""

_WORDS: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    ((aiohttp.TooManyRedirects,), "redirected again and again"),
    ((aiohttp.ClientConnectorDNSError,), "DNS lookup failed"),
    ((aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError), "TLS failed"),
    ((ConnectionRefusedError,), "connection refused"),
    ((ConnectionError, aiohttp.ServerDisconnectedError), "connection reset"),
    ((aiohttp.ClientPayloadError,), "the answer broke off"),
)


def retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return until when the header Retry-After asks to wait, at most ``MAX_WAIT``.

    It is in seconds or a date (RFC 9110, section 10.2.3). None where there is none, where it
    cannot be read, or where it names no time to come.
    """
    text = next((v for k, v in headers.items() if k.lower() == "retry-after"), "").strip()
    latest = now + MAX_WAIT
    if text.isdecimal():
        until = now + timedelta(seconds=min(float(text), MAX_WAIT.total_seconds()))
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        until = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return min(until, latest) if until > now else None


def why_no_answer(error: BaseException, timeout_s: float | None = None) -> str:
    """Return in words why nothing came: the same trouble reads the same wherever it is met.

    Args:
        error: Of aiohttp or the system.
        timeout_s: How long was waited, where that is known. [wall s]
    """
    if isinstance(error, TooLarge | Elsewhere):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time" if timeout_s is None else f"timeout after {timeout_s:g} s"
    # The words of aiohttp name an object in our memory, and so would never be the same twice.
    system = getattr(error, "os_error", error)
    for kinds, words in _WORDS:
        if isinstance(error, kinds) or isinstance(system, kinds):
            return words
    text = str(system)[:200]
    return f"no connection: {text}" if text else "no connection"
