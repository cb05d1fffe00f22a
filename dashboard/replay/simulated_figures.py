"""The figures of simulated trades in words, and what is to be said about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import streamlit as st

from analytics import formats
from analytics.quantities import QUANTITIES
from analytics.trades.simulated.equity_figures import Ratio
from analytics.trades.simulated.summary import Results
from dashboard.frame.brand import style_part

_STYLE: Final = """
<style>
/* No word of what goes with a figure is cut off. */
.st-key-simulated_figures [data-testid="stMetricDelta"] * { white-space: normal; overflow: visible;
  text-overflow: clip; line-height: 1.2 }
</style>
"""
_REASONS: Final = 4
_INTERVAL: Final = "95 % interval by blocks of time."


class Card(NamedTuple):
    """A figure in words."""

    name: str
    """Of its quantity."""
    value: str
    note: str | None
    """What goes with it: what it is beside, or its interval."""
    help: str

    @property
    def title(self) -> str:
        """Its title."""
        return QUANTITIES[self.name].title


def cards(found: Results, timeframe: str) -> list[Card]:
    """Return the figures of the account and of the trades, each with what goes with it."""
    return [*_of_account(found, timeframe), *_of_trades(found)]


def draw(cards: Sequence[Card]) -> None:
    """Draw *cards* as a strip."""
    style_part(_STYLE)
    with st.container(key="simulated_figures"), st.grid(6, min_column_width=150, gap="xsmall"):
        for card in cards:
            st.metric(
                card.title,
                card.value,
                card.note,
                delta_color="off",
                delta_arrow="off",
                help=card.help,
                border=True,
                height="stretch",
            )


def _of_account(found: Results, timeframe: str) -> Iterator[Card]:
    curve, fall = found.curve, found.curve.drawdown
    held = _write("total_return_pct", found.held_curve.total_return_pct)
    per_bar = f"Of changes per {timeframe} bar, annualised by the root of the bars in 365 days"
    yield _card(
        "total_return_pct",
        curve.total_return_pct,
        f"buy and hold {held}",
        "Of the start capital. Buy and hold: longs of the same pairs in equal parts, with the same "
        "fee, slippage and funding.",
    )
    yield _card(
        "pnl_usd",
        found.trades["pnl_usd"],
        f"{_write('gross_pnl_usd', found.trades['gross_pnl_usd'])} before costs",
        "Net of fees, slippage and the funding that is known. Open trades at their last price.",
    )
    yield _card(
        "drawdown_pct",
        fall.depth_pct,
        f"longest {formats.span(fall.longest)}",
        "The deepest fall from a peak of the equity, and the longest time below one"
        f"{'.' if fall.is_longest_over else ', which is not over.'}",
    )
    sortino_help = f"{per_bar}; by changes below 0 alone."
    for name, ratio, help in (
        ("sharpe", curve.sharpe, f"{per_bar}."),
        ("sortino", curve.sortino, sortino_help),
    ):
        yield _card(name, ratio.value, _between(name, ratio), f"{help} {_INTERVAL}")
    yield _card(
        "exposure_pct",
        curve.exposure_pct,
        f"in market {_write('time_in_market_pct', curve.time_in_market_pct)} of bars",
        "Open positions over equity, mean over all bars.",
    )


def _of_trades(found: Results) -> Iterator[Card]:
    trades = found.trades
    is_open = f"{trades['open_count']:,} open" if trades["open_count"] else None
    yield _card(
        "trade_count", trades["trade_count"], is_open, "Open trades count at their last price."
    )
    for name, help in (
        ("win_rate_pct", "Share of trades with a PnL above 0."),
        ("profit_factor", "Gains over losses of trades."),
        ("expectancy_usd", "Mean PnL of a trade."),
    ):
        bounds = Ratio(low=trades[f"{name}_low"], high=trades[f"{name}_high"])
        yield _card(name, trades[name], _between(name, bounds), f"{help} {_INTERVAL}")
    slippage = _write("slippage_usd", trades["slippage_usd"])
    yield _card("fee_usd", trades["fee_usd"], f"slippage {slippage}", "Of all fills.")
    yield _card(
        "funding_usd",
        trades["funding_usd"],
        _missing_funding(trades),
        "Below 0: paid. At the venues' own times, by the recorded rates.",
    )


def sentences(found: Results) -> Iterator[str]:
    """Return what is not in the figures, and why, and what luck alone would have made."""
    trades = found.trades
    if (note := found.curve.note or trades["note"]) is not None:
        names = ("sharpe", "sortino", "expectancy_usd", "win_rate_pct", "profit_factor")
        absent = [QUANTITIES[name].title for name in names]
        yield f"No {formats.listed(absent)}: {note}."
    elif np.isinf(trades["profit_factor"]):
        yield "No profit factor: no trade lost."
    if (missing := _missing_funding(trades)) is not None:
        yield f"Funding: {missing} in the record; PnL leaves them out."
    if len(unfilled := found.run.unfilled):
        counted = unfilled["reason"].value_counts()
        reasons = [f"{reason} ({count:,})" for reason, count in counted.items()]
        signals = formats.plural(len(unfilled), "signal")
        yield f"{signals} not filled as called for: {formats.listed(reasons, _REASONS)}."
    if len(out := found.held.unfilled.drop_duplicates(["venue", "symbol"])):
        late = formats.plural(len(out), "pair")
        yield f"Buy and hold: {late} could not be bought at the first bar, or not at all."


def luck(found: Results) -> str | None:
    """Return how the run stands among random ones; None without trades."""
    if found.random is None:
        return None
    share = _write("random_percentile", found.random.percentile)
    return (
        f"{share} of {len(found.random.pnl_usd):,} runs with random entries earned less: as many "
        "trades of the same pairs, sides, sizes and holding times, filled by the same rules."
    )


def _between(name: str, one: Ratio) -> str | None:
    if np.isnan(one.low):
        return None
    return f"{_write(name, one.low)} to {_write(name, one.high)}"


def _missing_funding(trades: Any) -> str | None:
    missing, due = trades["settlements_missing"], trades["settlements"]
    if not missing > 0:
        return None
    return f"{missing:,.0f} of {formats.plural(int(due), 'settlement')} missing"


def _write(name: str, value: float) -> str:
    return QUANTITIES[name].write(value)


def _card(name: str, value: float, note: str | None, help: str) -> Card:
    return Card(name, _write(name, value), note, help)
