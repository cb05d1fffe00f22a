"""How far back each venue's own history reaches, by metric: whether a gap can be repaired.

Order books and liquidations exist only while they are received live.
Taker flows are, too, but for Binance, whose klines have them. The reach is that of
five-minute values: coarser ones, which some venues keep for longer, would not make the
bars that are missing. Marks and indices have a history that nothing here asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from analytics.lake.schema import BAR

ANY_AGE: Final = timedelta.max
NEVER: Final = timedelta(0)

_TRADES: Final = ("price", "volume_usd")
_TAKERS: Final = ("taker_buy_usd", "taker_sell_usd")
_FUNDING: Final = ("funding_rate", "funding_interval_h")
_OPEN_INTEREST: Final = ("oi_base", "oi_usd")
_ACCOUNTS: Final = ("ls_accounts",)
_TOP_TRADERS: Final = ("ls_top_accounts", "ls_top_positions")


def _venue(*reaches: tuple[timedelta, tuple[str, ...]]) -> Mapping[str, timedelta]:
    return MappingProxyType({metric: reach for reach, metrics in reaches for metric in metrics})


REACH: Final[Mapping[str, Mapping[str, timedelta]]] = MappingProxyType(
    {
        # What lies under /futures/data is kept for 30 days.
        "binance": _venue(
            (ANY_AGE, _TRADES + _TAKERS + _FUNDING),
            (timedelta(days=30), _OPEN_INTEREST + _ACCOUNTS + _TOP_TRADERS),
        ),
        # Everything goes back to the listing; top traders are not published.
        "bybit": _venue((ANY_AGE, _TRADES + _FUNDING + _OPEN_INTEREST + _ACCOUNTS)),
        # Statistics are the newest 1440 marks; settled funding is kept for three months.
        "okx": _venue(
            (ANY_AGE, _TRADES),
            (timedelta(days=90), _FUNDING),
            (1440 * BAR, _OPEN_INTEREST + _ACCOUNTS + _TOP_TRADERS),
        ),
        # The newest 5000 candles, in coins.
        "hyperliquid": _venue((timedelta(days=17), ("price",)), (ANY_AGE, _FUNDING)),
    }
)
"""By venue and metric, how old a five-minute value may be that the venue still gives. A metric
that is not there is never given again."""


def reach(venue: str, metric: str) -> timedelta:
    """Return how old a value of *metric* may be that *venue* still gives; ``NEVER`` for none."""
    return REACH.get(venue, {}).get(metric, NEVER)
