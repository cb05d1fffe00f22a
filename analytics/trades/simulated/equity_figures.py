"""What an equity curve says: return, drawdown, exposure, Sharpe and Sortino ratio."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
import pandas as pd

from analytics.indicators.arrays import Floats
from analytics.trades.simulated.time_blocks import TimeBlocks, interval

YEAR: Final = timedelta(days=365)
"""What ratios are annualised to: the market never closes."""


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of the equity from a peak, and the longest time below one."""

    depth_pct: float
    """At most 0. [% of the peak]"""
    depth_usd: float
    """Of the same fall, at most 0. [USD]"""
    peak_ts: pd.Timestamp
    trough_ts: pd.Timestamp
    recovered_ts: pd.Timestamp | None
    """When the equity was back at that peak; None if it was not."""
    longest: timedelta
    """The longest time from a peak until the equity was back at it, or until the end."""
    is_longest_over: bool
    """Whether it was back at that peak."""


def drawdown_pct(equity_usd: pd.Series[float]) -> pd.Series[float]:
    """Return how far the equity is below its highest value so far; at most 0. [%]"""
    return 100 * (equity_usd / equity_usd.cummax() - 1)


def drawdown(equity_usd: pd.Series[float]) -> Drawdown:
    """Return the deepest and the longest drawdown.

    Args:
        equity_usd: By time, at least one value, none absent. [USD]
    """
    values, times = equity_usd.to_numpy(float), pd.DatetimeIndex(equity_usd.index)
    below = drawdown_pct(equity_usd).to_numpy()
    trough = int(below.argmin())
    peak = int(values[: trough + 1].argmax())
    back = trough + np.flatnonzero(values[trough:] >= values[peak])
    at_peak = np.flatnonzero(below == 0)
    until = np.append(at_peak[1:], len(values))
    # From a peak to the next value that is as high; a peak that the next one passes is none.
    ends = np.where(until - at_peak > 1, until, at_peak).clip(max=len(values) - 1)
    spans = times[ends] - times[at_peak]
    nth = int(spans.argmax())
    return Drawdown(
        depth_pct=float(below[trough]),
        depth_usd=float(values[trough] - values[peak]),
        peak_ts=times[peak],
        trough_ts=times[trough],
        recovered_ts=times[back[0]] if len(back) else None,
        longest=spans[nth].to_pytimedelta(),
        is_longest_over=nth < len(at_peak) - 1,
    )


def returns(equity_usd: pd.Series[float]) -> Floats:
    """Return the change of the equity from bar to bar, as a ratio. (T + 1,) to (T,)"""
    values = equity_usd.to_numpy(float)
    return values[1:] / values[:-1] - 1


def sharpe(bar_returns: Floats, bar: timedelta) -> float:
    """Return the Sharpe ratio of returns per bar, annualised; NaN where they do not vary.

    mean / standard deviation (n - 1) x sqrt(bars in 365 days), with a risk-free rate of 0. Sharpe
    (1994), "The Sharpe Ratio", J. Portfolio Management 21. The root is right as far as returns of
    different bars are uncorrelated: Lo (2002), "The statistics of Sharpe ratios", Financial
    Analysts J. 58.
    """
    if len(bar_returns) < 2:
        return float("nan")
    return _annualised(bar_returns.mean(), bar_returns.std(ddof=1), bar)


def sortino(bar_returns: Floats, bar: timedelta) -> float:
    """Return the Sortino ratio of returns per bar, annualised; NaN where none is below 0.

    mean / sqrt(mean of min(return, 0)^2, over all bars) x sqrt(bars in 365 days). Sortino & van der
    Meer (1991), "Downside risk", J. Portfolio Management 17, with a target of 0.
    """
    if not len(bar_returns):
        return float("nan")
    downside = float(np.sqrt((np.minimum(bar_returns, 0) ** 2).mean()))
    return _annualised(bar_returns.mean(), downside, bar)


def _annualised(mean: float, spread: float, bar: timedelta) -> float:
    return float(mean / spread * np.sqrt(YEAR / bar)) if spread > 0 else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A ratio with its 95 % interval; all NaN where it is absent."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveFigures:
    """What an account came to."""

    end_usd: float
    """[USD]"""
    total_return_pct: float
    """Of the start capital. [%]"""
    drawdown: Drawdown
    time_in_market_pct: float
    """Share of bars at whose end a position is open. [%]"""
    exposure_pct: float
    """Mean of open positions over equity, all bars. [%]"""
    sharpe: Ratio
    """As `sharpe`."""
    sortino: Ratio
    """As `sortino`."""
    note: str | None
    """Why the two are absent."""


def curve_figures(
    equity_usd: pd.Series[float],
    exposure_usd: pd.Series[float],
    blocks: TimeBlocks | None,
    note: str | None = None,
    seed: int = 1,
) -> CurveFigures:
    """Return what an account came to.

    Args:
        equity_usd: Of ``SimulatedTrades``. [USD]
        exposure_usd: Likewise. [USD]
        blocks: What intervals of the two ratios are drawn from; None gives none.
        note: Why there are no ratios; None if there are.
        seed: Of the resampling: the same gives the same figures.
    """
    values = equity_usd.to_numpy(float)
    is_broke = bool((values <= 0).any())
    note = "the equity fell to 0" if is_broke else note
    ratios = (Ratio(), Ratio())
    if note is None:
        ratios = _ratios(equity_usd, blocks, seed)
    open_usd = exposure_usd.to_numpy(float)[1:]
    return CurveFigures(
        end_usd=float(values[-1]),
        total_return_pct=float(100 * (values[-1] / values[0] - 1)),
        drawdown=drawdown(equity_usd),
        time_in_market_pct=float(100 * (open_usd != 0).mean()),
        exposure_pct=np.nan if is_broke else float(100 * (open_usd / values[1:]).mean()),
        sharpe=ratios[0],
        sortino=ratios[1],
        note=note,
    )


def _ratios(
    equity_usd: pd.Series[float], blocks: TimeBlocks | None, seed: int
) -> tuple[Ratio, Ratio]:
    times = pd.DatetimeIndex(equity_usd.index)
    bar, back = (times[1] - times[0]).to_pytimedelta(), returns(equity_usd)
    plain = (sharpe(back, bar), sortino(back, bar))
    if blocks is None:
        return Ratio(value=plain[0]), Ratio(value=plain[1])
    terms = np.column_stack([back, back**2, np.minimum(back, 0) ** 2])
    mean, square, below = np.moveaxis(blocks.means(blocks.at(times[:-1]), terms, seed=seed), -1, 0)
    year = np.sqrt(YEAR / bar)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = (
            mean / np.sqrt(square - mean**2) * year,
            mean / np.sqrt(below) * year,
        )
    found = [
        Ratio(value=value, low=bounds[0], high=bounds[1])
        for value, one in zip(plain, drawn, strict=True)
        for bounds in [interval(one[:, 0])]
    ]
    return found[0], found[1]
