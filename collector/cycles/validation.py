"""From what a venue said of an instrument to a snapshot, with what cannot be true left out.

A value that is refused becomes None and is counted by column and reason; the row
lives on. The reasons are words, and stand in the row's flags:

    number    it is there but cannot be read
    finite    it is infinite
    sign      it is negative, or 0 where that cannot be
    range     it is outside of what the quantity can be
    crossed   the best bid is not below the best ask
    stale     its answer says it is older than five minutes
    ahead     its answer says it is from the future
    unit      open interest in USD contradicts the venue's own figure
    outage    open interest is 0 where the ratios, which the venue tells otherwise, are absent
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from analytics.lake.records import Instrument, Snapshot
from analytics.lake.schema import OPEN_INTEREST, RANGES, RATIOS
from collector.venues.venue import Fields, Value

STALE_AFTER = timedelta(minutes=5)
AHEAD_AFTER = timedelta(minutes=1)
AUDIT_BAND = 0.2
"""How far oi_usd may be from what the venue says itself. [ratio]"""

TIMES: dict[str, tuple[timedelta, timedelta]] = {
    "next_funding_ts": (timedelta(hours=-1), timedelta(hours=25)),
    "ls_ts": (timedelta(minutes=-30), AHEAD_AFTER),
}
"""The earliest and latest that a time may be, relative to when it was received."""

BOOK = ("bid", "ask", "spread_bps", "book_imbalance")
"""What an order book says; a crossed one says none of it."""


class Part(NamedTuple):
    """What one answer said of an instrument."""

    heard_ts: datetime
    fields: Fields
    """With ``venue_ts``, where the answer has a time of its own."""


@dataclass(slots=True)
class Draft:
    """The values accepted so far, and what was refused, as ``column:reason``."""

    values: dict[str, Any]
    refused: list[str]

    def take(self, part: Part) -> None:
        """Take over what *part* says that can be true; the first to say a thing counts."""
        values, heard_ts = self.values, part.heard_ts
        untimely = self._untimely(part)
        for column, value in part.fields.items():
            if value is None or values.get(column) is not None or column == "venue_ts":
                continue
            reason = untimely if untimely is not None else objection(column, value, heard_ts)
            if reason is None:
                values[column] = value
            else:
                self.refused.append(f"{column}:{reason}")

    def withdraw(self, columns: Iterable[str], reason: str) -> None:
        """Take back what was accepted into *columns*."""
        for column in columns:
            if self.values.pop(column, None) is not None:
                self.refused.append(f"{column}:{reason}")

    def _untimely(self, part: Part) -> str | None:
        """Return why the time of *part* makes it unusable; None, and keep the time, if not."""
        said = part.fields.get("venue_ts")
        if not isinstance(said, datetime):
            if said is not None:
                self.refused.append("venue_ts:number")
            return None
        if said < part.heard_ts - STALE_AFTER:
            return "stale"
        if said > part.heard_ts + AHEAD_AFTER:
            return "ahead"
        self.values.setdefault("venue_ts", said)
        return None


def objection(column: str, value: Value, heard_ts: datetime) -> str | None:
    """Return why *value* cannot be the *column* of an instrument, None if it can."""
    if isinstance(value, datetime):
        earliest, latest = TIMES[column]
        return None if earliest <= value - heard_ts <= latest else "range"
    if value is None or column in TIMES:
        return None if value is None else "number"
    low, high = RANGES[column]
    if low <= value <= high and value != -math.inf:
        return None
    if math.isnan(value):
        return "number"
    if math.isinf(value):
        return "finite"
    return "sign" if low >= 0 and value <= 0 else "range"


def snapshot(
    instrument: Instrument,
    parts: Iterable[Part],
    received_ts: datetime,
    words: Iterable[str] = (),
    *,
    has_ratios: bool = False,
) -> tuple[Snapshot, list[str]]:
    """Return the snapshot that *parts* amount to, and what was refused of them.

    Where several answers give a column, the first that can be true counts; the
    row's own venue_ts is that of the first answer that has one. *words* are flags
    that it has whatever its values are. *has_ratios* is whether the venue tells
    long/short ratios of the instrument at other times.
    """
    draft = Draft({}, [])
    for part in parts:
        draft.take(part)
    _check_book(draft)
    _check_outage(draft, has_ratios=has_ratios)
    _add_open_interest(draft, instrument)
    flags = [*words, *(f"refused:{refused}" for refused in draft.refused)]
    if "oi_usd:unit" in draft.refused:
        flags.append("oi-audit")
    row = Snapshot(
        venue=instrument.venue,
        symbol=instrument.symbol,
        base=instrument.base,
        received_ts=received_ts,
        flags=" ".join(dict.fromkeys(flags)) if flags else None,
        **draft.values,
    )
    return row, draft.refused


def _check_book(draft: Draft) -> None:
    """Withdraw all of a crossed book; give the spread of bid and ask where there was no book."""
    values = draft.values
    bid, ask, spread = values.get("bid"), values.get("ask"), values.get("spread_bps")
    gap = None if bid is None or ask is None else ask - bid
    if (gap is not None and gap <= 0) or (spread is not None and spread <= 0):
        draft.withdraw(BOOK, "crossed")
    elif gap is not None and spread is None:
        values["spread_bps"] = gap / (bid + gap / 2) * 10_000


def _check_outage(draft: Draft, *, has_ratios: bool) -> None:
    """Withdraw an open interest of 0 where no ratio is known that otherwise is.

    Ratios of 0 to 0 beside it are no market without positions: the venue has lost its figures.
    """
    refused = any(reason.startswith(RATIOS) for reason in draft.refused)
    ratios = any(draft.values.get(name) is not None for name in RATIOS)
    stated = [draft.values.get(name) for name in OPEN_INTEREST]
    if 0 in stated and not ratios and (has_ratios or refused):
        draft.withdraw(OPEN_INTEREST, "outage")


def _add_open_interest(draft: Draft, instrument: Instrument) -> None:
    """Add open interest in coins and, at the mark price, in USD.

    Where that is off the venue's own figure by more than 20 %, a unit is wrong: of the
    contract, of the mark, or of that figure. Neither is then given; the raw open
    interest and the venue's figure stay, so that the contradiction can be looked into.
    """
    values = draft.values
    if (raw := values.get("oi_raw")) is None:
        return
    quoted_units = raw * instrument.contract_size
    values["oi_base"] = quoted_units * instrument.multiplier
    if (mark := values.get("mark")) is not None:
        values["oi_usd"] = quoted_units * mark
    for column in ("oi_base", "oi_usd"):
        low, high = RANGES[column]
        if not low <= values.get(column, low) <= high:
            draft.withdraw((column,), "range")
    if (oi_usd := values.get("oi_usd")) is None:
        return
    stated = values.get("oi_venue_usd")
    if stated is not None and abs(oi_usd - stated) > AUDIT_BAND * stated:
        draft.withdraw(("oi_base", "oi_usd"), "unit")
