"""What this browser alone is told: a sound, and toasts of what passes its user's thresholds.

Kept in the browser. No rule of the collector is touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final, get_args

import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from analytics.rules import episode_words
from analytics.signals.thresholds import Level
from dashboard.frame.browser_storage import Kept, stored
from dashboard.loaders import bars, queries
from dashboard.state import as_of, view
from dashboard.state.as_of import Moment
from dashboard.state.view import View, exceeded

GROUP: Final = "notifications"
"""Where the browser stores them."""
_SOUND: Final = "alert_sound"
_OWN: Final = "own_alerts"
_CHOSEN: Final = "notifications_chosen"
_TOLD: Final = "own_alerts_told"
_RUN: Final = "own_alerts_run"
_REPEATED: Final = timedelta(minutes=15)
"""What goes back and forth over a threshold is told once in so long."""

_Beyond = tuple[Level, str, str]
"""Which threshold, of which venue and symbol."""


def asked() -> None:
    """Ask what this browser is told."""
    with st.popover("Notifications", icon=":material/notifications:", width="stretch"):
        st.toggle("Sound for new alerts", key=_SOUND, on_change=_choose)
        st.toggle(
            "Toasts beyond my thresholds",
            key=_OWN,
            on_change=_choose,
            help=(
                "When an asset or pair that is chosen here passes one of the thresholds above, "
                "while a page is open. In this browser only."
            ),
        )


def kept() -> Kept:
    """Return what was chosen, as the browser is to keep it."""
    values = {key: float(bool(st.session_state.get(key))) for key in (_SOUND, _OWN)}
    return Kept(values, _CHOSEN in st.session_state, in_link=False)


def restore() -> None:
    """Restore what the browser kept."""
    before = stored(GROUP)
    for key in (_SOUND, _OWN):
        if before.get(key) in (0, 1):
            st.session_state[key] = bool(before[key])


def with_sound() -> bool:
    """Return whether new alerts make a sound."""
    return bool(st.session_state.get(_SOUND))


def run() -> int:
    """Return a number that is another one whenever something passed a threshold."""
    return int(st.session_state.get(_RUN, 0))


def beyond_own_thresholds(shown: Moment, look: Colors) -> list[dict[str, Any]]:
    """Return a line for each threshold that something passed since the last refresh.

    Args:
        shown: The present.
        look: The colours of the theme.
    """
    if not st.session_state.get(_OWN):
        st.session_state.pop(_TOLD, None)
        return []
    seen = view.current()
    about = (seen.timeframe, seen.venues, seen.pairs, seen.thresholds)
    before, told = st.session_state.get(_TOLD, (None, {}))
    found = _beyond(shown, seen)
    fresh = [one for one in found if one not in told]
    recent = {one: at for one, at in told.items() if shown.now - at < _REPEATED}
    st.session_state[_TOLD] = (about, {**recent, **dict.fromkeys(found, shown.now)})
    # What was beyond when it was switched on, or by another choice, has not passed anything.
    if before != about or not fresh:
        return []
    st.session_state[_RUN] = run() + 1
    return list(_lines(fresh, shown, seen, look))


def _beyond(shown: Moment, seen: View) -> list[_Beyond]:
    """Return what of the pairs that *seen* shows is beyond which threshold."""
    pairs = seen.of(queries.pairs(shown, seen.span))
    curves = bars.pair_curves(seen.timeframe, shown)
    pairs = pairs.join(curves[["z_oi"]], on=["venue", "symbol"])
    hours = queries.liquidation_hours(shown, seen, by_asset=False)
    hours = hours[["venue", "symbol", "z_liquidations"]]
    pairs = pairs.merge(hours, on=["venue", "symbol"], how="left")
    found: list[_Beyond] = []
    for name in get_args(Level):
        rows = pairs[exceeded(seen.thresholds, name, pairs[name], pairs["base"].tolist())]
        found += zip([name] * len(rows), rows["venue"], rows["symbol"], strict=True)
    return found


def _lines(
    fresh: list[_Beyond], shown: Moment, seen: View, look: Colors
) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys(level for level, _, _ in fresh):
        pairs = [(venue, symbol) for level, venue, symbol in fresh if level == name]
        names = [
            episode_words.subject({"per": "pair", "venue": venue, "symbol": symbol})
            for venue, symbol in pairs
        ]
        beyond = f"{QUANTITIES[name].title} beyond {seen.thresholds.written(name)}"
        counted = f"{formats.plural(len(pairs), 'pair')}, " if len(pairs) > 1 else ""
        said = f"{beyond}: {counted}{formats.listed(names, 3)}"
        venue, symbol = pairs[0]
        place = {"venue": venue, "symbol": symbol} if len(pairs) == 1 else {}
        yield {
            "text": f"{said} · {formats.minute(shown.now)} UTC",
            "path": "/market" if place else "/",
            "asks": place | as_of.in_url(shown.now) if place else {},
            "color": look.line,
            "stays": False,
        }


def _choose() -> None:
    st.session_state[_CHOSEN] = True
