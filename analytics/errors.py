"""Every error this product raises on purpose.

PerpscopeError
├── SettingsError          the operator must change a setting
├── VenueError             a venue did not give what was asked of it
│   ├── VenueUnavailable   it could not be reached or answered nonsense; ask again later
│   │   └── RateLimited    it said to wait, and until when
│   ├── VenueForbidden     it refuses this host for good, by region
│   └── VenueRejected      asking again in the same way cannot help
├── LakeError              the lake cannot be opened, read or written
│   ├── LakeLocked         another collector holds it
│   ├── LakeTooNew         a later perpscope wrote it
│   └── LakeAbsent         nothing has been published there yet
├── RuleError              a condition that a user wrote is wrong
├── ChannelError           a channel of alerts did not take a message
├── QueryError             a query and the schema disagree, or a parameter is wrong
├── ImportRefused          a file is not what it claims to be; nothing of it was stored
└── BundleRefused          a file is no evidence bundle, or was changed; or none can be made
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from analytics.untrusted.visible import visible


class PerpscopeError(Exception):
    """The root of every error raised on purpose."""


class SettingsError(PerpscopeError):
    """A setting is wrong; the message names it, its value and what is allowed."""


class VenueError(PerpscopeError):
    """A venue did not give what was asked of it."""

    def __init__(self, venue: str, call: str, reason: str) -> None:
        # The venue's own words may be in it, and go to terminals and pages.
        reason = visible(reason)
        super().__init__(f"{venue}: {call}: {reason}")
        self.venue = venue
        self.call = call
        self.reason = reason


class VenueUnavailable(VenueError):
    """The venue could not be reached, was down, or answered something unreadable."""


class RateLimited(VenueUnavailable):
    """The venue asked for silence until *retry_at*, or did not say until when."""

    def __init__(self, venue: str, call: str, reason: str, retry_at: datetime | None) -> None:
        super().__init__(venue, call, reason)
        self.retry_at = retry_at


class VenueForbidden(VenueError):
    """The venue refuses this host, by region or for good."""


class VenueRejected(VenueError):
    """The venue understood and refused: an unknown symbol, a wrong parameter."""


class LakeError(PerpscopeError):
    """The lake cannot be opened, read or written."""


class LakeLocked(LakeError):
    """Another collector is writing to this lake."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"{folder}: another collector ({holder}) is writing to this lake; "
            "stop it, or set PERPSCOPE_DATA_DIR to another folder"
        )


class LakeTooNew(LakeError):
    """A later version of perpscope wrote this lake."""

    def __init__(self, folder: Path, found: int, known: int) -> None:
        super().__init__(
            f"{folder}: this lake has schema version {found}, this perpscope supports "
            f"versions up to {known}; update perpscope, nothing was changed"
        )


class LakeAbsent(LakeError):
    """Nothing has been published there yet."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: no data in this lake yet; start the collector")


class RuleError(PerpscopeError):
    """A condition that a user wrote is wrong; the message names the place and what is allowed."""


class ChannelError(PerpscopeError):
    """A channel of alerts did not take a message; no address is in the words."""


class QueryError(PerpscopeError):
    """A named query does not exist, lacks a parameter, or does not fit the schema."""


class ImportRefused(PerpscopeError):
    """A file is not what it claims to be; nothing of it was stored."""

    def __init__(self, file: Path, reason: str, line: int | None = None) -> None:
        where = f"{file}, line {line}" if line is not None else str(file)
        # Names within a file, and its own, may be a stranger's.
        super().__init__(visible(f"{where}: {reason}; nothing was stored"))
        self.reason = reason
        self.line = line


class BundleRefused(PerpscopeError):
    """A file is no evidence bundle, or was changed after it was written; or none can be made."""

    def __init__(self, reason: str) -> None:
        # Names in the file are a stranger's.
        super().__init__(visible(reason))
