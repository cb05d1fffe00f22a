"""What a simulation returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

TRADE_COLUMNS: Final = (
    *("venue", "symbol", "side", "signal_ts", "entry_ts", "entry_price", "exit_ts", "exit_price"),
    *("size_usd", "units", "fee_usd", "slippage_usd", "funding_usd", "pnl_usd", "return_pct"),
    *("mae_pct", "mfe_pct", "exit_reason", "settlements", "settlements_missing"),
)
UNFILLED_COLUMNS: Final = ("venue", "symbol", "signal_ts", "reason")


@dataclass(frozen=True, slots=True)
class SimulatedTrades:
    """Trades, and the account that they make. Times are UTC, with their zone."""

    trades: pd.DataFrame
    """A row per trade, by entry, with ``TRADE_COLUMNS``:

    * signal_ts: the end of the bar that signalled, when that was known
    * entry_ts, exit_ts: of the fill: the bar's open, or of a stop or target the end of its bar,
      since the time within it is not known; exit_ts and exit_price are absent while it is open
    * entry_price, exit_price: of the fill, slippage included. [quote currency]
    * size_usd: at the entry before slippage, and units what that buys. [USD] [quoted units]
    * slippage_usd: what the prices above hold of it; not subtracted again. [USD]
    * funding_usd: below 0 is paid. The sum of the settlements that are recorded; absent where
      none of those due is, and where no funding was given. [USD]
    * settlements, settlements_missing: due while it was held, and of these not recorded
    * pnl_usd: net of fees, slippage and the funding that is known; of an open trade at the last
      close that is known. return_pct is that of size_usd. [USD] [%]
    * mae_pct, mfe_pct: furthest that the price went against and for it, by the highs and lows of
      the whole bars held and by the fills. [%]
    * exit_reason: signal, stop, target, time, or end: still open when the record ends
    """
    equity_usd: pd.Series[float]
    """Of the account at the start of the first bar, and at the end of each; open positions at
    their last close that is known. Its last value is the start capital and the sum of pnl_usd.
    [USD]"""
    exposure_usd: pd.Series[float]
    """Positions open then, longs and shorts added up, at the same prices. [USD]"""
    unfilled: pd.DataFrame
    """Signals that made no fill where they should have, and why; ``UNFILLED_COLUMNS``."""
