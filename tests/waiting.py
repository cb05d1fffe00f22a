"""How tests wait for programs: as long as it takes, and no longer than a hang."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from analytics.errors import LakeAbsent
from analytics.lake.reader import Reader

HANG_S = 300.0
"""Nothing takes so long, however busy the machine: what does, hangs. [s]"""


def until(condition: Callable[[], object], what: str = "what was waited for") -> None:
    """Wait until *condition* holds; fail where *what* hangs."""
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.05)


def published(folder: Path, question: str) -> list[tuple]:
    """Return the rows that answer *question* in the lake in *folder*; none if there is none yet."""
    try:
        with _reader(folder).cursor() as cursor:
            return cursor.execute(question).fetchall()
    except LakeAbsent:
        return []


@cache
def _reader(folder: Path) -> Reader:
    """One for all that is asked while waiting: to open one costs ten times what a question does."""
    return Reader(folder)
