"""The Wallboard's parts: time, cards and lists in large type."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market.figures import Figure
from analytics.market.movers import movers
from analytics.palette import Colors
from analytics.quantities import QUANTITIES, moved
from analytics.signals.fired import Signal
from analytics.signals.sentences import gravest_first, told
from dashboard.as_of import Moment
from dashboard.components.cards import UNSIGNED, card_text
from dashboard.components.movers import change_span
from dashboard.frame.local_time import titled
from dashboard.view import View

_MAX_ROWS: Final = 8

_FIGURES: Final = (
    *("global_oi_usd", "volume_24h_usd", "funding_8h_pct"),
    *("ls_accounts", "liquidations_1h_usd", "breadth_pct"),
)

_STYLE: Final = """
<style>
[data-testid="stSidebar"], [data-testid="stExpandSidebarButton"], [data-testid="stHeader"] {
  display: none }
[data-testid="stMainBlockContainer"] { padding: 1vw 1.6vw; max-width: none }
/* What asks for the next run shows nothing, and takes no room. */
.st-key-wallboard { position: absolute; width: 0 }
/* Nobody waits here: what is about to be replaced is not dimmed. */
[data-stale="true"], [data-stale="true"] * { opacity: 1 !important; transition: none !important }
.wall { font-variant-numeric: tabular-nums; line-height: 1.25 }
.wall small, .wall-card span { opacity: 0.8 }
.wall-card small { font-size: clamp(1rem, 1.2vw, 2rem) }
.wall-top { display: flex; flex-wrap: wrap; gap: 0 2.5vw; align-items: baseline;
  font-size: clamp(1.1rem, 1.8vw, 3rem) }
.wall-top strong { font-size: clamp(1.6rem, 3vw, 5rem) }
.wall-cards { display: grid; gap: 0.8vw;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 23vw + 4.5rem), 1fr)) }
.wall-card { border: 1px solid rgba(128, 140, 160, 0.35); border-radius: 6px;
  padding: 0.5vw 1.2vw }
.wall-card span { font-size: clamp(1rem, 1.4vw, 2.2rem); display: block }
.wall-card b { font-size: clamp(2rem, 4vw, 7rem); font-weight: 600; white-space: nowrap;
  line-height: 1.15 }
.wall-card em { font-style: normal; font-size: clamp(1.1rem, 1.6vw, 3rem); display: block;
  min-height: 1.25em }
.wall-lists { display: grid; gap: 1vw 2.2vw;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 15vw + 5rem), 1fr)) }
.wall-list h2 { font-size: clamp(1.1rem, 1.6vw, 2.6rem); margin: 0 0 0.3vw; padding: 0 }
.wall-list p { font-size: clamp(1.1rem, 1.6vw, 2.8rem); margin: 0; display: flex; gap: 0.6vw;
  justify-content: space-between; white-space: nowrap; line-height: 1.35 }
.wall-list p span { overflow: hidden; text-overflow: ellipsis }
.wall-list p.signal { white-space: normal }
.wall-list p.said { white-space: normal; opacity: 0.8 }
</style>
"""


def wall_style() -> None:
    """Hide what a wall does not need, and make the rest large; also where nothing can be shown."""
    st.html(_STYLE)


def wall_top(shown: Moment, colors: Colors) -> None:
    """Draw the time, and whether data is live."""
    said, color = "Live", colors.up
    if shown.mode == "stopped":
        said, color = f"COLLECTOR NOT RUNNING · age {formats.age(shown.age)}", colors.alert
    if shown.ahead:
        said = f"COLLECTOR CLOCK {formats.age(shown.ahead)} AHEAD OF THIS MACHINE"
    if shown.mode == "asked":
        said, color = f"{shown.known_words} · age {formats.age(shown.age)}", colors.alert
    clock = formats.clock(shown.now) if shown.mode == "live" else formats.moment(shown.now)
    st.html(
        f'<div class="wall wall-top"><strong>{titled(clock, shown.now)}</strong>'
        f'<span style="color:{color}">{said}</span></div>'
    )


def wall_cards(figures: dict[str, Figure], shown: Moment, colors: Colors) -> None:
    """Draw the market's figures in large, with their changes and what is missing in them."""
    cards = []
    for name in _FIGURES:
        text = card_text(name, figures[name], shown)
        color = "inherit" if name == UNSIGNED else _color(text.change, colors)
        written = "" if text.change is None else f"{text.change} {text.change_span}"
        missing = "" if text.coverage is None else f"<small>{escape(text.coverage)}</small>"
        cards.append(
            f'<div class="wall-card"><span>{escape(text.label)}</span><b>{text.value}</b>'
            f'<em style="color:{color}">{escape(written)}</em>{missing}</div>'
        )
    st.html(f'<div class="wall wall-cards">{"".join(cards)}</div>')


def wall_lists(
    pairs: pd.DataFrame,
    signals: Sequence[Signal],
    cycles: pd.DataFrame,
    seen: View,
    shown: Moment,
    colors: Colors,
) -> None:
    """Draw movers, signals and the age of each venue side by side."""
    lists = [
        _list(
            f"{title} {change_span(pairs, rows, name, seen.timeframe)}",
            _movers(pairs, rows, name, colors),
        )
        for name in ("price_delta_pct", "oi_delta_pct")
        for title in [moved(name).title]
        for rows in [_moved(pairs, name)]
    ]
    lists.append(_list(f"Signals, {seen.timeframe}", signal_lines(signals, colors)))
    lists.append(_list("Venues", _ages(cycles, shown, colors)))
    st.html(f'<div class="wall wall-lists">{"".join(lists)}</div>')


def _list(title: str, lines: list[str]) -> str:
    return f'<div class="wall-list"><h2>{escape(title)}</h2>{"".join(lines)}</div>'


def _line(left: str, small: str, right: str, color: str) -> str:
    return (
        f"<p><span>{escape(left)} <small>{escape(small)}</small></span>"
        f'<b style="color:{color}">{escape(right)}</b></p>'
    )


def _said(sentence: str) -> list[str]:
    return [f'<p class="said">{escape(sentence)}</p>']


def _moved(pairs: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the pairs with the largest changes of either sign, the largest first."""
    by_size = pairs.assign(size=pairs[name].abs())
    return movers(by_size, "size", most=_MAX_ROWS).rows


def _movers(pairs: pd.DataFrame, rows: pd.DataFrame, name: str, colors: Colors) -> list[str]:
    """Return a line for the change of each of *rows*."""
    if rows.empty:
        return _said("No changes yet.")
    change = pairs.set_index(["venue", "symbol"])[name]
    return [
        _line(formats.pair(row["symbol"]), row["venue"], written, _color(written, colors))
        for row in rows.to_dict("records")
        for written in [QUANTITIES[name].write(change[row["venue"], row["symbol"]])]
    ]


def signal_lines(signals: Sequence[Signal], colors: Colors) -> list[str]:
    """Return the gravest signals in words: by tier, the largest of each first."""
    if not signals:
        return _said("None of tier 2 or above in the last closed bar.")
    shown = [
        f'<p class="signal"><span><b style="color:{one.color(colors)}">{one.mark}</b> '
        f"{escape(one.subject)}: {escape(one.sentence)}</span></p>"
        for one in map(told, gravest_first(signals)[:_MAX_ROWS])
    ]
    more = len(signals) - _MAX_ROWS
    return shown + (_said(f"and {formats.plural(more, 'other')}") if more > 0 else [])


def _ages(cycles: pd.DataFrame, shown: Moment, colors: Colors) -> list[str]:
    """Return how long ago each venue finished a cycle, and whose last one failed."""
    if cycles.empty:
        return _said("No cycles in the last 24 hours.")
    failed = cycles["error"].notna()
    bad = failed | (cycles["finished_ts"] < shown.silent_before)
    ages = [formats.age(shown.now - finished) for finished in cycles["finished_ts"]]
    return [
        _line(venue, "error" if has_failed else "", age, colors.alert if is_bad else colors.up)
        for venue, age, has_failed, is_bad in zip(cycles["venue"], ages, failed, bad, strict=True)
    ]


def _color(written: str | None, colors: Colors) -> str:
    """Return the colour of what begins with a sign."""
    return {"+": colors.up, "-": colors.down}.get((written or " ")[0], "inherit")
