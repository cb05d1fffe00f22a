"""Ends the questions that one caller has open, from another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import duckdb

from analytics.errors import QueryError

_AGAIN_S: Final = 0.1


class TimeLimit:
    """What a caller asks while :meth:`watching`; :meth:`end` interrupts it, for good."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._open: set[duckdb.DuckDBPyConnection] = set()
        self._is_over = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch every cursor that this thread opens in the block."""
        before = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(before)

    def end(self) -> None:
        """Interrupt what is asked now, and refuse what would be asked next."""
        with self._turn:
            self._is_over = True
            for cursor in self._open:
                cursor.interrupt()
            if self._open:
                # A cursor that was open but did not run yet has not noticed.
                again = threading.Timer(_AGAIN_S, self.end)
                again.daemon = True
                again.start()

    @contextmanager
    def holding(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Interrupt *cursor*, too, while the block lasts."""
        with self._turn:
            if self._is_over:
                raise QueryError("stopped: it took too long")
            self._open.add(cursor)
        try:
            yield
        finally:
            with self._turn:
                self._open.discard(cursor)


_CURRENT: ContextVar[TimeLimit | None] = ContextVar("time limit", default=None)


@contextmanager
def asking(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Put *cursor* under the time limit of whoever asks, if there is one.

    Raises:
        QueryError: It is over.
    """
    limit = _CURRENT.get()
    if limit is None:
        yield
        return
    with limit.holding(cursor):
        yield
