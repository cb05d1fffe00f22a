"""What a signal says, as every page, export and message says it.

"Funding +0.11 % per 8 h, longs pay, OI -0.40 % in 5m": the figure, what it means, and over what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from analytics import formats
from analytics.palette import Colors
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES
from analytics.signals.fired import Signal

Tone = Literal["crowded", "buying", "selling", "neutral"]
"""What a signal means for a position: ``crowded`` is no good news for longs."""

LEGEND: Final[Mapping[str, str]] = {
    "■■■": "OI, crowd and order book at once, or several coins together",
    "■■": "takers move price on rising OI, longs pay while OI falls, or many are liquidated",
    "■": "unusual change of OI, or of a venue's share of it",
}
"""What each mark means: more squares are graver."""

TONES: Final[Mapping[Tone, str]] = {
    "crowded": "longs crowded",
    "buying": "takers buy, or shorts are liquidated",
    "selling": "takers sell, or longs are liquidated",
}
"""What each colour means; what has none leans neither way."""

_GRAVEST_FIRST: Final = {6: "■■■", 2: "■■■", 7: "■■", 3: "■■", 4: "■■", 1: "■", 5: "■"}
"""Each tier's mark. The whole market comes first, and last what fires most often."""

_SIZES: Final = {
    6: "tier_2_bases",
    2: "z_oi",
    7: "z_liquidations",
    3: "oi_delta_pct",
    4: "funding_8h_pct",
    1: "z_oi",
    5: "z_oi_share",
}
"""Of the signals of one tier, the largest of this come first."""


@dataclass(frozen=True, slots=True)
class SignalWords:
    """One signal in words."""

    subject: str
    """What it is about: ``BTC Binance``, or ``Market``."""
    sentence: str
    mark: str
    """How grave it is, of ``LEGEND``."""
    tone: Tone
    closed: datetime
    """End of its bar. UTC"""

    def color(self, colors: Colors) -> str:
        """Return the colour of what it means."""
        return tone_color(self.tone, colors)


def tone_color(tone: Tone, colors: Colors) -> str:
    """Return the colour of a *tone*."""
    return {"crowded": colors.alert, "buying": colors.up, "selling": colors.down}.get(
        tone, colors.text
    )


def in_words(signal: Signal) -> SignalWords:
    """Return *signal* in words."""
    sentence, tone = _SENTENCES[signal.tier](signal)
    closed = signal.ts + TIMEFRAMES[signal.timeframe]
    return SignalWords(subject(signal), sentence, _GRAVEST_FIRST[signal.tier], tone, closed)


def gravest_first(signals: Iterable[Signal]) -> list[Signal]:
    """Return *signals* by gravity, and of one tier the largest first."""
    tiers = list(_GRAVEST_FIRST)
    return sorted(
        signals,
        key=lambda one: (tiers.index(one.tier), -abs(one.values[_SIZES[one.tier]] or 0.0)),
    )


def repeated(signals: Iterable[Signal]) -> list[tuple[Signal, int]]:
    """Return the largest signal of each kind and subject, gravest first, and how many it had."""
    largest: dict[tuple[object, ...], Signal] = {}
    counts: Counter[tuple[object, ...]] = Counter()
    for one in gravest_first(signals):
        of = (one.tier, one.venue, one.symbol, one.base)
        largest.setdefault(of, one)
        counts[of] += 1
    return [(one, counts[of]) for of, one in largest.items()]


def subject(signal: Signal) -> str:
    """Return what *signal* is about: ``BTC Binance``; USDT is the quote that needs no name."""
    if signal.venue is None:
        return "Market"
    name = signal.base if signal.symbol is None else formats.pair(signal.symbol)
    return f"{(name or '').removesuffix('/USDT')} {formats.venue(signal.venue)}"


def _unusual_oi(signal: Signal) -> tuple[str, Tone]:
    return f"{_oi_sigmas(signal)} ({_written(signal, 'oi_delta_pct')})", "neutral"


def _oi_crowd_and_book(signal: Signal) -> tuple[str, Tone]:
    ratio = _written(signal, "ls_accounts")
    side = "bids" if (signal.values["book_imbalance_pct"] or 0.0) > 0 else "asks"
    return f"{_oi_sigmas(signal)}, crowd long (L/S {ratio}), more {side}", "crowded"


def _takers(signal: Signal) -> tuple[str, Tone]:
    buying = (signal.values["cvd_delta_usd"] or 0.0) > 0
    price, oi = (_written(signal, name) for name in ("price_delta_pct", "oi_delta_pct"))
    words = "Takers buy" if buying else "Takers sell"
    return f"{words}, price {price}, OI {oi} in {signal.timeframe}", (
        "buying" if buying else "selling"
    )


def _funding(signal: Signal) -> tuple[str, Tone]:
    rate = formats.trimmed_pct(signal.values["funding_8h_pct"])
    oi = _written(signal, "oi_delta_pct")
    return f"Funding {rate} per 8 h, longs pay, OI {oi} in {signal.timeframe}", "crowded"


def _oi_share(signal: Signal) -> tuple[str, Tone]:
    share = _written(signal, "oi_share_pct")
    sigmas = formats.sigmas(signal.values["z_oi_share"])
    return f"Share of OI {share}, {sigmas} in {signal.timeframe}", "neutral"


def _cluster(signal: Signal) -> tuple[str, Tone]:
    coins = int(signal.values["tier_2_bases"] or 0)
    window = TIMEFRAMES[signal.timeframe] * signal.thresholds["cluster_bars"]
    words = f"{formats.plural(coins, 'coin')} with crowd long on a jump of OI"
    return f"{words} within {formats.span(window)}", "crowded"


def _flush(signal: Signal) -> tuple[str, Tone]:
    sigmas = formats.sigmas(signal.values["z_liquidations"])
    longs, shorts = (signal.values[name] or 0.0 for name in ("liq_long_usd", "liq_short_usd"))
    side = "longs" if longs > shorts else "shorts"
    words = f"Liquidations {_written(signal, 'liquidated_usd')} in 1 h, {sigmas}"
    return f"{words}, mostly {side}", "selling" if longs > shorts else "buying"


_SENTENCES: Final = {
    1: _unusual_oi,
    2: _oi_crowd_and_book,
    3: _takers,
    4: _funding,
    5: _oi_share,
    6: _cluster,
    7: _flush,
}


def _oi_sigmas(signal: Signal) -> str:
    return f"OI {formats.sigmas(signal.values['z_oi'])} in {signal.timeframe}"


def _written(signal: Signal, name: str) -> str:
    return QUANTITIES[name].write(signal.values[name])
