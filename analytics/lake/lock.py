"""The lock that makes one process the writer of a lake."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from typing import IO

from analytics.errors import LakeError, LakeLocked
from analytics.lake.layout import Layout


def take(layout: Layout) -> IO[str]:
    """Take the lock of the lake's writer, until ``release`` or the end of the process.

    Raises:
        LakeLocked: Another process is the writer.
        LakeError: The folder cannot be written.
    """
    try:
        layout.folder.mkdir(parents=True, exist_ok=True)
        file = layout.lock.open("a+", encoding="utf-8")
    except OSError as error:
        raise LakeError(
            f"{layout.folder}: cannot be written ({error.strerror}); "
            "set PERPSCOPE_DATA_DIR to a folder that you can write to"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown process"
        file.close()
        raise LakeLocked(layout.folder, holder) from error
    # The name is for the other process's error; a full disk must not keep us out over it.
    with contextlib.suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode())
    return file


def release(file: IO[str]) -> None:
    """Let another process write, even if a child of this one inherited *file*."""
    if not file.closed:
        fcntl.flock(file, fcntl.LOCK_UN)
        file.close()
