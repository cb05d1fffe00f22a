"""How signals are traded: side, size, costs and limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal

from analytics.errors import QueryError

Side = Literal["long", "short", "both"]


@dataclass(frozen=True, slots=True)
class Fee:
    """Of the notional of a fill."""

    maker_pct: float
    """[%]"""
    taker_pct: float
    """[%]"""


FEES: Final[Mapping[str, Fee]] = MappingProxyType(
    {
        "binance": Fee(maker_pct=0.02, taker_pct=0.05),
        "bybit": Fee(maker_pct=0.02, taker_pct=0.055),
        "okx": Fee(maker_pct=0.02, taker_pct=0.05),
        "hyperliquid": Fee(maker_pct=0.015, taker_pct=0.045),
    }
)
"""Published rates of the lowest tier, without discounts; by venue.

Sources: Binance, "USDⓈ-M Futures Trading Fee Rate", regular user. Bybit, "Perpetual & Futures
Contract: Fees Explained", VIP 0. OKX, "Trading fees", perpetual futures, regular user level 1.
Hyperliquid docs, "Fees", perps tier 0.
"""


@dataclass(frozen=True, slots=True)
class FixedUsd:
    """Every trade is of the same notional."""

    usd: float


@dataclass(frozen=True, slots=True)
class PercentOfEquity:
    """A trade is a part of what the account is worth when its signal is known."""

    pct: float


@dataclass(frozen=True, slots=True)
class VolatilityTarget:
    """A trade is as large as makes its position as volatile as a part of the account.

    size = equity x target / volatility of the pair, which is annualised over the last *window*
    bars at the signal; at most *most_pct* of the equity.
    """

    pct: float
    """[% per square root of a year]"""
    window: int = 20
    """[bars]"""
    most_pct: float = 100.0
    """[%]"""


Size = FixedUsd | PercentOfEquity | VolatilityTarget


@dataclass(frozen=True, slots=True)
class SlippageBps:
    """A market order is filled so far from the price, against the trade."""

    bps: float = 0.0


@dataclass(frozen=True, slots=True)
class SlippageOfBook:
    """A market order pays half the recorded spread, and an impact that the user states.

    The record holds the spread and the imbalance of a book, not its depth, so what an order of a
    size would move is not in it. The spread is that of the last bar over before the fill; an
    entry without one is not filled, an exit takes the last one known since the entry.
    """

    impact_bps: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Entries, exits by signal, by time and stops are market orders: taker fee and slippage.

    A target rests in the book: maker fee, no slippage. Positions are not liquidated: there is
    no margin in the model.
    """

    side: Side = "long"
    size: Size = FixedUsd(1_000.0)
    start_usd: float = 10_000.0
    fees: Mapping[str, Fee] | Fee = field(default_factory=lambda: FEES)
    """By venue, or of all."""
    slippage: SlippageBps | SlippageOfBook = SlippageBps()
    stop_pct: float | None = None
    """How far against the entry price. [%]"""
    target_pct: float | None = None
    """How far for it. [%]"""
    time_limit: timedelta | None = None
    """A trade ends at the first open so long after its entry; whole bars."""
    most_positions: int | None = None
    """Open at once, over all pairs; None: one per pair."""

    def __post_init__(self) -> None:
        """Raise QueryError where a value makes no sense."""
        for name, value in self._above_0().items():
            if not (math.isfinite(value) and value > 0):
                raise QueryError(f"{name}: must be above 0, not {value:g}")
        if self.side != "short" and self.stop_pct is not None and self.stop_pct >= 100:
            raise QueryError(f"stop: a long cannot lose {self.stop_pct:g} %; below 100 %")
        if self.side != "long" and self.target_pct is not None and self.target_pct >= 100:
            raise QueryError(f"target: a short cannot gain {self.target_pct:g} %; below 100 %")
        slippage = self.slippage
        bps = slippage.bps if isinstance(slippage, SlippageBps) else slippage.impact_bps
        if not 0 <= bps < 10_000:
            raise QueryError(f"slippage: from 0 to 10,000 basis points, not {bps:g}")
        if isinstance(self.size, VolatilityTarget) and self.size.window < 2:
            raise QueryError(f"volatility window: at least 2 bars, not {self.size.window}")

    def _above_0(self) -> dict[str, float]:
        size, limit = self.size, self.time_limit
        found: dict[str, float | None] = {
            "size": size.usd if isinstance(size, FixedUsd) else size.pct,
            "start capital": self.start_usd,
            "stop": self.stop_pct,
            "target": self.target_pct,
            "time limit": None if limit is None else limit.total_seconds(),
            "maximum positions": self.most_positions,
        }
        if isinstance(size, VolatilityTarget):
            found["largest size"] = size.most_pct
        return {name: value for name, value in found.items() if value is not None}

    def fee(self, venue: str) -> Fee:
        """Return what *venue* charges.

        Raises:
            QueryError: No fee is known for it.
        """
        if isinstance(self.fees, Fee):
            return self.fees
        if venue not in self.fees:
            known = ", ".join(self.fees) or "none"
            raise QueryError(f"fee: none is known for {venue!r}, only for {known}; state one")
        return self.fees[venue]
