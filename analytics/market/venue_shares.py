"""Each venue's share of the market, now and over time.

Shares of one base, and how unusual they are, are in ``oi_share``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.errors import QueryError
from analytics.indicators.arrays import Floats
from analytics.market.totals import Market, column, total, venues_of

SHARED: Final = ("oi_usd", "volume_24h_usd", "volume_usd")
"""The metrics that add up over pairs and venues."""

_MAX_PAIRS: Final = 0.8
"""Below this part of its pairs a venue's share is understated."""


@dataclass(frozen=True, slots=True)
class VenueShares:
    """What each of V venues holds: (V,) of a frame, (T, V) of a panel."""

    venues: tuple[str, ...]
    """By name."""
    value_usd: Floats
    """Sum over the venue's pairs; NaN where none is known. [USD]"""
    share_pct: Floats
    """Of the sum over all venues that are known there, so that these add up to 100 even
    where a venue is silent: ``complete`` says where none is. [%]"""
    pairs: NDArray[np.intp]
    """Pairs of the venue that contributed."""
    expected: NDArray[np.intp]
    """Pairs of the venue there are. (V,)"""

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Where every venue is known. () of a frame, (T,) of a panel."""
        known: NDArray[np.bool_] = np.all(np.isfinite(self.value_usd), axis=-1)
        return known

    @property
    def is_whole(self) -> NDArray[np.bool_]:
        """Of a panel: where a venue is known by nearly as many pairs as it ever is. (T, V)"""
        most = self.pairs.max(axis=0, initial=1)
        whole: NDArray[np.bool_] = self.pairs >= _MAX_PAIRS * most
        return whole

    @property
    def comparable(self) -> NDArray[np.bool_]:
        """Of a panel: where every venue is whole. (T,)"""
        return self.complete & self.is_whole.all(axis=-1)

    @property
    def change_pp(self) -> Floats:
        """Of a panel: shares less those of its first comparable bar; NaN in bars that are none.

        [percentage points] (T, V)
        """
        comparable = self.comparable
        changes = np.full_like(self.share_pct, np.nan)
        if comparable.any():
            start = self.share_pct[np.argmax(comparable)]
            changes[comparable] = self.share_pct[comparable] - start
        return changes

    @property
    def coverage_pct(self) -> Floats:
        """Pairs of the venue that contributed, of those there are. [%]"""
        return 100 * self.pairs / self.expected


def venue_shares(market: Market, metric: str = "oi_usd") -> VenueShares:
    """Return which share of a *metric* of ``SHARED`` each venue holds.

    Args:
        market: One row per pair, or a panel, whose shares are by bar.
        metric: Open interest or a volume.

    Raises:
        QueryError: *metric* does not add up over venues, or *market* lacks it.
    """
    if metric not in SHARED:
        raise QueryError(f"metric: {metric!r} is not one of {', '.join(SHARED)}")
    values, venue_of_pair = column(market, metric), venues_of(market)
    venues = tuple(str(venue) for venue in np.unique(venue_of_pair))
    sums = [total(values[..., venue_of_pair == venue]) for venue in venues]
    shape = (*values.shape[:-1], len(venues))
    value_usd, pairs = np.empty(shape), np.empty(shape, np.intp)
    for place, part in enumerate(sums):
        value_usd[..., place], pairs[..., place] = part.value, part.pairs
    whole = np.asarray(total(value_usd).value)[..., np.newaxis]
    share_pct = np.full(shape, np.nan)
    np.divide(100 * value_usd, whole, out=share_pct, where=whole > 0)
    expected = np.array([part.expected for part in sums], np.intp)
    return VenueShares(venues, value_usd, share_pct, pairs, expected)
