"""Open trades: PnL, funding, distances, excursions, and what changed around them."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from analytics import formats
from analytics.lake.records import Trade
from analytics.quantities import QUANTITIES
from analytics.trades import worth
from dashboard.frame.brand import style_part
from dashboard.frame.error_boundary import plain
from dashboard.loaders import trades
from dashboard.loaders.trades import Live, Monitored
from dashboard.monitor.trade_form import close_trade, edit_trade
from dashboard.state import as_of
from dashboard.state.as_of import Moment

_STYLE: Final = """
<style>
[class*="st-key-trade_"] [data-testid="stMetricValue"] { font-size: 1.15rem; line-height: 1.3 }
[class*="st-key-trade_"] [data-testid="stMetricDelta"] * { font-size: 0.8rem }
</style>
"""


def open_trades(found: list[Monitored], shown: Moment, why_not: str | None) -> None:
    """Draw a card for each of the trades *found*.

    Args:
        found: Those that are open.
        shown: The time that is shown.
        why_not: Why none can be changed; None if they can.
    """
    style_part(_STYLE)
    st.subheader("Open trades", anchor=False)
    if not found:
        st.caption(_none(shown))
    for one in found:
        with st.container(border=True, key=f"trade_{one.trade.id}", gap="small"):
            live = trades.live(one.trade, one.contract, shown) if one.contract else None
            _head(one.trade, live, shown, why_not)
            if live is None:
                st.caption("This pair's contract size is not known, so nothing can be computed.")
                continue
            with st.grid(7, min_column_width=125, gap="small"):
                _figures(one.trade, live, shown)
            for line in _lines(one.trade, live):
                st.caption(plain(line))


def _none(shown: Moment) -> str:
    if shown.is_uploaded:
        return "Monitored trades belong to the live record."
    return "No open trades." if shown.mode != "asked" else "No trade was open then."


def written(name: str, value: float | None) -> str:
    """Write the quantity called *name*."""
    return QUANTITIES[name].write(value)


def _head(trade: Trade, live: Live | None, shown: Moment, why_not: str | None) -> None:
    """Draw what the trade is, and what can be done with it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        words = f"{formats.pair(trade.symbol)} · {formats.venue(trade.venue)}"
        size = written("size_base", trade.size_base)
        st.markdown(
            f"**{plain(words)}** {trade.side} {trade.leverage:g}×, "
            f"{plain(size)} {plain(trade.base)} at {written('entry_price', trade.entry_price)} "
            f"since {formats.moment(trade.opened_ts, shown.now)}",
            width="content",
        )
        place: dict[str, Any] = {"venue": trade.venue, "symbol": trade.symbol}
        at = shown.now if shown.mode == "asked" else None
        st.page_link(
            "app_pages/market.py", label="Market", query_params={**place, **as_of.in_url(at)}
        )
        if why_not is None:
            with st.popover("Edit", key=f"edit_of_{trade.id}"):
                edit_trade(trade)
            with st.popover("Exit", key=f"close_of_{trade.id}"):
                close_trade(trade, None if live is None else live.price)
    if trade.note:
        st.caption(plain(trade.note))


def _figures(trade: Trade, live: Live, shown: Moment) -> None:
    _metric("pnl_usd", live.pnl_usd, _change("pnl_margin_pct", live.pnl_margin_pct), "of margin")
    _metric("price", live.price, _way(live.price, trade.entry_price), "since entry")
    for name, level in (
        ("stop_price", trade.stop_price),
        ("target_price", trade.target_price),
        ("liquidation_price", live.liquidation_price),
    ):
        way = None if live.price is None or level is None else _way(level, live.price)
        none = "none" if name == "liquidation_price" else "not set"
        _metric(name, level, way, none if level is None else "away", color="off")
    _metric("funding_paid_usd", live.funding.usd, None, _payments(live))
    due = live.next_funding_ts
    when = None if due is None or due <= shown.now else f"in {formats.countdown(due - shown.now)}"
    _metric("funding_expected_usd", live.funding_expected_usd, None, when)


def _metric(
    name: str, value: float | None, change: str | None, of: str | None, color: Any = "normal"
) -> None:
    st.metric(
        QUANTITIES[name].title,
        written(name, value),
        change or of,
        delta_color=color if change and change[0] in "+-" else "off",
        delta_arrow="auto" if change and change[0] in "+-" and color != "off" else "off",
        delta_description=of if change else None,
    )


def _change(name: str, value: float | None) -> str | None:
    return None if value is None else written(name, value)


def _way(to: float | None, start: float) -> str | None:
    """Write how far it is from a price to another: ``-4.20 %``."""
    return None if to is None else written("to_stop_pct", worth.distance_pct(start, to))


def _payments(live: Live) -> str:
    paid = live.funding
    if paid.due is None:
        return "interval not recorded"
    if paid.known < paid.due:
        return f"{paid.known} of {formats.plural(paid.due, 'payment')} known"
    return formats.plural(paid.due, "payment")


def _lines(trade: Trade, live: Live) -> list[str]:
    """Say how far the price went, and what changed since the entry."""
    gone = live.excursion
    part = "" if gone.known == gone.bars else f", {gone.known:,} of {gone.bars:,} bars known"
    names = ("oi_usd", "funding_8h_pct", "ls_accounts", "z_oi")
    changes = [
        f"{QUANTITIES[name].title} {written(name, getattr(live.at_entry, name))} → "
        f"{written(name, getattr(live.now, name))}"
        for name in names
    ]
    level = None if live.price is None else worth.crossed(trade, live.price)
    crossed = [f"The price is at or beyond the {level}."] * (level is not None)
    mae, mfe = (
        f"{QUANTITIES[name].title} {written(name, getattr(gone, name))}"
        for name in ("mae_pct", "mfe_pct")
    )
    return [*crossed, f"{mae}, {mfe}{part}", f"At entry → now: {', '.join(changes)}"]
