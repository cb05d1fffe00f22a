"""The socket by which pages and commands have a running collector write for them.

Only one process may write to a lake. Whoever else wants something stored asks that one, over a Unix
socket beside the lake that only its owner can open.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from analytics.errors import LakeError, QueryError

MAX_SOCKET_PATH: Final = 100
"""The systems we run on allow 103 bytes and more. [bytes]"""

LARGEST_REQUEST: Final = 4 * 2**20
"""A collector reads no longer one. [bytes]"""

LONGEST_LINE: Final = 2**20
"""Of an answer. [bytes]"""

TIMEOUT_S: Final = 60.0
"""How long a collector may say nothing: its lake may be busy with merging. [wall s]"""

_NOBODY: Final = (FileNotFoundError, NotADirectoryError, ConnectionRefusedError)


def socket_path(folder: Path) -> Path:
    """Return where the collector of the lake in *folder* listens.

    Raises:
        LakeError: The path would be too long, and somebody else made the folder for those.
    """
    path = folder.absolute() / "collector.sock"
    if len(str(path).encode()) <= MAX_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
    return _folder_of_ours() / f"{name}.sock"


def takes_work(folder: Path) -> bool:
    """Return whether a collector of the lake in *folder* listens.

    Raises:
        LakeError: One may, but not to this user.
    """
    path = socket_path(folder)
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except _NOBODY:
            return False
        except OSError as error:
            raise LakeError(f"{path}: cannot be opened ({error.strerror})") from error
    return True


def have_done(
    folder: Path,
    name: str,
    asked: Mapping[str, object],
    report: Callable[[dict[str, Any]], None] = lambda _: None,
) -> None:
    """Have the running collector do the work *name*, and wait until it is done.

    Args:
        folder: The lake's.
        name: Of the work.
        asked: What the work is handed.
        report: Called with each line that it reports on the way.

    Raises:
        QueryError: It refuses what is *asked*, with the reason.
        LakeError: No collector runs, or it could not do it.
    """
    for line in _lines(folder, name, asked):
        if (error := line.get("error")) is not None:
            raise QueryError(error) if line.get("is_input") else LakeError(error)
        report(line)


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("collector", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _lines(folder: Path, name: str, asked: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    """Yield what the collector answers, line by line, as it comes."""
    try:
        with closing(_Connection(socket_path(folder))) as connection:
            connection.request("POST", f"/{name}", json.dumps(asked).encode())
            answer = connection.getresponse()
            _refuse(folder, name, answer.status)
            while content := answer.readline(LONGEST_LINE):
                yield _read(folder, content)
    except _NOBODY as error:
        raise LakeError(
            f"{folder}: no collector is running, so nothing was changed; start one with: "
            "perpscope collect"
        ) from error
    except TimeoutError as error:
        raise LakeError(
            f"{folder}: the collector did not answer within {TIMEOUT_S:.0f} s; it may still do it"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise LakeError(f"{folder}: lost the connection to the collector ({error})") from error


def _read(folder: Path, content: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        if isinstance(line := json.loads(content), dict):
            return line
    raise LakeError(f"{folder}: invalid answer from the collector's socket")


def _refuse(folder: Path, name: str, status: int) -> None:
    """Raise what an answer with another *status* than 200 means."""
    match status:
        case 200:
            return
        case 404:
            raise LakeError(
                f"{folder}: the running collector cannot {name.replace('_', ' ')}; it is of an "
                "earlier version: restart it"
            )
        case 413:
            raise QueryError(f"over {LARGEST_REQUEST:,} bytes, too large for the collector")
    raise LakeError(f"{folder}: the collector answered with HTTP {status}")


def _folder_of_ours() -> Path:
    """Return a folder for sockets that belongs to this user and is closed to others."""
    folder = Path(tempfile.gettempdir()) / f"perpscope-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if not private or found.st_uid != os.getuid():
        raise LakeError(
            f"{folder}: it must belong to you and be closed to other users; "
            "remove it or set TMPDIR to another folder"
        )
    return folder
