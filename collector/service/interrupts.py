"""Ctrl-C means one thing wherever it comes: exit code 130, and no traceback."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""What shells count for a command that SIGINT ended."""


def end_at_once() -> None:
    """Have SIGINT end the process on the spot: for a time when nothing is open.

    Python's own handler would show where in the import of some library it was. A
    shell that started us in the background has us ignore SIGINT, and so it stays.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_again() -> None:
    """Have SIGINT raise KeyboardInterrupt again, as asyncio and all clean ends expect."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Have SIGINT end the process on the spot within the block: for the imports of a command."""
    end_at_once()
    try:
        yield
    finally:
        raise_again()


def is_behind(error: BaseException) -> bool:
    """Return whether *error* is what a KeyboardInterrupt led to.

    DuckDB, interrupted in a query, raises a RuntimeError instead, from it.
    """
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if isinstance(one, KeyboardInterrupt):
            return True
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            left += [one.__cause__, one.__context__]
    return False


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
