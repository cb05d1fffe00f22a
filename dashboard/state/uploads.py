"""The uploaded records that this server holds: scratch lakes, deleted when closed or left alone.

They lie in the data folder, in a folder of this server's own that it holds a lock on: what a
server left behind that was killed is deleted by the next one.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analytics.errors import LakeError
from analytics.lake.layout import Layout
from analytics.lake.reader import Reader
from analytics.replay.window import Windows

IDLE_S: Final = 1800.0
"""A record that no page has shown for so long is deleted. [s]"""
MAX_OPEN: Final = 8
"""Records that one server holds at once."""


@dataclass(slots=True, eq=False)
class Upload:
    """One record that a person opened from files."""

    token: str
    """Names it in addresses; whoever knows it can look at it."""
    name: str
    """What people call it: the name of its file."""
    sha256: str = field(default="", init=False)
    """Of its files, once they were read."""
    home: Path
    """All that is deleted with it."""
    reader: Reader
    """Of its lake, which is there once ``is_ready``."""
    used_s: float
    """When a page last showed it, by the registry's clock. [s]"""
    is_ready: bool = False
    """Whether pages can show it."""
    windows: Windows = field(init=False)
    """What was read of it to step through it."""

    def __post_init__(self) -> None:
        """Read nothing ahead yet."""
        self.windows = Windows(self.reader)

    @property
    def lake(self) -> str:
        """The folder of its lake."""
        return str(self.reader.layout.folder)


class Uploads:
    """All that are open on one server. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold none yet; *clock* says when one was last used. [s]"""
        self._clock = clock
        self._turn = threading.Lock()
        self._open: dict[str, Upload] = {}
        self._place: Path | None = None
        self._held: int | None = None

    def begin(self, name: str, data_dir: Path) -> Upload:
        """Return a new record with an empty, private folder, which pages cannot show yet.

        Raises:
            LakeError: The data folder cannot be written, or as many are open as may be.
        """
        with self._turn:
            home = self._home(data_dir)
            made = Upload(
                secrets.token_urlsafe(16), name, home, Reader(home / "lake"), self._clock()
            )
            self._open[made.token] = made
            return made

    def find(self, token: str) -> Upload | None:
        """Return the record of *token*, which counts as looked at; None if it is not open."""
        with self._turn:
            if (found := self._open.get(token)) is not None:
                found.used_s = self._clock()
            return found

    def is_open(self, token: str) -> bool:
        """Return whether the record of *token* is open."""
        with self._turn:
            return token in self._open

    def of_lake(self, lake: str) -> Upload | None:
        """Return the record whose lake lies in the folder *lake*; None if it is not open."""
        with self._turn:
            return next((one for one in self._open.values() if one.lake == lake), None)

    def close(self, token: str) -> None:
        """Delete the record of *token*, if it is open."""
        with self._turn:
            self._delete([token] if token in self._open else [])

    def close_idle(self) -> None:
        """Delete what nobody has looked at for ``IDLE_S``."""
        with self._turn:
            before = self._clock() - IDLE_S
            self._delete([token for token, one in self._open.items() if one.used_s < before])

    def close_all(self) -> None:
        """Delete all of them, and the folder of this server."""
        with self._turn:
            self._delete(list(self._open))
            if self._place is not None and self._held is not None:
                shutil.rmtree(self._place, ignore_errors=True)
                os.close(self._held)
            self._place = self._held = None

    def _home(self, data_dir: Path) -> Path:
        if len(self._open) >= MAX_OPEN:
            raise LakeError(
                f"{MAX_OPEN} uploaded records are open on this server: close one, or wait: "
                f"one that no page has shown for {IDLE_S / 60:.0f} minutes is deleted"
            )
        try:
            if self._place is None or not self._place.is_dir():
                self._take_place(Layout(data_dir).uploads)
            return Path(tempfile.mkdtemp(dir=self._place))
        except OSError as error:
            raise LakeError(
                f"{data_dir}: an uploaded record cannot be stored there ({error.strerror})"
            ) from error

    def _delete(self, tokens: list[str]) -> None:
        for token in tokens:
            gone = self._open.pop(token)
            gone.reader.close()
            shutil.rmtree(gone.home, ignore_errors=True)

    def _take_place(self, uploads: Path) -> None:
        uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(uploads):
            self._place = Path(tempfile.mkdtemp(dir=uploads))
            self._held = os.open(self._place, os.O_RDONLY)
            fcntl.flock(self._held, fcntl.LOCK_EX)


SERVER: Final = Uploads()
"""Those of this process."""


def delete_left_behind(data_dir: Path) -> None:
    """Delete the records of servers that run no more."""
    uploads = Layout(data_dir).uploads
    if not uploads.is_dir():
        return
    with _locked(uploads):
        for place in uploads.iterdir():
            held = os.open(place, os.O_RDONLY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
            except BlockingIOError:
                # Its server runs.
                continue
            finally:
                os.close(held)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
