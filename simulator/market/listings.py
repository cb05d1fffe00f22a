"""What the three simulated venues list, and how each of them names it.

The assets are the real market's best known ones at late-2025 prices, then made-up
ones, so that any number up to 300 can be asked for.
"""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

Kind = Literal["perpetual", "dated", "inverse"]

VENUES = ("binance", "bybit", "okx")

MAX_ASSETS = 300

_KNOWN: tuple[tuple[str, float, float], ...] = (
    # asset, price [USD], volume of 24 h on the three venues together [million USD]
    ("BTC", 111_000, 34_000),
    ("ETH", 3_950, 31_000),
    ("SOL", 188, 8_200),
    ("XRP", 2.45, 4_100),
    ("DOGE", 0.197, 2_900),
    ("BNB", 1_095, 2_600),
    ("PEPE", 6.9e-6, 1_150),
    ("SHIB", 1.0e-5, 240),
    ("币安人生", 0.21, 330),
    ("MOG", 5.2e-7, 95),
    ("SUI", 2.5, 1_250),
    ("HYPE", 37.8, 1_400),
    ("LINK", 17.6, 1_020),
    ("ADA", 0.65, 990),
    ("ZEC", 265, 1_300),
    ("ASTER", 1.1, 1_100),
    ("ENA", 0.46, 760),
    ("AVAX", 19.8, 720),
    ("LTC", 94, 610),
    ("BCH", 475, 420),
    ("TRX", 0.32, 260),
    ("DOT", 2.95, 310),
    ("TON", 2.2, 180),
    ("NEAR", 2.25, 330),
    ("APT", 3.2, 290),
    ("ARB", 0.31, 340),
    ("OP", 0.44, 260),
    ("UNI", 6.2, 320),
    ("AAVE", 222, 390),
    ("FIL", 1.55, 280),
    ("ATOM", 3.2, 120),
    ("ICP", 3.1, 150),
    ("ETC", 15.8, 130),
    ("XLM", 0.32, 170),
    ("HBAR", 0.17, 260),
    ("INJ", 8.4, 140),
    ("SEI", 0.2, 160),
    ("TIA", 1.02, 190),
    ("WLD", 0.9, 350),
    ("ONDO", 0.72, 150),
    ("JUP", 0.36, 90),
    ("STRK", 0.12, 85),
    ("LDO", 0.9, 130),
    ("CRV", 0.55, 210),
    ("PENDLE", 3.2, 110),
    ("FET", 0.25, 120),
    ("RENDER", 2.4, 80),
    ("TAO", 395, 290),
    ("WIF", 0.53, 210),
    ("BONK", 1.45e-5, 190),
    ("FLOKI", 7.0e-5, 110),
    ("SATS", 2.1e-8, 40),
    ("ORDI", 4.9, 95),
    ("GALA", 0.0107, 80),
    ("AXS", 1.45, 45),
    ("DYDX", 0.33, 60),
    ("COMP", 36, 40),
    ("XMR", 335, 130),
    ("POL", 0.19, 70),
    ("TRUMP", 6.1, 230),
    ("FARTCOIN", 0.37, 310),
    ("PENGU", 0.021, 290),
    ("PUMP", 0.0039, 330),
    ("VIRTUAL", 0.82, 140),
    ("KAS", 0.05, 50),
    ("PAXG", 4_250, 120),
    ("MYX", 2.9, 160),
    ("COAI", 5.3, 210),
    ("ETHFI", 1.0, 80),
    ("GRT", 0.065, 35),
    ("TSLA", 430, 25),
)

STOCKS = frozenset({"TSLA"})
"""Those that are shares: venues list them beside coins, and say so in words of their own."""

_NAMES: dict[str, dict[str, tuple[str, int]]] = {
    "PEPE": {"binance": ("1000PEPE", 1_000), "bybit": ("1000PEPE", 1_000)},
    "SHIB": {"binance": ("1000SHIB", 1_000), "bybit": ("SHIB1000", 1_000)},
    "MOG": {"binance": ("1000000MOG", 10**6), "bybit": ("1000000MOG", 10**6)},
    "BONK": {"binance": ("1000BONK", 1_000), "bybit": ("1000BONK", 1_000)},
    "FLOKI": {"binance": ("1000FLOKI", 1_000), "bybit": ("1000FLOKI", 1_000)},
    "SATS": {"binance": ("1000SATS", 1_000), "bybit": ("10000SATS", 10_000)},
}
"""Where a venue quotes many coins as one: its name for them and how many they are."""

_ONLY_ON: dict[str, tuple[str, ...]] = {"币安人生": ("binance",), "MOG": ("binance", "bybit")}

_OKX_CONTRACT: dict[str, float] = {"BTC": 0.01, "ETH": 0.1, "SHIB": 1e6, "PEPE": 1e7}

_FUNDING_H: dict[str, int] = {"HYPE": 4, "币安人生": 4, "ASTER": 4, "MYX": 1, "COAI": 1}

_SYLLABLES = ("KA", "ZO", "LU", "MI", "TER", "VA", "NO", "RI", "SOL", "PA", "XE", "QU", "DRA", "BI")


@dataclass(frozen=True, slots=True)
class Asset:
    """A coin or a share, whatever the venues call it."""

    name: str

    price: float
    """Where its price is at home; it wanders around this. [USD per coin]"""

    volume: float
    """Typical volume of 24 hours on the three venues together. [USD]"""


@dataclass(frozen=True, slots=True)
class Listing:
    """One contract as one venue lists it."""

    venue: str
    symbol: str
    """The venue's own name of the contract."""

    base: str
    """The venue's own name of what is quoted, such as ``1000PEPE``."""

    asset: str
    multiplier: int
    """Coins of *asset* in one quoted base. [coins]"""

    kind: Kind
    contract_size: float
    """Quoted base in one contract; of an inverse contract its face value. [base or USD]"""

    price_decimals: int | None
    """Decimals of a price on the wire; None writes the number as it is."""

    size_decimals: int | None
    """Decimals of an amount of base; negative rounds to tens. None as above."""

    funding_h: int
    """Hours between two fundings; 0 for a dated contract. [h]"""

    delivery_ms: int
    """When a dated contract is delivered, Unix time; 0 for the others. [ms]"""

    onboard_ms: int
    """When it was listed, Unix time. [ms]"""

    @property
    def is_stock(self) -> bool:
        """Whether a share lies beneath it."""
        return self.asset in STOCKS

    @property
    def mark_decimals(self) -> int | None:
        """Decimals of a mark or index price on the wire; None as above."""
        return None if self.price_decimals is None else self.price_decimals + 2


def assets(count: int) -> tuple[Asset, ...]:
    """Return the first *count* assets, the best known ones first."""
    if not 1 <= count <= MAX_ASSETS:
        raise ValueError(f"a simulated market has 1 to {MAX_ASSETS} assets, not {count}")
    known = [Asset(name, price, volume * 1e6) for name, price, volume in _KNOWN[:count]]
    for rank in range(count - len(known)):
        price = 10 ** (1.8 * math.sin(rank * 2.4) - 1.1)
        known.append(Asset(_made_up(rank), float(f"{price:.3g}"), 6e8 / (rank + 8) ** 0.9))
    return tuple(known)


def _made_up(rank: int) -> str:
    """Return a plausible ticker that no known asset has; another one for each *rank*."""
    size = len(_SYLLABLES)
    first, second = divmod(rank * 37 % (size * size), size)
    ending = "" if rank < size * size else "X"
    return f"{_SYLLABLES[first]}{_SYLLABLES[second]}{ending}"


def quarter_end_ms(now_ms: int) -> int:
    """Return the delivery of the quarter: last Friday, 08:00 UTC, at least a day away. [ms]"""
    day = datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(days=1)
    month, year = (day.month + 2) // 3 * 3, day.year
    while True:
        last = datetime(year, month, calendar.monthrange(year, month)[1], 8, tzinfo=UTC)
        friday = last - timedelta(days=(last.weekday() - 4) % 7)
        if friday > day:
            return int(friday.timestamp() * 1000)
        month, year = (3, year + 1) if month == 12 else (month + 3, year)


@cache
def listings(venue: str, count: int, delivery_ms: int) -> tuple[Listing, ...]:
    """Return every contract of *venue* over the first *count* assets.

    Besides the linear perpetuals these are what a real venue returns from the
    same calls: futures delivered at *delivery_ms*, or coin-margined swaps.
    """
    perpetuals = [
        _perpetual(venue, asset, rank)
        for rank, asset in enumerate(assets(count))
        if _is_listed(venue, asset.name, rank)
    ]
    return (*perpetuals, *_others(venue, perpetuals[:2], delivery_ms))


def _is_listed(venue: str, name: str, rank: int) -> bool:
    if name in _ONLY_ON:
        return venue in _ONLY_ON[name]
    if venue == "okx":
        return rank < 30 or rank % 3 != 0
    return venue == "binance" or rank < 20 or rank % 11 != 0


def _perpetual(venue: str, asset: Asset, rank: int) -> Listing:
    base, multiplier = _NAMES.get(asset.name, {}).get(venue, (asset.name, 1))
    price = asset.price * multiplier
    size_decimals = max(0, min(3, math.ceil(math.log10(price))))
    contract_size = 1.0
    if venue == "okx":
        nearest = 10.0 ** math.floor(math.log10(300 / price))
        contract_size = _OKX_CONTRACT.get(asset.name, nearest)
        size_decimals = 2 - round(math.log10(contract_size))
    return Listing(
        venue=venue,
        symbol=f"{base}-USDT-SWAP" if venue == "okx" else f"{base}USDT",
        base=base,
        asset=asset.name,
        multiplier=multiplier,
        kind="perpetual",
        contract_size=contract_size,
        price_decimals=max(1, 5 - math.floor(math.log10(price))),
        size_decimals=size_decimals,
        funding_h=_funding_h(venue, asset.name, rank),
        delivery_ms=0,
        onboard_ms=1_569_398_400_000 + rank * 5 * 86_400_000,
    )


def _funding_h(venue: str, name: str, rank: int) -> int:
    """Return how often the contract pays; venues do not agree on every one of them. [h]"""
    if name in _FUNDING_H or rank < 20:
        return _FUNDING_H.get(name, 8)
    if rank % 13 == 5:
        return 1
    return 4 if rank % 3 == 1 or (venue == "bybit" and rank % 7 == 3) else 8


def _others(venue: str, perpetuals: list[Listing], delivery_ms: int) -> list[Listing]:
    """Return the contracts a collector of linear perpetuals has to leave out."""
    day = datetime.fromtimestamp(delivery_ms / 1000, UTC)
    suffix = day.strftime("_%y%m%d") if venue == "binance" else day.strftime("-%d%b%y").upper()
    found = []
    for listing in perpetuals:
        inverse = venue == "okx"
        found.append(
            Listing(
                venue=venue,
                symbol=f"{listing.base}-USD-SWAP" if inverse else f"{listing.symbol}{suffix}",
                base=listing.base,
                asset=listing.asset,
                multiplier=listing.multiplier,
                kind="inverse" if inverse else "dated",
                contract_size=(100.0 if listing.base == "BTC" else 10.0) if inverse else 1.0,
                price_decimals=listing.price_decimals,
                size_decimals=listing.size_decimals,
                funding_h=8 if inverse else 0,
                delivery_ms=0 if inverse else delivery_ms,
                onboard_ms=listing.onboard_ms,
            )
        )
    return found
