"""Reads what a page will need at the next step of a replay while the user looks at this one.

What a page reads is learned from its last run: each loader that is marked with :func:`learned` is
called again, with the time of the next step in place of that which was shown. Its result is cached
like any other, so that the step itself reads nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from analytics.errors import PerpscopeError
from dashboard.loaders import shown_moment
from dashboard.state import record
from dashboard.state.as_of import Moment

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")
Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A loader and what it was called with."""

_CALLS: ContextVar[list[Call] | None] = ContextVar("calls of loaders", default=None)
_THREAD = ThreadPoolExecutor(1, "ahead")
"""One: the other core is the browser's, or another session's."""


def learned(load: Callable[P, R]) -> Callable[P, R]:
    """Mark *load*: it takes a `Moment`, and all else that it takes says nothing of the time."""

    @wraps(load)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if (calls := _CALLS.get()) is not None:
            calls.append((load, args, kwargs))
        return load(*args, **kwargs)

    return call


@contextmanager
def learning() -> Iterator[list[Call]]:
    """Give what was called in the block, in order."""
    calls: list[Call] = []
    before = _CALLS.set(calls)
    try:
        yield calls
    finally:
        _CALLS.reset(before)


def read_ahead(
    calls: Sequence[Call], shown: Moment, times: Callable[[], Sequence[datetime]]
) -> Future[None]:
    """Begin to read what *calls* would at each of *times*.

    Args:
        calls: Of the last run of a page.
        shown: The time that it showed, an asked one.
        times: Returns them, UTC, of the past, the nearest first; called on the thread.

    Returns:
        What to cancel where other times are wanted meanwhile.
    """
    return _THREAD.submit(_read, record.token(), _of_the_past(calls), shown, times)


def _of_the_past(calls: Sequence[Call]) -> list[Call]:
    """Return each of *calls* for an asked time once."""
    found = {}
    for load, args, kwargs in calls:
        if any(_is_asked(one) for one in (*args, *kwargs.values())):
            found[repr((load.__qualname__, args, kwargs))] = (load, args, kwargs)
    return list(found.values())


def _read(
    token: str, calls: Sequence[Call], before: Moment, times: Callable[[], Sequence[datetime]]
) -> None:
    try:
        with record.looking_at(token):
            for time in times():
                _call(calls, shown_moment.at_another_time(before, time))
    except PerpscopeError:
        # The page says so when it comes to that time.
        return
    except Exception:
        # What is wrong with a read shows on the page, too.
        log.exception("not read ahead")


def _call(calls: Sequence[Call], shown: Moment) -> None:
    for load, args, kwargs in calls:
        load(
            *(shown if _is_asked(one) else one for one in args),
            **{name: shown if _is_asked(one) else one for name, one in kwargs.items()},
        )


def _is_asked(value: object) -> bool:
    return isinstance(value, Moment) and value.mode == "asked"
