"""The Wallboard's parts, in large type: prices first, then signals in words, movers and figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.market.figures import Figure
from analytics.palette import Colors
from analytics.quantities import QUANTITIES, moved
from analytics.signals.fired import Signal
from dashboard.components.cards import UNSIGNED, card_text
from dashboard.components.signal_list import signal_legend, signal_lines
from dashboard.frame.local_time import titled
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_MAX_ROWS: Final = 7

_FIRST: Final = ("BTC", "ETH", "SOL")
"""The assets whose prices lead; where one is not shown, the next largest takes its place."""

_FIGURES: Final = (
    *("global_oi_usd", "volume_24h_usd", "funding_8h_pct"),
    *("ls_accounts", "liquidations_1h_usd", "breadth_pct"),
)

_STYLE: Final = """
<style>
[data-testid="stSidebar"], [data-testid="stExpandSidebarButton"], [data-testid="stHeader"] {
  display: none }
[data-testid="stMainBlockContainer"] { padding: 0.6rem 1.6vw 0; max-width: none }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: 0.4rem }
/* What asks for the next run shows nothing, and takes no room. */
.st-key-wallboard { position: absolute; width: 0 }
/* What market this is stands between the time and the venues. */
[data-testid="stLayoutWrapper"]:has(> .st-key-origin) { top: 0.55rem; right: auto; left: 50%;
  transform: translateX(-50%) }
/* Nobody waits here: what is about to be replaced is not dimmed. */
[data-stale="true"], [data-stale="true"] * { opacity: 1 !important; transition: none !important }
.wall { font-variant-numeric: tabular-nums; line-height: 1.2 }
.wall small { opacity: 0.8 }
.wall-top { display: flex; flex-wrap: wrap; gap: 0 2vw; align-items: baseline;
  font-size: clamp(1rem, 1.25vw, 2.4rem) }
.wall-top .ages { margin-left: auto; display: flex; flex-wrap: wrap; gap: 0 1.4vw }
/* The whole of the screen, whatever its size: what is left over goes between the lines. */
.wall-main { display: flex; flex-direction: column; gap: 1.2vh;
  min-height: calc(100vh - 4.4rem - 1.5vw) }
.wall-prices { display: grid; gap: 0.8vw;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)) }
.wall-price { border: 1px solid rgba(128, 140, 160, 0.35); border-radius: 6px;
  padding: 0.6vh 1.2vw 1vh }
.wall-price h2 { font-size: clamp(1.2rem, 1.8vw, 3.4rem); margin: 0; padding: 0 }
.wall-price b { font-size: clamp(2.6rem, 5.4vw, 10rem); font-weight: 650; line-height: 1.05;
  white-space: nowrap; display: block }
.wall-price p { margin: 0; font-size: clamp(1.1rem, 1.7vw, 3.2rem) }
.wall-price p + p { font-size: clamp(1rem, 1.45vw, 2.8rem) }
.wall-lists { display: grid; gap: 1.2vh 2.2vw; flex: 1;
  grid-template-columns: minmax(0, 2.5fr) minmax(0, 1fr) minmax(0, 1fr) }
.wall-list { display: flex; flex-direction: column }
.wall-list h2 { font-size: clamp(1.1rem, 1.7vw, 3.2rem); margin: 0 0 0.3vh; padding: 0 }
.wall-list div { flex: 1; display: flex; flex-direction: column; gap: 0.3vh;
  justify-content: space-around }
.wall-list p { font-size: clamp(1.05rem, 1.7vw, 3.2rem); margin: 0; display: flex; gap: 0.8vw;
  justify-content: space-between; white-space: nowrap }
.wall-list p span { overflow: hidden; text-overflow: ellipsis }
.wall-list p.signal { font-size: clamp(1.05rem, 1.6vw, 3rem); justify-content: flex-start;
  white-space: normal;
  align-items: baseline }
.wall-list p.signal i { font-style: normal; flex: 0 0 2em; font-size: 1.15em; line-height: 1 }
.wall-list p.said { white-space: normal; opacity: 0.8 }
.wall-list p.legend { font-size: clamp(0.8rem, 1vw, 2rem); display: block;
  white-space: normal }
.wall-cards { display: grid; gap: 0.8vw;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 10vw + 4rem), 1fr)) }
.wall-card { border: 1px solid rgba(128, 140, 160, 0.35); border-radius: 6px;
  padding: 0.5vh 0.9vw }
.wall-card span { font-size: clamp(0.9rem, 1.05vw, 2rem); display: block; opacity: 0.8 }
.wall-card b { font-size: clamp(1.5rem, 2.1vw, 4rem); font-weight: 600; white-space: nowrap }
.wall-card em { font-style: normal; font-size: clamp(0.9rem, 1.05vw, 2rem); display: block;
  min-height: 1.2em }
.wall-card small { font-size: clamp(0.8rem, 0.9vw, 1.6rem) }
@media (max-width: 900px) {
  .wall-lists { grid-template-columns: minmax(0, 1fr) }
  [data-testid="stLayoutWrapper"]:has(> .st-key-origin) { position: static; transform: none }
}
body [data-testid="stLayoutWrapper"]:has(> [class*="st-key-alert_bell"]) { top: 0.6rem;
  left: 26%; right: auto }
[class*="st-key-alert_bell"] a * { font-size: clamp(1rem, 1.25vw, 2.4rem) !important }
@media (max-width: 640px) {
  body [data-testid="stLayoutWrapper"]:has(> [class*="st-key-alert_bell"]) { left: auto;
    right: 0.5rem } }
</style>
"""


def wall_style() -> None:
    """Hide what a wall does not need, and make the rest large; also where nothing can be shown."""
    st.html(_STYLE)


def wall_top(shown: Moment, cycles: pd.DataFrame, colors: Colors) -> None:
    """Draw the time, whether data is live, and how long ago each venue finished a cycle."""
    said, color = "Live", colors.up
    if shown.is_uploaded:
        said, color = f"end of this record · age {formats.age(shown.age)}", colors.text
    elif shown.mode == "stopped":
        said, color = f"COLLECTOR NOT RUNNING · age {formats.age(shown.age)}", colors.alert
    if shown.ahead:
        said = f"COLLECTOR CLOCK {formats.age(shown.ahead)} AHEAD OF THIS MACHINE"
    if shown.mode == "asked":
        said, color = f"{shown.known_words} · age {formats.age(shown.age)}", colors.alert
    clock = formats.clock(shown.now) if shown.mode == "live" else formats.moment(shown.now)
    watched = ' class="wall-live"' if shown.mode == "live" else ""
    st.html(
        f'<div class="wall wall-top"><div{watched}><strong>{titled(clock, shown.now)}</strong> '
        f'<span style="color:{color}">{said}</span></div>'
        f'<span class="ages">{_ages(cycles, shown, colors)}</span></div>'
    )


def wall_main(
    assets: pd.DataFrame,
    signals: Sequence[Signal],
    figures: dict[str, Figure],
    seen: View,
    shown: Moment,
    colors: Colors,
) -> None:
    """Draw prices, signals, movers and the market's figures, over the whole of the screen.

    Args:
        assets: As ``assets.sql`` returns them, the largest first.
        signals: Of the newest bar.
        figures: Of ``figures.whole_market``.
        seen: What the user chose.
        shown: When.
        colors: Of the theme.
    """
    lists = [
        _list(
            f"Signals, {seen.timeframe}",
            [*signal_lines(signals, colors, _MAX_ROWS), signal_legend(colors)],
        ),
        *(
            _list(f"{moved(name).title}, {seen.timeframe}", _movers(assets, name, colors))
            for name in ("price_delta_pct", "oi_delta_pct")
        ),
    ]
    prices = _prices(assets, seen, colors)
    st.html(
        f'<div class="wall wall-main"><div class="wall-prices">{prices}</div>'
        f'<div class="wall-lists">{"".join(lists)}</div>'
        f'<div class="wall-cards">{_cards(figures, shown, colors)}</div></div>'
    )


def _prices(assets: pd.DataFrame, seen: View, colors: Colors) -> str:
    """Return the price of the assets that lead, with its change and what positions do."""
    leads = assets["base"].map({base: nth for nth, base in enumerate(_FIRST)})
    rows = assets.assign(place=leads).sort_values("place", kind="stable", na_position="last")
    return "".join(_price(row, seen, colors) for row in rows.head(len(_FIRST)).to_dict("records"))


def _price(row: dict[Any, Any], seen: View, colors: Colors) -> str:
    day, change, oi_change = (
        _signed(QUANTITIES[name].write(row[name]), colors)
        for name in ("price_24h_pct", "price_delta_pct", "oi_delta_pct")
    )
    base, price = escape(row["base"]), formats.price(row["price"])
    oi, funding = formats.usd(row["oi_usd"]), formats.trimmed_pct(row["funding_8h_pct"])
    return (
        f'<div class="wall-price"><h2>{base}</h2><b>{price}</b>'
        f"<p>{day} <small>24 h</small> &ensp;{change} <small>{seen.timeframe}</small></p>"
        f"<p>OI {oi} {oi_change} <small>{seen.timeframe}</small> &ensp;Funding {funding}</p></div>"
    )


def _cards(figures: dict[str, Figure], shown: Moment, colors: Colors) -> str:
    """Return the market's figures, with their changes and what is missing in them."""
    cards = []
    for name in _FIGURES:
        text = card_text(name, figures[name], shown)
        color = "inherit" if name == UNSIGNED else _color(text.change, colors)
        written = "" if text.change is None else f"{text.change} {text.change_span}"
        more = ", ".join(filter(None, (text.parts, text.coverage)))
        small = f"<small>{escape(more)}</small>" if more else ""
        cards.append(
            f'<div class="wall-card"><span>{escape(text.label)}</span><b>{text.value}</b>'
            f'<em style="color:{color}">{escape(written)}</em>{small}</div>'
        )
    return "".join(cards)


def _list(title: str, lines: list[str]) -> str:
    return f'<div class="wall-list"><h2>{escape(title)}</h2><div>{"".join(lines)}</div></div>'


def _said(sentence: str) -> list[str]:
    return [f'<p class="said">{escape(sentence)}</p>']


def _movers(assets: pd.DataFrame, name: str, colors: Colors) -> list[str]:
    """Return a line for each of the assets with the largest changes of either sign."""
    largest = assets[name].abs().nlargest(_MAX_ROWS).index
    if largest.empty:
        return _said("No changes yet.")
    return [
        f"<p><span>{escape(row['base'])}</span>"
        f"<b>{_signed(QUANTITIES[name].write(row[name]), colors)}</b></p>"
        for row in assets.loc[largest].to_dict("records")
    ]


def _ages(cycles: pd.DataFrame, shown: Moment, colors: Colors) -> str:
    """Return how long ago each venue finished a cycle, and whose last one failed."""
    if cycles.empty:
        return "No cycles in the last 24 hours."
    failed = cycles["error"].notna()
    bad = failed | (cycles["finished_ts"] < shown.silent_before)
    ages = [formats.age(shown.now - finished) for finished in cycles["finished_ts"]]
    return "".join(
        f"<span>{escape(formats.venue(venue))} <small>{'error' if has_failed else ''}</small>"
        f'<b style="color:{colors.alert if is_bad else colors.up}">{age}</b></span>'
        for venue, age, has_failed, is_bad in zip(cycles["venue"], ages, failed, bad, strict=True)
    )


def _signed(written: str, colors: Colors) -> str:
    """Return *written* in the colour of its sign."""
    return f'<span style="color:{_color(written, colors)}">{escape(written)}</span>'


def _color(written: str | None, colors: Colors) -> str:
    """Return the colour of what begins with a sign."""
    return {"+": colors.up, "-": colors.down}.get((written or " ")[0], "inherit")
