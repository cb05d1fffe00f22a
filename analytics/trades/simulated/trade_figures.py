"""What simulated trades come to: win rate, profit factor, expectancy, costs; of all, or by group.

Trades of one time overlap and pairs move together, so that intervals come from whole blocks of
time, of all pairs at once, as those of ``rules.scorecard`` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from analytics import formats
from analytics.indicators.arrays import Floats
from analytics.trades.simulated.time_blocks import TimeBlocks, interval

LEAST_TRADES: Final = 20
"""Fewer trades that begin at different times give a sentence instead of figures."""
JUDGED: Final = ("win_rate_pct", "expectancy_usd", "expectancy_pct", "profit_factor")
"""Figures with an interval, as columns with ``_low`` and ``_high``; absent where ``note`` says
why."""
_SUMS: Final = (
    *("pnl_usd", "fee_usd", "slippage_usd", "funding_usd"),
    *("settlements", "settlements_missing"),
)


def of_all(trades: pd.DataFrame, times: pd.DatetimeIndex, seed: int = 1) -> pd.Series[Any]:
    """Return the figures of all trades; see `figures`."""
    if trades.empty:
        absent = dict.fromkeys(_WITH_BOUNDS, np.nan)
        return pd.Series(_plain(trades) | absent | {"note": too_few(trades)})
    return figures(trades, times, seed=seed).iloc[0]


def by_pair(trades: pd.DataFrame, times: pd.DatetimeIndex, seed: int = 1) -> pd.DataFrame:
    """Return the figures of each pair, by venue and symbol; see `figures`."""
    return figures(trades, times, ("venue", "symbol"), seed)


def by_hour(trades: pd.DataFrame, times: pd.DatetimeIndex, seed: int = 1) -> pd.DataFrame:
    """Return the figures of trades by the hour of the day, UTC, of their entry; see `figures`."""
    hours = trades["entry_ts"].dt.hour
    return figures(trades.assign(entry_hour=hours), times, ("entry_hour",), seed)


def figures(
    trades: pd.DataFrame, times: pd.DatetimeIndex, by: Sequence[str] = (), seed: int = 1
) -> pd.DataFrame:
    """Return what *trades* come to, a row per group of them; no rows without trades.

    Args:
        trades: Of ``SimulatedTrades``.
        times: Start of the run, then the end of each bar.
        by: Columns whose values make a group; none is one group of all.
        seed: Of the resampling: the same gives the same figures.

    Returns:
        The columns *by*; trade_count, and open_count of those still open, which count at their
        last price. win_rate_pct: share with a PnL above 0 [%]; expectancy_usd and expectancy_pct:
        means of pnl_usd [USD] and return_pct [%]; profit_factor: gains / losses [ratio], infinite
        without a loss. Each has ``_low`` and ``_high``, a 95 % interval by the
        circular block bootstrap of ``rules.scorecard.block_means``. gross_pnl_usd, PnL before
        costs, and sums of pnl_usd, fee_usd, slippage_usd and funding_usd, which are of the funding
        that is known [USD], and of settlements and settlements_missing. Means of mae_pct and
        mfe_pct [%] and of holding_s, from entry to exit of those that are over [s]. note: why
        figures are absent.
    """
    keys = list(by)
    if trades.empty:
        return pd.DataFrame(columns=[*keys, *_plain(trades), *_WITH_BOUNDS, "note"])
    number = trades.groupby(keys).ngroup() if keys else pd.Series(0, trades.index)
    blocks = TimeBlocks.of(trades, times)
    bounds = _bounds(trades, number, blocks, seed)
    rows = []
    for nth, mine in trades.groupby(number):
        note = too_few(mine) or blocks.note
        judged = {} if note else _means(mine) | bounds[int(nth)]
        rows.append(mine.iloc[0][keys].to_dict() | _plain(mine) | judged | {"note": note})
    return pd.DataFrame(rows, columns=[*keys, *_plain(trades), *_WITH_BOUNDS, "note"])


_WITH_BOUNDS: Final = tuple(f"{name}{end}" for name in JUDGED for end in ("", "_low", "_high"))


def _plain(mine: pd.DataFrame) -> dict[str, Any]:
    """Return what is so however few trades there are; sums are of what is known."""
    costs = mine["fee_usd"] + mine["slippage_usd"] - mine["funding_usd"].fillna(0)
    held = (mine["exit_ts"] - mine["entry_ts"]).dt.total_seconds()
    return {
        "trade_count": len(mine),
        "open_count": int(mine["exit_ts"].isna().sum()),
        **mine[list(_SUMS)].sum(min_count=1),
        "gross_pnl_usd": (mine["pnl_usd"] + costs).sum(min_count=1),
        **mine[["mae_pct", "mfe_pct"]].mean(),
        "holding_s": held.mean(),
    }


def too_few(trades: pd.DataFrame) -> str | None:
    """Return why *trades* give no figures; None if they do."""
    begins = trades["entry_ts"].nunique()
    if begins >= LEAST_TRADES:
        return None
    found = formats.plural(begins, "trade")
    return f"{found} at different times; at least {LEAST_TRADES} are needed"


def _means(trades: pd.DataFrame) -> dict[str, float]:
    return dict(zip(JUDGED, _judged(_terms(trades).mean(axis=0)), strict=True))


def _terms(trades: pd.DataFrame) -> Floats:
    """Return of each trade what `_judged` takes the means of. (n, 5)"""
    pnl = trades["pnl_usd"].to_numpy(float)
    back = trades["return_pct"].to_numpy(float)
    return np.column_stack([pnl > 0, pnl, back, np.maximum(pnl, 0), np.maximum(-pnl, 0)])


def _judged(means: Floats) -> Floats:
    """Return ``JUDGED`` from means of the terms; without a loss the factor is infinite.

    (..., 5) to (4, ...)
    """
    wins, pnl, back, gain, loss = np.moveaxis(means, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(loss > 0, gain / loss, np.where(gain > 0, np.inf, np.nan))
    return np.stack([100 * wins, pnl, back, factor])


def _bounds(
    trades: pd.DataFrame, number: pd.Series[int], blocks: TimeBlocks, seed: int
) -> list[dict[str, float]]:
    """Return the intervals of ``JUDGED`` of each group, from the same draws."""
    groups = int(number.max()) + 1
    if blocks.note:
        return [{}] * groups
    cells = blocks.at(trades["entry_ts"]) * groups + number.to_numpy(np.intp)
    means = blocks.means(cells, _terms(trades), groups=groups, seed=seed)
    judged = _judged(means)
    return [
        {
            f"{name}_{end}": bound
            for name, drawn in zip(JUDGED, judged[:, :, nth], strict=True)
            for end, bound in zip(("low", "high"), interval(drawn), strict=True)
        }
        for nth in range(judged.shape[2])
    ]
