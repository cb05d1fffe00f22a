"""From a venue's name of an asset to the asset and how many coins are quoted as one.

Venues list cheap coins by the thousand or million, so that the price has digits:
1000PEPE, SHIB1000, kPEPE and 1MBABYDOGE are PEPE, SHIB, PEPE and BABYDOGE.

``TICKERS`` holds what a venue calls otherwise than the others. Only what is certain is there: what
is not is told apart by its price (``panels.bases``), and one coin under two names of which we are
not sure stays two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import duckdb

from analytics.untrusted.visible import visible

MAX_NAME = 200
"""No venue has a longer one. [letters]"""

_BEFORE = re.compile(r"(10{3,})(?=[^\W\d_])")
_AFTER = re.compile(r"([^\W\d_]{2,})(10{3,})")
_MILLION = re.compile(r"1M(?=[^\W\d_]{3})")
_KILO = re.compile(r"k(?=[A-Z])")


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


def base_and_multiplier(
    asset: str, venue: str | None = None, *, kilo_prefix: bool = False
) -> tuple[str, float]:
    """Return the base asset that *venue* lists as *asset*, and the coins in one quoted unit.

    A number is a multiplier only if it is 1000 or a larger power of ten next to a
    name: 1INCH, 0G and US100 are names. A name may be in any script. What a venue calls
    by another name than the rest is in ``TICKERS``.
    """
    name, multiplier = _parted(asset, kilo_prefix=kilo_prefix)
    return base_of(name.upper(), venue), multiplier


def _parted(asset: str, *, kilo_prefix: bool) -> tuple[str, float]:
    if kilo_prefix and _KILO.match(asset):
        return asset[1:], 1000.0
    text = asset.upper().replace(" ", "")
    if found := _BEFORE.match(text):
        return text[found.end() :], float(found[1])
    if found := _AFTER.fullmatch(text):
        return found[1], float(found[2])
    if _MILLION.match(text):
        return text[2:], 1_000_000.0
    return text, 1.0


def is_name(text: object) -> bool:
    """Return whether *text* can be the name of something: short, and all of it can be seen."""
    return isinstance(text, str) and 0 < len(text) <= MAX_NAME and visible(text) == text


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
