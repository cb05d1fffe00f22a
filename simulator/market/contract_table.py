"""A venue's contracts as arrays: everything about them that time does not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.market.listings import VENUES, Listing
from simulator.market.noise import Floats, Ints, normal
from simulator.market.order_books import Precision

_VOLUME_SHARE, _INTEREST_SHARE = 30, 31

_SIZE = {"binance": 0.55, "bybit": 0.27, "okx": 0.18}
"""A venue's usual part of the trade on the three. [unitless]"""

_BESIDE = {"perpetual": (1.0, 1.0), "dated": (0.004, 0.02), "inverse": (0.06, 0.2)}
"""Volume and open interest of a kind of contract, in those of the perpetual beside it."""

_CARRY = 0.06
"""What a dated contract costs above the index. [per year]"""

_YEAR_MS = 365 * 86_400_000


@dataclass(frozen=True, slots=True)
class Table:
    """The contracts of one venue; arrays in the order of *listings*."""

    venue: int
    """The venue's number."""

    listings: tuple[Listing, ...]
    position: dict[str, int]
    row: Ints
    """The coin's number."""

    multiplier: Floats
    """Coins in one quoted base. [coins]"""

    delivery_ms: Ints
    volume_share: Floats
    """Part of the coin's trade that happens in this contract. [unitless]"""

    interest_share: Floats
    funding_h: Ints
    prices: Precision
    marks: Precision
    """Of mark and index prices: two decimals more."""

    sizes: Precision
    half_spread_bps: Floats
    depth_usd: Floats
    """What stands on one level of the book, both sides together. [USD]"""

    def take(self, chosen: Ints) -> Table:
        """Return the table of some of the contracts."""
        listings = tuple(self.listings[at] for at in chosen)
        return Table(
            venue=self.venue,
            listings=listings,
            position={listing.symbol: at for at, listing in enumerate(listings)},
            row=self.row[chosen],
            multiplier=self.multiplier[chosen],
            delivery_ms=self.delivery_ms[chosen],
            volume_share=self.volume_share[chosen],
            interest_share=self.interest_share[chosen],
            funding_h=self.funding_h[chosen],
            prices=self.prices.take(chosen),
            marks=self.marks.take(chosen),
            sizes=self.sizes.take(chosen),
            half_spread_bps=self.half_spread_bps[chosen],
            depth_usd=self.depth_usd[chosen],
        )

    def unit(self, time_ms: Ints) -> Floats:
        """Return quoted price over the coin's, shape (contracts, times).

        The multiplier, and for a dated contract what it costs to wait for delivery.
        """
        is_dated = self.delivery_ms[:, None] > 0
        left = np.where(is_dated, self.delivery_ms[:, None] - time_ms, 0) / _YEAR_MS
        return self.multiplier[:, None] * np.exp(_CARRY * left)


def table(
    seed: int, listings: tuple[Listing, ...], numbers: dict[str, int], volume: Floats
) -> Table:
    """Return the table of one venue's *listings*.

    *numbers* are the coins' numbers by name, *volume* their daily trade on all venues. [USD]
    """
    row = np.array([numbers[listing.asset] for listing in listings])
    beside = np.array([_BESIDE[listing.kind] for listing in listings])
    volume_share = _share(seed, _VOLUME_SHARE, listings[0].venue, row) * beside[:, 0]
    traded = volume[row] * volume_share
    decimals = np.array([listing.price_decimals for listing in listings])
    return Table(
        venue=VENUES.index(listings[0].venue),
        listings=listings,
        position={listing.symbol: at for at, listing in enumerate(listings)},
        row=row,
        multiplier=np.array([float(listing.multiplier) for listing in listings]),
        delivery_ms=np.array([listing.delivery_ms for listing in listings]),
        volume_share=volume_share,
        interest_share=_share(seed, _INTEREST_SHARE, listings[0].venue, row) * beside[:, 1],
        funding_h=np.array([listing.funding_h for listing in listings]),
        prices=Precision.of_decimals(decimals),
        marks=Precision.of_decimals(decimals + 2),
        sizes=Precision.of_decimals(np.array([listing.size_decimals for listing in listings])),
        half_spread_bps=np.clip(0.05 * (34e9 / volume[row]) ** 0.45, 0.05, 4.0),
        depth_usd=np.maximum(traded * 2e-4, 20_000.0),
    )


def _share(seed: int, stream: int, venue: str, row: Ints) -> Floats:
    """Return the part of each coin's business that *venue* has; the three make 1 together."""
    taste = normal(seed, stream, row[:, None], np.arange(len(VENUES)))
    weight = np.array([_SIZE[name] for name in VENUES]) * np.exp(0.25 * taste)
    part: Floats = weight[:, VENUES.index(venue)] / weight.sum(axis=1)
    return part
