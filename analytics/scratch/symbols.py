"""Which perpetual a stranger's word means, and what the name of a file says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from analytics.asset_names import base_and_multiplier, is_name

QUOTES: Final = ("USDT", "USDC", "BUSD", "FDUSD", "USD")
VENUES: Final = ("binance", "bybit", "okx", "hyperliquid")

_PERPETUAL = re.compile(r"(?P<base>[^/:\s]+)/(?P<quote>[^/:\s-]+):(?P<settle>[^/:\s-]+)")
_SLASHED = re.compile(r"(?P<base>[^/:\s]+)/(?P<quote>[^/:\s-]+)")
_DASHED = re.compile(
    r"(?P<base>[^-_/:\s]+)[-_](?P<quote>USDT|USDC|BUSD|FDUSD|USD)([-_]\w+)?", re.IGNORECASE
)
_JOINED = re.compile(
    r"(?P<base>[^-_/:\s]+?)(?P<quote>USDT|USDC|BUSD|FDUSD|USD)(\.P|PERP)?", re.IGNORECASE
)
_ASSET = re.compile(r"[^\W_][\w.]*")
"""Letters and digits of any script: what begins as a formula of a sheet is no asset."""
_DATED = re.compile(r".+[-_]\d{6}$")

_FREQTRADE = re.compile(
    r"(?P<base>[^_\s]+)_(?P<quote>[A-Z]+)_(?P<settle>[A-Z]+)-(?P<every>\d+[mhdw])-"
    r"(?P<what>futures|mark|index|premiumIndex|funding_rate)"
)
_IN_NAME = re.compile(r"(?<![A-Za-z0-9])(?P<name>[A-Z0-9]{2,15}?[-_/]?(USDT|USDC))(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class FileName:
    """What the name of a file says."""

    symbol: str | None = None
    venue: str | None = None
    what: str | None = None
    """``futures``, ``mark``, ``index`` or ``funding_rate``, as freqtrade names its files."""


@dataclass(frozen=True, slots=True)
class Named:
    """The perpetual that a word means."""

    symbol: str
    base: str
    multiplier: float
    quote: str


def is_bare(text: str) -> bool:
    """Return whether *text* is the name of an asset alone, without what it is quoted in."""
    return _ASSET.fullmatch(text) is not None and not any(
        one.fullmatch(text) for one in (_PERPETUAL, _SLASHED, _DASHED, _JOINED)
    )


def named(text: str, quote: str | None, venue: str | None = None) -> Named | None:
    """Return what *text* means: ``BTC/USDT:USDT``, ``BTCUSDT``, ``BTC-USDT-SWAP`` or ``BTC``.

    Args:
        text: A stranger's word.
        quote: What the asset is quoted in, if *text* does not say.
        venue: Where that is, if it is known.

    Returns:
        None where it is no perpetual: a future with a date, or no name.
    """
    text = text.strip()
    if not is_name(text) or _DATED.fullmatch(text):
        return None
    settle = None
    for pattern in (_PERPETUAL, _SLASHED, _DASHED, _JOINED):
        if found := pattern.fullmatch(text):
            asset, quote = found["base"], found["quote"].upper()
            settle = found.groupdict().get("settle")
            break
    else:
        asset = text
    if quote is None or not _ASSET.fullmatch(asset):
        return None
    base, multiplier = base_and_multiplier(asset, venue, kilo_prefix=True)
    return Named(f"{asset}/{quote}:{settle or quote}", base, multiplier, quote)


def said_by(name: str) -> FileName:
    """Return what the *name* of a file says."""
    venue = next((one for one in VENUES if one in name.lower()), None)
    if found := _FREQTRADE.search(name):
        symbol = f"{found['base']}/{found['quote']}:{found['settle']}"
        return FileName(symbol, venue, found["what"])
    if found := _IN_NAME.search(name):
        meant = named(found["name"], None, venue)
        return FileName(meant.symbol if meant else None, venue)
    return FileName(None, venue)
