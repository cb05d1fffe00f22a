"""A chart of several panes on one time axis: what the browser is sent to draw it.

All of it once, then what changed: a refresh within a bar is some hundred bytes. The drawing
itself is TradingView's Lightweight Charts, with the code in ``javascript/``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.errors import PerpscopeError

Line = NDArray[np.float32]
Update = dict[str, Any]

_LIBRARY: Final = "vendor/lightweight-charts.standalone.production.js"
_LIBRARY_SHA256: Final = "c0992580867c4912cc9385b3c2728315bcc1a76c7f1087dca908430fccdf31d7"
"""Of version 5.2.0, Apache-2.0."""
_CODE: Final = ("writing.js", "series_views.js", "pane_titles.js", "linked_chart.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedChart:
    """A chart as the browser knows it."""

    parts: Mapping[str, Any]
    """Settings that JSON can hold: ``chart``, ``colors``, ``panes``, ``titles``, ``marks``,
    ``trades``."""
    first: int
    """Start of the first bar. [s since 1970, UTC]"""
    step: int
    """Length of a bar. [s]"""
    bars: int
    lines: Mapping[str, Line]
    """By name, one value a bar, NaN where there is none. (bars,) each"""


def whole(chart: LinkedChart, number: int) -> Update:
    """Return all of *chart* as update *number*."""
    lines = {name: [0, _encoded(line)] for name, line in chart.lines.items()}
    return {**_head(chart, number, None), "parts": dict(chart.parts), "lines": lines}


def changes(chart: LinkedChart, sent: LinkedChart, number: int) -> Update | None:
    """Return what *chart* has other than *sent*, which was update *number* less one.

    Returns:
        None where the two have no bar in common. An empty ``lines`` and ``parts`` where nothing
        changed. A line's change begins at a bar; a line that is gone is None.
    """
    shift = (chart.first - sent.first) / chart.step
    if chart.step != sent.step or not 0 <= shift < sent.bars or shift != int(shift):
        return None
    parts = {name: part for name, part in chart.parts.items() if part != sent.parts.get(name)}
    lines: dict[str, list[Any] | None] = dict.fromkeys(sent.lines.keys() - chart.lines.keys())
    for name, line in chart.lines.items():
        before = np.full(chart.bars, np.nan, np.float32)
        if name in sent.lines:
            kept = sent.lines[name][int(shift) :][: chart.bars]
            before[: len(kept)] = kept
        differs = np.flatnonzero(~((line == before) | (np.isnan(line) & np.isnan(before))))
        if len(differs) or name not in sent.lines:
            start = int(differs[0]) if len(differs) else chart.bars
            lines[name] = [start, _encoded(line[start:])]
    return {**_head(chart, number, number - 1), "parts": parts, "lines": lines}


def _head(chart: LinkedChart, number: int, after: int | None) -> Update:
    times = {"first": chart.first, "step": chart.step, "bars": chart.bars}
    return {"number": number, "after": after, "times": times}


def _encoded(line: Line) -> str:
    """Return *line* as little-endian 32-bit numbers in base64, half of what digits take."""
    return b64encode(line.astype("<f4").tobytes()).decode()


@cache
def code() -> str:
    """Return the library and our code, one module of JavaScript.

    Raises:
        PerpscopeError: The library is another one than this code was written for.
    """
    library = files("lwcharts").joinpath(_LIBRARY).read_bytes()
    if sha256(library).hexdigest() != _LIBRARY_SHA256:
        raise PerpscopeError(
            f"lwcharts/{_LIBRARY} is not Lightweight Charts 5.2.0: install lwcharts==0.3.0"
        )
    own = files("dashboard.charts").joinpath("javascript")
    return "\n".join([library.decode(), *(own.joinpath(name).read_text("utf-8") for name in _CODE)])


@cache
def style() -> str:
    """Return the CSS of the chart."""
    return files("dashboard.charts").joinpath("javascript/linked_chart.css").read_text("utf-8")
