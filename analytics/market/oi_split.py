"""How far open interest moved by price, and how far by contracts: of each pair, and of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from analytics.indicators.decomposition import oi_change
from analytics.market.figures import Change, Figure
from analytics.market.totals import column


@dataclass(frozen=True, slots=True)
class OiSplit:
    """The change of open interest of several pairs, in two parts that add up to it."""

    oi_price_usd: float
    oi_contracts_usd: float
    change: Change
    """The sum of both, of the pairs that know dollars and coins at both ends. [USD]"""
    expected: int
    """Pairs there should be: the universe's."""

    @property
    def figure(self) -> Figure:
        """The change as a figure with its coverage; it has no course."""
        nothing = pd.Series(dtype=float)
        usd = self.change.difference
        return Figure(usd, self.change.pairs, self.expected, nothing, self.change)


def with_split(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return *pairs*, rows of ``pairs.sql``, with oi_price_usd and oi_contracts_usd beside. [USD]

    NaN where a pair does not know its open interest in USD and in coins, now and then.
    """
    now_usd, then_usd, now_base, then_base = (
        column(pairs, name) for name in ("oi_usd", "oi_usd_then", "oi_base", "oi_base_then")
    )
    parts = oi_change(then_usd, now_usd, then_base, now_base)
    return pairs.assign(oi_price_usd=parts.oi_price_usd, oi_contracts_usd=parts.oi_contracts_usd)


def oi_split(pairs: pd.DataFrame, silent: int = 0) -> OiSplit | None:
    """Return the split of the change of all *pairs* that know both ends; None where none does.

    Args:
        pairs: As :func:`with_split` returns them.
        silent: Pairs of the universe that are not among them.
    """
    price, contracts = column(pairs, "oi_price_usd"), column(pairs, "oi_contracts_usd")
    known = np.isfinite(price)
    if not known.any():
        return None
    by_price, by_contracts = float(price[known].sum()), float(contracts[known].sum())
    spans = column(pairs, "oi_delta_s")[known]
    change = Change(
        difference=by_price + by_contracts,
        pct=None,
        pairs=int(known.sum()),
        least=timedelta(seconds=float(spans.min())),
        most=timedelta(seconds=float(spans.max())),
        until=pairs.loc[known, "oi_usd_ts"].max().to_pydatetime(),
    )
    return OiSplit(by_price, by_contracts, change, len(pairs) + silent)
