"""Order books whose imbalance near the middle is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.market.noise import Floats, Ints

BAND_BPS = 25.0
"""Distance from mid within which the stated imbalance holds. [bps]"""

_GAP_BPS = 1.6
"""No level stands within half of this of the band's edge, so that rounding moves none across."""


@dataclass(frozen=True, slots=True)
class Precision:
    """How exactly each of several contracts is quoted."""

    up: Floats
    down: Floats

    @classmethod
    def of_decimals(cls, decimals: Ints) -> Precision:
        """Keep *decimals* of each; negative ones round to tens, hundreds and so on."""
        powers = np.power(10.0, np.abs(decimals))
        return cls(np.where(decimals >= 0, powers, 1.0), np.where(decimals < 0, powers, 1.0))

    def take(self, chosen: Ints) -> Precision:
        """Return the precision of some of the contracts."""
        return Precision(self.up[chosen], self.down[chosen])

    def round(self, values: Floats) -> Floats:
        """Return *values*, contracts first, as they read once written and read back."""
        shape = (-1,) + (1,) * (values.ndim - 1)
        up, down = self.up.reshape(shape), self.down.reshape(shape)
        return np.rint(values / down * up) / up * down

    @property
    def smallest(self) -> Floats:
        """The smallest amount that is not 0."""
        return self.down / self.up


@dataclass(frozen=True, slots=True)
class Ladder:
    """The order books of several contracts; arrays of shape (contracts, levels)."""

    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats


@dataclass(frozen=True, slots=True)
class Rungs:
    """Where the levels of several contracts stand; arrays of shape (contracts, levels)."""

    bid: Floats
    ask: Floats
    tilt: Floats
    """(bids - asks) / (bids + asks) of each level. [unitless]"""

    def take(self, level: Ints) -> Rungs:
        """Return some of the levels."""
        return Rungs(self.bid[:, level], self.ask[:, level], self.tilt[:, level])

    def filled(self, depth_usd: Floats, sizes: Precision) -> Ladder:
        """Return books with *depth_usd* on each level, both sides together. [USD]"""
        least = sizes.smallest[:, None]
        return Ladder(
            bid=self.bid,
            bid_size=np.maximum(sizes.round(depth_usd * (1 + self.tilt) / 2 / self.bid), least),
            ask=self.ask,
            ask_size=np.maximum(sizes.round(depth_usd * (1 - self.tilt) / 2 / self.ask), least),
        )


def rungs(
    mid: Floats, half_spread_bps: Floats, imbalance_pct: Floats, levels: int, prices: Precision
) -> Rungs:
    """Return *levels* on either side of *mid*.

    Within 25 bps of mid the bids hold (1 + imbalance) / 2 of every level and the
    asks the rest. Further out it is the other way round, so that whoever
    measures over the wrong distance gets a visibly wrong figure.
    """
    distance = half_spread_bps[:, None] + np.arange(levels)
    is_beyond = distance > BAND_BPS - _GAP_BPS / 2
    distance[is_beyond] += _GAP_BPS
    bid = prices.round(mid[:, None] * (1 - distance / 1e4))
    ask = prices.round(mid[:, None] * (1 + distance / 1e4))
    # A spread below one tick would close when rounded.
    ask = np.maximum(ask, prices.round(bid[:, :1] + prices.smallest[:, None]))
    return Rungs(bid, ask, np.where(is_beyond, -1.0, 1.0) * imbalance_pct[:, None] / 100)
