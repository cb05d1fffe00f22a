"""Which Binance contract a recording or an archive file is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from analytics.asset_names import base_and_multiplier, is_name
from analytics.lake.schema import arrow_schema

VENUE = "binance"

DATED = "dated future, not a perpetual"
COIN_MARGINED = "coin-margined"
UNKNOWN_QUOTE = "not quoted in a USD stablecoin"
NO_NAME = "no symbol"
UNSHOWABLE = "symbol with over 200 letters, or unprintable ones"

QUOTES = ("USDT", "USDC", "BUSD")
"""What Binance's USD-M perpetuals are quoted in, all taken as USD at par."""

_DATED = re.compile(r".+[-_]\d{6}")
_COIN_MARGINED = re.compile(r".+USD_PERP")


@dataclass(frozen=True, slots=True)
class Contract:
    """A linear perpetual of Binance."""

    venue_id: str
    symbol: str
    base: str
    multiplier: float
    quote: str


def of_asset(name: str) -> Contract | str:
    """Return the USDT perpetual of *name*, as in ``1000PEPE``, or why there is none."""
    if _DATED.fullmatch(name):
        return DATED
    return _contract(name, "USDT")


def of_venue_id(venue_id: str) -> Contract | str:
    """Return the perpetual that Binance calls *venue_id*, as in ``BTCUSDT``, or why not."""
    if _DATED.fullmatch(venue_id):
        return DATED
    if _COIN_MARGINED.fullmatch(venue_id):
        return COIN_MARGINED
    for quote in QUOTES:
        asset = venue_id.removesuffix(quote)
        if asset and asset != venue_id:
            return _contract(asset, quote)
    return UNKNOWN_QUOTE


def of_names(
    names: Iterable[str | None], meaning: Callable[[str], Contract | str]
) -> tuple[dict[str, Contract], dict[str, str]]:
    """Return the contracts that *names* mean, and the reasons why the others mean none."""
    meanings = {name: meaning(name) for name in names if name is not None}
    known = {name: found for name, found in meanings.items() if isinstance(found, Contract)}
    unknown = {name: found for name, found in meanings.items() if isinstance(found, str)}
    return known, unknown


def count_refused(names: pa.ChunkedArray, unknown: Mapping[str, str]) -> dict[str, int]:
    """Return how many of *names* are *unknown* or absent, by reason."""
    counts = {NO_NAME: names.null_count}
    for name, reason in unknown.items():
        counts[reason] = counts.get(reason, 0) + pc.sum(pc.equal(names, name)).as_py()
    return {reason: count for reason, count in counts.items() if count}


def table(known: Mapping[str, Contract]) -> pa.Table:
    """Return *known* as a table to join: name, symbol, base, multiplier."""
    return pa.table(
        {
            "name": pa.array(known, pa.string()),
            "symbol": pa.array([contract.symbol for contract in known.values()], pa.string()),
            "base": pa.array([contract.base for contract in known.values()], pa.string()),
            "multiplier": pa.array(
                [contract.multiplier for contract in known.values()], pa.float64()
            ),
        }
    )


def instruments(known: Iterable[Contract], times: pa.ChunkedArray) -> pa.Table | None:
    """Return *known* as instruments seen in the span of *times*; None where there is no span."""
    span = pc.min_max(times).as_py()
    if span["min"] is None:
        return None
    rows = [
        {
            "venue": VENUE,
            "symbol": contract.symbol,
            "venue_id": contract.venue_id,
            "base": contract.base,
            "multiplier": contract.multiplier,
            "contract_size": 1.0,
            "linear": True,
            "quote": contract.quote,
            "oi_unit": "quoted units",
            "in_universe": False,
            "first_seen_ts": span["min"],
            "last_seen_ts": span["max"],
        }
        for contract in known
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("instruments")) if rows else None


def _contract(asset: str, quote: str) -> Contract | str:
    if not is_name(asset):
        return UNSHOWABLE
    base, multiplier = base_and_multiplier(asset, VENUE)
    return Contract(f"{asset}{quote}", f"{asset}/{quote}:{quote}", base, multiplier, quote)
