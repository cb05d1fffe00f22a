"""The venues, each described as data in a file of its own, and one client for all of them.

To add a venue, write its file and put it into VENUES.
"""

from collector.venues.binance import BINANCE
from collector.venues.bybit import BYBIT
from collector.venues.hyperliquid import HYPERLIQUID
from collector.venues.okx import OKX
from collector.venues.venue import Venue

VENUES: dict[str, Venue] = {venue.name: venue for venue in (BINANCE, BYBIT, OKX, HYPERLIQUID)}

__all__ = ["VENUES", "Venue"]
