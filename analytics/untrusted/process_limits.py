"""Limits of a process that reads a stranger's file."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

_MB: Final = 2**20
_UNKNOWN: Final = 2**40
"""Where nobody says how much memory a process has: a lot. [bytes]"""


def limit_process(memory_mb: int, file_bytes: int) -> None:
    """Let this process take *memory_mb* [MB] more than it has, and write files of *file_bytes*.

    Of memory that is its own: what is mapped of a file can be let go of at any time. It leaves no
    core dump.
    """
    _limit(resource.RLIMIT_DATA, _memory() + memory_mb * _MB)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_CORE, 0)


def limit_cpu(seconds: int) -> None:
    """Let this process take *seconds* of the processor in all. [s]"""
    _limit(resource.RLIMIT_CPU, seconds)


def _memory() -> int:
    """Return how much memory of its own this process has now. [bytes]"""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
    except OSError:
        return _UNKNOWN
    return pages * resource.getpagesize()


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
