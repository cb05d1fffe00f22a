"""The header Retry-After of REST and websockets: until when a venue asks for a pause."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

MAX_WAIT: Final = timedelta(days=3)
"""The longest ban that a venue documents; a longer one is a misprint."""


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
