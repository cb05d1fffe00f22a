"""The transport bar: plays, steps and drags the clock that all pages follow.

The browser drives it, with ``javascript/transport.js``: while it plays, it asks for the next step
when the page has drawn the last one, so that no step ever waits behind another. Only the page's
own fragment runs; the sidebar and the address it says the time in follow when the clock stops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from secrets import randbelow
from typing import Any, Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from analytics import formats
from analytics.errors import PerpscopeError
from analytics.palette import Colors, colors
from analytics.rules import episode_words
from dashboard.loaders import queries, record_events, shown_moment
from dashboard.loaders.read_ahead import Call, read_ahead
from dashboard.state import as_of, session
from dashboard.state.as_of import Moment

SPEED: Final = "speed"
"""In the URL: how many times as fast as the market the clock is played."""
FIRST_SPEED: Final = 60.0
MAX_SPEED: Final = 3600.0

_KEY: Final = "transport_bar"
_HAND: Final = "transport_hand"
_PLACE: ContextVar[tuple[DeltaGenerator, bool] | None] = ContextVar("transport place", default=None)
"""Where this run draws the bar, and whether it is always open there."""

_FAR: Final = timedelta(days=2)
"""Who went so far at once does not step."""
_SPANS: Final = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
_UNITS: Final = ("cycle", *_SPANS, "event")

_DRAW: Final = """
export default async (component) => {
  globalThis.perpscopeTransport ??= Promise.withResolvers()
  return (await globalThis.perpscopeTransport.promise).%s(component)
}
"""


@dataclass(slots=True)
class _Hand:
    """How a session plays."""

    playing: bool = False
    speed: float = FIRST_SPEED
    unit: str = "cycle"
    is_open: bool = False
    """Whether the bar is open on a live page."""
    done: int = 0
    """Number of the last step that was asked for."""
    said: str = ""
    """What stands beneath the bar: the end of the record, or what is wrong with what was typed."""
    stride: timedelta = timedelta()
    """How far the next step goes while it plays."""
    by_cycles: int = 0
    """1 or -1 where the last step was to the next cycle, or to the one before."""
    before: datetime | None = None
    """The time that the last run showed."""
    ahead: Future[None] | None = None
    """What is read for the next step."""
    settles: bool = False
    """Whether the sidebar does not say the time yet."""


@cache
def _components() -> tuple[Any, Any, Any]:
    """Return the component with the code, the one with the record's events, and the bar."""
    component, span = st.components.v2.component, "<span></span>"
    bar = '<div class="transport"></div>'
    return (
        component("perpscope_transport_code", html=span, js=_file("transport.js")),
        component("perpscope_record", html=span, js=_DRAW % "record"),
        component("perpscope_transport", html=bar, js=_DRAW % "transport", isolate_styles=False),
    )


def _file(name: str) -> str:
    return files("dashboard.frame").joinpath("javascript", name).read_text("utf-8")


def load_transport_code() -> None:
    """Send the bar's code and style, by the frame: a step sends the time alone."""
    st.html(f"<style>{_file('transport.css')}</style>")
    _components()[0](key="transport_code")


def transport_place(*, is_open: bool) -> None:
    """Make place for the bar here, which is drawn last.

    Args:
        is_open: Whether it is more than a button while the page is live, whatever was pressed.
    """
    _PLACE.set((st.container(key="transport", width="content", gap=None), is_open))


def transport_bar(calls: Sequence[Call]) -> None:
    """Draw the bar in its place: all else that this run draws is on the screen before it.

    Args:
        calls: What the page read: it is read for the next step as well.
    """
    placed = _PLACE.get()
    _PLACE.set(None)
    if placed is None:
        return
    # The page says what is wrong with the lake.
    with suppress(PerpscopeError), placed[0]:
        now, asked = shown_moment.moment(), as_of.asked_time()
        shown = now if asked is None else shown_moment.moment(asked)
        _draw(now, shown, placed[1])
        _read_ahead(calls, now, shown)


def _draw(now: Moment, shown: Moment, fixed: bool) -> None:
    hand, look = _hand(), colors(st.context.theme.type)
    is_past = shown.mode == "asked"
    if not is_past:
        hand.playing = False
    is_open = is_past or hand.is_open or fixed
    if is_open:
        what = (st.context.theme.type,)
        marks = queries.derived("record_marks", now, what, lambda: _marks(now, look))
        _components()[1](key="transport_record", data=marks)
    gap = record_events.gap_at(now, shown.now) if is_past else None
    data = {
        "at": _milliseconds(shown.now) if is_past else None,
        "first": _milliseconds(record_events.first(now)) if is_open else 0,
        "end": _milliseconds(now.now) if is_open else 0,
        "cycle": int(1000 * shown.cycle.total_seconds()),
        "playing": hand.playing,
        "speed": hand.speed,
        "unit": hand.unit,
        "open": hand.is_open or fixed,
        "fixed": fixed,
        "back": "To the end" if shown.is_uploaded else "Back to live",
        "done": hand.done,
        "said": " ".join(filter(None, (hand.said, gap))),
        "settles": hand.settles,
        "session": st.session_state.setdefault("transport_session", randbelow(2**31) * 2**20),
        "color": look.replay,
        "ground": look.background,
    }
    _components()[2](key=_KEY, data=data, on_move_change=_moved)


def _read_ahead(calls: Sequence[Call], now: Moment, shown: Moment) -> None:
    """Read for the next step: the one that is told, the next cycle, or as far as the last one."""
    hand = _hand()
    if (before := hand.before) == shown.now:
        return
    hand.before = shown.now
    if shown.mode != "asked" or before is None or not timedelta() < abs(shown.now - before) < _FAR:
        return
    step, by_cycles = hand.stride or shown.now - before, hand.by_cycles

    def times() -> list[datetime]:
        if not by_cycles:
            return [at] if (at := shown.now + step) < now.now else []
        beside = record_events.cycle_beside(now, shown.now, ahead=by_cycles > 0)
        return [] if beside is None else [beside]

    if hand.ahead is not None:
        hand.ahead.cancel()
    hand.ahead = read_ahead(calls, shown, times)


def _marks(now: Moment, look: Colors) -> dict[str, Any]:
    """Return what is marked on the line of the record."""
    gaps, fired = record_events.gaps(now), record_events.firings(now)
    return {
        "gaps": [
            {
                "from": _milliseconds(row["started_ts"]),
                "to": _milliseconds(row["ended_ts"]),
                "of": "" if pd.isna(row["venue"]) else formats.venue(row["venue"]),
            }
            for row in gaps.to_dict("records")
        ],
        "alerts": [
            {
                "ts": _milliseconds(row["ts"].ceil("s")),
                "text": row["text"],
                "color": episode_words.color(row["severity"], look),
            }
            for row in fired.to_dict("records")
        ],
    }


def complaint() -> str | None:
    """Return what is wrong with the speed in the address, once."""
    text = st.query_params.get(SPEED)
    if text is None or SPEED in st.session_state:
        return None
    st.session_state[SPEED] = text
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= MAX_SPEED:
        return f"speed={formats.repeated(text)} is not a number from 1 to {MAX_SPEED:,.0f}."
    _hand().speed = speed
    return None


def keep_in_address() -> None:
    """Write the speed into the address of a replay; to be called by the frame."""
    hand = _hand()
    if as_of.is_asked() and hand.speed != FIRST_SPEED:
        st.query_params[SPEED] = f"{hand.speed:g}"
    elif SPEED in st.query_params:
        del st.query_params[SPEED]
    hand.settles = False


def _hand() -> _Hand:
    hand: _Hand = st.session_state.setdefault(_HAND, _Hand())
    return hand


def _moved() -> None:
    """Do what the browser asks for, before the page's fragment runs."""
    move = getattr(st.session_state.get(_KEY), "move", None)
    if not isinstance(move, dict):
        return
    hand = _hand()
    hand.done, hand.said, hand.by_cycles, hand.stride = int(move["id"]), "", 0, timedelta()
    hand.playing = move.get("playing") is True
    hand.speed = min(max(float(move.get("speed", hand.speed)), 1.0), MAX_SPEED)
    try:
        _ACTS[str(move["do"])](hand, move)
    except PerpscopeError as error:
        hand.playing, hand.said = False, f"{formats.shortened(str(error))}."
    if move["do"] in _SETTLING:
        session.rerun_page()
    elif session.opened_pair() is not None:
        st.rerun([session.PAGE_FRAGMENT, session.DIALOG_FRAGMENT])


def _to(hand: _Hand, move: Mapping[str, Any]) -> None:
    hand.stride = timedelta(milliseconds=move.get("stride", 0))
    _go(hand, datetime.fromtimestamp(move["at"] / 1000, UTC))


def _step(hand: _Hand, move: Mapping[str, Any]) -> None:
    """Go a step back or forward from the time that is shown."""
    ahead, by = int(move["direction"]) > 0, str(move["by"])
    at, now = shown_moment.moment(as_of.asked_time()).now, shown_moment.moment()
    hand.is_open = True
    if by == "event":
        if (event := record_events.event_beside(now, at, ahead=ahead)) is None:
            hand.said = f"No {'later' if ahead else 'earlier'} event in the record."
            return
        _go(hand, event[0])
        hand.said = event[1]
    elif by == "cycle":
        hand.by_cycles = 1 if ahead else -1
        beside = record_events.cycle_beside(now, at, ahead=ahead)
        _go(hand, beside or (now.now if ahead else record_events.first(now)))
    else:
        _go(hand, at + _SPANS[by] if ahead else at - _SPANS[by])


def _go(hand: _Hand, at: datetime) -> None:
    """Move the clock to *at*, no further than either end of the record."""
    now = shown_moment.moment()
    first = record_events.first(now)
    hand.settles = True
    # Where somebody collects, the end moves on: what is played has caught up with it.
    if at >= now.now - (now.cycle if hand.playing else timedelta()):
        hand.playing, at = False, now.now
        hand.said = (
            "Caught up with the present. Back to live continues from here."
            if now.mode == "live"
            else f"The record ends at {formats.moment(now.now)}."
        )
    elif at < first:
        hand.said = f"The record begins at {formats.moment(first)}."
    as_of.go_to(min(max(at, first), now.now))


def _typed(hand: _Hand, move: Mapping[str, Any]) -> None:
    asked = as_of.parsed(str(move["text"]).removesuffix("UTC"))
    if asked is None:
        as_of.go_to(None)
    else:
        _go(hand, shown_moment.moment(asked).now)


def _first_of_record(hand: _Hand, _move: Mapping[str, Any]) -> None:
    _go(hand, record_events.first(shown_moment.moment()))


def _live(_hand: _Hand, _move: Mapping[str, Any]) -> None:
    as_of.go_to(None)


def _open(hand: _Hand, move: Mapping[str, Any]) -> None:
    hand.is_open = move["do"] == "open"


def _set(hand: _Hand, move: Mapping[str, Any]) -> None:
    if move.get("unit") in _UNITS:
        hand.unit = str(move["unit"])
    hand.settles = True


def _nothing(_hand: _Hand, _move: Mapping[str, Any]) -> None:
    """The page runs as a whole, and says the time everywhere."""


_ACTS: Final[Mapping[str, Callable[[_Hand, Mapping[str, Any]], None]]] = {
    "to": _to,
    "step": _step,
    "typed": _typed,
    "first": _first_of_record,
    "live": _live,
    "open": _open,
    "fold": _open,
    "set": _set,
    "pause": _nothing,
    "settle": _nothing,
}
_SETTLING: Final = ("typed", "live", "pause", "settle")
"""After these the whole page runs."""


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
