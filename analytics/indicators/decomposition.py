"""Where a change of open interest comes from: prices, or contracts.

Open interest in USD is coins times price. With q the coins and p the price
before (0) and after (1),

    total      =  q1 p1 - q0 p0
    price      =  (q0 + q1) / 2  x  (p1 - p0)
    contracts  =  (p0 + p1) / 2  x  (q1 - q0)

Both parts take the other factor midway, so they add to the total with nothing
left over, and neither depends on which of the two is thought to move first.
This is the arithmetic-mean decomposition of a product: T. L. Bennet, "The theory
of measurement of changes in cost of living", Journal of the Royal Statistical
Society 83(3), 1920, pp. 455-462.

The price is the one that open interest was valued at, oi_usd / oi_base, so
multipliers and contract sizes cancel. Contracts are counted in coins: a
coin-margined contract is a fixed number of dollars, and a fall in price that
leaves its oi_usd as it was shows as a price part and an equal, opposite
contracts part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.errors import QueryError
from analytics.indicators.arrays import Floats


@dataclass(frozen=True, slots=True)
class OiChange:
    """Change of open interest per instrument; instruments are the last axis. (..., N)"""

    total_usd: Floats
    """NaN where open interest is absent before or after. [USD]"""
    oi_price_usd: Floats
    """NaN where any of the four figures is absent, or there were no coins. [USD]"""
    oi_contracts_usd: Floats
    """NaN where oi_price_usd is. [USD]"""


def oi_change(
    oi_usd_before: Floats, oi_usd_after: Floats, oi_base_before: Floats, oi_base_after: Floats
) -> OiChange:
    """Return the change of open interest, split into its price and contracts parts.

    Args:
        oi_usd_before: [USD] (..., N)
        oi_usd_after: [USD] (..., N)
        oi_base_before: [base coins] (..., N)
        oi_base_after: [base coins] (..., N)

    Raises:
        ValueError: The arrays differ in shape.
    """
    if len({a.shape for a in (oi_usd_before, oi_usd_after, oi_base_before, oi_base_after)}) > 1:
        raise ValueError("oi_usd and oi_base, before and after, must have the same shape")
    before, after = _finite(oi_usd_before), _finite(oi_usd_after)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        price_before, price_after = before / oi_base_before, after / oi_base_after
        price = (oi_base_before + oi_base_after) / 2 * (price_after - price_before)
        contracts = (price_before + price_after) / 2 * (oi_base_after - oi_base_before)
        total = _finite(after - before)
    known = np.isfinite(price) & np.isfinite(contracts) & np.isfinite(total)
    return OiChange(
        total_usd=total,
        oi_price_usd=np.where(known, price, np.nan),
        oi_contracts_usd=np.where(known, contracts, np.nan),
    )


def oi_change_over(oi_usd: Floats, oi_base: Floats, *, bars: int = 1) -> OiChange:
    """Return each row's change of open interest since *bars* rows before.

    Args:
        oi_usd: Open interest by bar. [USD] (T, N)
        oi_base: The same. [base coins] (T, N)
        bars: How far back; the first rows, which have nothing there, are NaN. [bars]

    Raises:
        QueryError: *bars* is less than 1.
        ValueError: The arrays differ in shape.
    """
    if bars < 1:
        raise QueryError(f"bars: must be at least 1, not {bars}")
    return oi_change(_before(oi_usd, bars), oi_usd, _before(oi_base, bars), oi_base)


def _before(levels: Floats, bars: int) -> Floats:
    """Return the row *bars* earlier, as many rows as *levels*."""
    earlier = np.full(levels.shape, np.nan)
    earlier[bars:] = levels[:-bars]
    return earlier


def _finite(values: Floats) -> Floats:
    """Return *values*, NaN where they are infinite."""
    return np.where(np.isfinite(values), values, np.nan)
