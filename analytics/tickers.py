"""What venues call an asset, where that is not what the others call it.

Only what is certain is here: what is not is told apart by its price (``bases``), and one coin
under two names of which we are not sure stays two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import duckdb


@dataclass(frozen=True, slots=True)
class Ticker:
    """A venue's name of an asset."""

    listed: str
    """As it is listed, without a multiplier: ``NEIROCTO`` of ``1000NEIROCTO``."""
    base: str
    """What we call the asset."""
    reason: str
    venue: str | None = None
    """Where it means that; None: everywhere."""


TICKERS: Final = (
    Ticker("XBT", "BTC", "the ISO-like code of Bitcoin, which some venues keep"),
    Ticker("XDG", "DOGE", "the old code of Dogecoin, which some venues keep"),
    Ticker(
        "NEIROCTO",
        "NEIRO",
        "First Neiro on Ethereum, taken over by its community: Binance and OKX list it as NEIRO, "
        "Bybit as 1000NEIROCTO; the other Neiro on Ethereum is NEIROETH on all of them",
    ),
    Ticker(
        "LUNA2",
        "LUNA",
        "the Terra of May 2022, whose own name is LUNA: OKX lists that, Binance and Bybit LUNA2; "
        "the Terra of before is LUNC everywhere",
    ),
    Ticker(
        "LUNA",
        "LUNC",
        "Binance's LUNAUSDT ended in May 2022: its files are of the coin that is called LUNC since",
        venue="binance",
    ),
    Ticker(
        "BEAMX",
        "BEAM",
        "the coin of the Beam network, once Merit Circle: Bybit lists it as BEAM; Binance had "
        "given that name to an older coin",
        venue="binance",
    ),
    Ticker("牛来", "NIULAI", "Bybit lists the coin 牛来 of Binance as NIULAI", venue="binance"),
    Ticker(
        "CATSTOCK",
        "CAT",
        "the share of Caterpillar, CAT on Binance; Bybit's CAT is a coin",
        venue="bybit",
    ),
)
"""GAS has no line: where perpscope reads it is Neo's. MEXC, which calls GAS DAO so, is not read."""

_MEANINGS: Final[Mapping[tuple[str | None, str], str]] = MappingProxyType(
    {(ticker.venue, ticker.listed): ticker.base for ticker in TICKERS}
)


def base_of(listed: str, venue: str | None) -> str:
    """Return what *venue* means by *listed*, a name in capitals without a multiplier.

    Args:
        listed: The name.
        venue: Whose it is; None where that is not known.
    """
    everywhere = _MEANINGS.get((None, listed), listed)
    return _MEANINGS.get((venue, listed), everywhere)


def rename(cursor: duckdb.DuckDBPyConnection) -> None:
    """Bring the bases of stored rows up to ``TICKERS``, inside the caller's transaction."""
    rows = ", ".join("(?, ?, ?)" for _ in TICKERS)
    given = [word for ticker in TICKERS for word in (ticker.venue, ticker.listed, ticker.base)]
    for table in ("instruments", "snapshots", "bars", "liquidations"):
        cursor.execute(
            # The list repeats what the join says: it lets whole files be passed over.
            f"update {table} set base = meant.base "  # noqa: S608
            f"from (values {rows}) as meant (venue, listed, base) "
            f"where {table}.base = meant.listed "
            f"and (meant.venue is null or meant.venue = {table}.venue) "
            f"and {table}.base in ({', '.join('?' for _ in TICKERS)})",
            [*given, *(ticker.listed for ticker in TICKERS)],
        )
