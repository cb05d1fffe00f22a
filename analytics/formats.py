"""How values are written, in one place: ``$1.23B``, ``+0.42 %``, ``0.0₅471``, ``3 min``.

``KINDS`` says of each kind of value how it is written for people, in a spreadsheet and by Plotly.
A value that is absent, or is not a number, is written ``–``: never ``nan``,
``inf`` or ``None``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

ABSENT: Final = "–"
"""Stands wherever there is no value."""


_SCALES: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_SPANS: Final = ((172_800, 86_400, "d"), (3_600, 3_600, "h"), (60, 60, "min"))
_COUNTED_NOUGHTS: Final = 4
"""From so many noughts behind the point on, a price says their number: people miscount them."""
_LOWERED: Final = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_BYTES: Final = ("B", "KB", "MB", "GB", "TB")
_VENUES: Final = {
    "binance": "Binance",
    "bybit": "Bybit",
    "okx": "OKX",
    "hyperliquid": "Hyperliquid",
}


def usd(value: float | None) -> str:
    """Write an amount of money: ``$9.15B``, ``$912.40M``, ``$12.30``. [USD]"""
    return _with_letter(value, "$")


def usd_change(value: float | None) -> str:
    """Write how much an amount of money changed: ``+$1.23M``, ``-$12.30``, ``$0.00``. [USD]"""
    written = usd(value)
    is_rise = written != ABSENT and written[0] == "$" and round(float(value or 0), 2) > 0
    return f"+{written}" if is_rise else written


def coins(value: float | None) -> str:
    """Write an amount of coins: ``93.12K``, ``1.20T``, ``0.42``. [base coins]"""
    return _with_letter(value, "")


def coins_change(value: float | None) -> str:
    """Write how much an amount of coins changed: ``+1.20K``, ``-0.42``, ``0.00``. [base coins]"""
    written = coins(value)
    is_rise = written not in (ABSENT, "0.00") and not written.startswith("-")
    return f"+{written}" if is_rise else written


def pct(value: float | None, digits: int = 2) -> str:
    """Write a change with its sign: ``+0.42 %``, ``-3.10 %``, ``0.00 %``. [%]"""
    return _signed(value, digits, " %")


def trimmed_pct(value: float | None) -> str:
    """Write a small rate with the decimals that it needs: ``+0.11 %``, ``+0.0125 %``. [%]"""
    written = pct(value, 4)
    if written == ABSENT:
        return ABSENT
    whole, _, decimals = written.removesuffix(" %").partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')} %"


def points(value: float | None, digits: int = 2) -> str:
    """Write the difference of two percentages: ``+4.0 pp``. [percentage points]"""
    return _signed(value, digits, " pp")


def share(value: float | None, digits: int = 0) -> str:
    """Write a part of a whole, which has no sign: ``62 %``. [%]"""
    return _unsigned(value, digits, " %")


def ratio(value: float | None, digits: int = 2) -> str:
    """Write a ratio: ``2.31``. [unitless]"""
    return _unsigned(value, digits, "")


def difference(value: float | None, digits: int = 2) -> str:
    """Write the difference of two ratios, or how many deviations off: ``+0.05``. [unitless]"""
    return _signed(value, digits, "")


def sigmas(value: float | None) -> str:
    """Write in a sentence how many deviations off something is: ``+3.3 σ``."""
    return _signed(value, 1, " σ")


def bps(value: float | None, digits: int = 2) -> str:
    """Write hundredths of a percent: ``1.25 bps``. [basis points]"""
    return _unsigned(value, digits, " bps")


def price(value: float | None) -> str:
    """Write a price to six figures, and the noughts of a small one by their number.

    ``98,123.40``, ``0.221400``; ``0.0₅471`` is 0.00000471, as traders write it. There, what ends
    in noughts is cut to no fewer than three figures.
    """
    number = _finite(value)
    if number is None:
        return ABSENT
    if number == 0:
        return "0.00"
    figures, power = f"{abs(number):.5e}".split("e")
    noughts = -int(power) - 1
    if noughts >= _COUNTED_NOUGHTS:
        told = figures.replace(".", "").rstrip("0").ljust(3, "0")
        return f"{'-' if number < 0 else ''}0.0{str(noughts).translate(_LOWERED)}{told}"
    return f"{number:,.{max(5 - int(power), 2)}f}"


def count(value: float | None) -> str:
    """Write a number of things: ``1,234``."""
    number = _finite(value)
    return ABSENT if number is None else f"{number:,.0f}"


def latency(value: float | None) -> str:
    """Write how long an answer took: ``140 ms``. [ms]"""
    written = count(value)
    return written if written == ABSENT else f"{written} ms"


def size(value: float | None) -> str:
    """Write the size of files: ``1.2 GB``. [bytes]"""
    number = _finite(value)
    if number is None:
        return ABSENT
    for unit in _BYTES:
        if number < 999.5 or unit == _BYTES[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def age(value: float | timedelta | None) -> str:
    """Write how long ago something was: ``45 s``, ``3 min``, ``2 h``, ``12 d``. [s]

    Whole units that have passed, so 119 s is ``1 min``; days from two on. What lies ahead by a
    clock's error is written ``0 s``.
    """
    is_span = isinstance(value, timedelta) and not pd.isna(value)
    number = _finite(value.total_seconds() if is_span else value)  # type: ignore[union-attr, arg-type]
    if number is None:
        return ABSENT
    for least, seconds, unit in _SPANS:
        if number >= least:
            return f"{number // seconds:,.0f} {unit}"
    return f"{max(number, 0) // 1:.0f} s"


def span(value: float | timedelta | None) -> str:
    """Write how long something lasted: ``45 s``, ``10 min``, ``1 h 55 min``, ``24 h``. [s]

    To the nearest minute, nothing cut off; days from two on, with the hours beside them.
    """
    is_span = isinstance(value, timedelta) and not pd.isna(value)
    number = _finite(value.total_seconds() if is_span else value)  # type: ignore[union-attr, arg-type]
    if number is None:
        return ABSENT
    minutes = round(number / 60)
    if minutes < 1:
        return f"{max(number, 0):.0f} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24) if hours >= 48 else (0, hours)
    parts = ((days, f"{days} d"), (hours, f"{hours} h"), (minutes, f"{minutes:02} min"))
    return " ".join(word for count, word in parts if count).removeprefix("0")


def spans(least: timedelta, most: timedelta) -> str:
    """Write a time told from the shortest to the longest: ``1 h``, ``13 min to 17 min``."""
    shortest, longest = span(least), span(most)
    return shortest if shortest == longest else f"{shortest} to {longest}"


def countdown(value: float | timedelta | None) -> str:
    """Write how long it is until something: ``2 h 05 min``, ``14 min``; ``0 min`` once due."""
    is_span = isinstance(value, timedelta) and not pd.isna(value)
    number = _finite(value.total_seconds() if is_span else value)  # type: ignore[union-attr, arg-type]
    if number is None:
        return ABSENT
    hours, minutes = divmod(int(max(number, 0) // 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def moment(value: datetime | None, today: datetime | None = None) -> str:
    """Write a time to the minute: ``2025-10-22 12:44 UTC``, or ``12:44 UTC`` on the day *today*."""
    if value is None or pd.isna(value):
        return ABSENT
    is_today = today is not None and _utc(value).date() == _utc(today).date()
    return f"{_utc(value):{'%H:%M' if is_today else '%Y-%m-%d %H:%M'}} UTC"


def clock(value: datetime | None) -> str:
    """Write a time of today: ``12:44:05 UTC``."""
    return ABSENT if value is None or pd.isna(value) else f"{_utc(value):%H:%M:%S} UTC"


def minute(value: datetime | None) -> str:
    """Write a time of the last 24 hours where there is no room for more: ``12:44``, in UTC."""
    return ABSENT if value is None or pd.isna(value) else f"{_utc(value):%H:%M}"


def day_minute(value: datetime) -> str:
    """Write a time of the last year where there is little room: ``28 Nov 04:00``, in UTC."""
    return f"{_utc(value):%-d %b %H:%M}"


def local(value: datetime | None, zone: str | None) -> str | None:
    """Write a time as clocks in *zone* show it: ``2025-10-22 14:44:05 Europe/Berlin``.

    None where there is nothing to say: no time, no zone that is known, or one that shows UTC.
    """
    place = _zone(zone)
    if place is None or value is None or pd.isna(value):
        return None
    there = _aware(value).astimezone(place)
    return f"{there:%Y-%m-%d %H:%M:%S} {zone}" if there.utcoffset() else None


def ahead(value: datetime, zone: str | None) -> str | None:
    """Write how far clocks in *zone* are from UTC then: ``Europe/Berlin is UTC+02:00``.

    None where there is nothing to say, as in :func:`local`.
    """
    there = None if local(value, zone) is None else _aware(value).astimezone(_zone(zone))
    return None if there is None else f"{zone} is UTC{there.isoformat()[-6:]}"


def pair(symbol: str) -> str:
    """Write an instrument's symbol; ``BTC/USDT:USDT`` settles in its quote, so ``BTC/USDT``."""
    traded, _, settled = symbol.partition(":")
    return traded if traded.endswith(f"/{settled}") else symbol


def venue(name: str) -> str:
    """Write a venue for people: ``Binance`` of ``binance``; one without a name of ours as it is."""
    return _VENUES.get(name, name)


def venues(names: Iterable[str]) -> str:
    """Write several venues as a sentence does, by name: ``Binance, Bybit and OKX``."""
    return listed([venue(name) for name in sorted(names)])


def on_venue(symbol: str, name: str) -> str:
    """Write which pair is meant: ``BTC/USDT on OKX``."""
    return f"{pair(symbol)} on {venue(name)}"


def listed(words: list[str], most: int = 8) -> str:
    """Write a list as a sentence does: ``a, b and c``, or ``a, b and 12 more``."""
    shown = words if len(words) <= most else [*words[: most - 1], f"{len(words) - most + 1:,} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def shortened(text: str, most: int = 300) -> str:
    """Write *text* on one line, and no more than *most* letters of it: ``451: this region …``."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 2].rstrip()} …"


def repeated(text: str) -> str:
    """Write what someone asked for again, where it is wrong: enough of it to know it by."""
    return shortened(text, 60)


def plural(number: int, word: str) -> str:
    """Write a counted thing: ``1 pair``, ``60 pairs``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _text(value: Any) -> str:
    return ABSENT if value is None else str(value)


def _venue(value: Any) -> str:
    return ABSENT if value is None else venue(str(value))


def _time(value: Any) -> str:
    return ABSENT if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def _flag(value: Any) -> str:
    return ABSENT if value is None else ("yes" if value else "no")


def _hours(value: float | None) -> str:
    number = _finite(value)
    return ABSENT if number is None else f"{number:g} h"


Kind = Literal[
    "text",
    "venue",
    "time",
    "flag",
    "usd",
    "usd_change",
    "price",
    "coins",
    "coins_change",
    "pct",
    "rate",
    "share",
    "points",
    "ratio",
    "score",
    "index",
    "count",
    "age",
    "span",
    "countdown",
    "hours",
    "milliseconds",
    "bytes",
    "bps",
]
"""``venue`` is an id, which people read as a name. ``pct`` has a sign and ``share`` none;
``rate`` is a percentage that is small, ``score`` is in standard deviations, ``index`` goes from
0 to 100."""

_PLAIN: Final = "#,##0{0}"
_SIGNED: Final = "+#,##0{0};-#,##0{0};0{0}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How the values of one kind are written."""

    write: Callable[..., str]
    """For people, with the unit; given a value and, unless ``fixed``, the decimals."""
    unit: str | None = None
    """For the header of a table whose column is no quantity's. A price is in the quote currency."""
    digits: int = 2
    """Decimals, where nothing else is asked for."""
    fixed: bool = False
    """Whether the value alone decides on its decimals."""
    is_text: bool = False
    """Whether a cell holds letters, as text and a venue's id do."""
    signed: bool = False
    """Whether what is above nought has a plus."""
    sheet: str = ""
    """The spreadsheet's number format; ``{0}`` stands for the decimals. Empty is a number's."""
    is_said: bool = True
    """Whether what is written says its unit, so that a heading on paper need not."""
    sign: str = ""
    """The currency's, before the number, in Plotly's terms."""
    suffix: str = ""
    """What Plotly writes behind the number."""
    figures: int = 15
    """Significant digits in files. 15 keep whatever a venue states; what is computed has 8, and
    funding, which some venues state with twelve, as many."""


KINDS: Final[dict[Kind, Writing]] = {
    "text": Writing(write=_text, fixed=True, sheet="@", is_text=True),
    "venue": Writing(write=_venue, fixed=True, sheet="@", is_text=True),
    "time": Writing(
        write=_time, unit="UTC", digits=0, fixed=True, sheet="yyyy-mm-dd hh:mm:ss", is_said=False
    ),
    "flag": Writing(write=_flag, digits=0, fixed=True, sheet="General"),
    "usd": Writing(write=usd, unit="USD", fixed=True, sign="$"),
    "usd_change": Writing(write=usd_change, unit="USD", fixed=True, signed=True, sign="$"),
    # As many places as the price has, up to twenty: a spreadsheet writes no noughts by number.
    "price": Writing(write=price, unit="quote currency", fixed=True, sheet=f"#,##0.00{'#' * 18}"),
    "coins": Writing(write=coins, unit="base coins", fixed=True, sheet="#,##0.00######"),
    "coins_change": Writing(write=coins_change, unit="base coins", fixed=True, signed=True),
    "pct": Writing(write=pct, unit="%", signed=True, suffix=" %", figures=8),
    "rate": Writing(write=pct, unit="%", digits=4, signed=True, suffix=" %", figures=12),
    "share": Writing(write=share, unit="%", suffix=" %", figures=8),
    "points": Writing(write=points, unit="pp", signed=True, suffix=" pp", figures=8),
    "ratio": Writing(write=ratio),
    "score": Writing(write=difference, unit="standard deviations", signed=True, figures=8),
    "index": Writing(write=ratio, digits=1, figures=8),
    "count": Writing(write=count, digits=0, fixed=True),
    "age": Writing(write=age, unit="s", digits=0, fixed=True),
    "span": Writing(write=span, unit="s", digits=0, fixed=True),
    "countdown": Writing(write=countdown, unit="s", digits=0, fixed=True),
    "hours": Writing(write=_hours, unit="h", digits=0, fixed=True),
    "milliseconds": Writing(write=latency, unit="ms", digits=0, fixed=True),
    "bytes": Writing(write=size, unit="B", digits=0, fixed=True),
    "bps": Writing(write=bps, unit="bps", suffix=" bps", figures=8),
}


def writer(kind: Kind, digits: int | None = None) -> Callable[[Any], str]:
    """Return what writes values of *kind* for people; ``–`` where one is absent."""
    how = KINDS[kind]
    if how.fixed:
        return how.write
    return partial(how.write, digits=how.digits if digits is None else digits)


def sheet_format(kind: Kind, digits: int | None = None) -> str:
    """Return the number format in which a spreadsheet writes values of *kind*."""
    how = KINDS[kind]
    places = how.digits if digits is None else digits
    pattern = how.sheet or (_SIGNED if how.signed else _PLAIN)
    return pattern.format(f".{'0' * places}" if places else "")


def plotly_format(kind: Kind, digits: int | None = None, *, tick: bool = False) -> str:
    """Return d3's format of values of *kind*, to which Plotly adds the kind's ``suffix``.

    A *tick* of an axis has no plus, and no more decimals than it needs.
    """
    how = KINDS[kind]
    places = how.digits if digits is None else digits
    plus = "+" if how.signed and not tick else ""
    return f"{plus}{how.sign},.{places}{'~' if tick else ''}f"


def _with_letter(value: float | None, sign: str) -> str:
    """Return *value* with two decimals and the letter of its thousands, behind *sign*."""
    number = _finite(value)
    if number is None:
        return ABSENT
    minus = "-" if round(number, 2) < 0 else ""
    size = abs(number)
    for scale, letter in _SCALES:
        # 999,999 is a million, because as thousands it would round to 1,000.00K.
        if round(size / scale * 1000, 2) >= 1000:
            return f"{minus}{sign}{size / scale:,.2f}{letter}"
    return f"{minus}{sign}{size:.2f}"


def _unsigned(value: float | None, digits: int, unit: str) -> str:
    """Return *value* with its unit; what rounds to nought has no minus."""
    number = _finite(value)
    return ABSENT if number is None else f"{round(number, digits) + 0.0:,.{digits}f}{unit}"


def _finite(value: float | None) -> float | None:
    """Return *value* as a float, or None where there is no number."""
    if value is None or pd.isna(value) or not math.isfinite(value):
        return None
    return float(value)


def _signed(value: float | None, digits: int, unit: str) -> str:
    """Return *value* with its sign, which what rounds to nought does not have."""
    number = _finite(value)
    if number is None:
        return ABSENT
    rounded = round(number, digits) + 0.0  # minus nought becomes nought
    return f"{rounded:{'+' if rounded else ''},.{digits}f}{unit}"


def _utc(value: datetime) -> datetime:
    """Return *value* in UTC; a time without a zone is UTC already, as in the lake."""
    return _aware(value).astimezone(UTC)


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _zone(name: str | None) -> ZoneInfo | None:
    """Return the zone that a browser calls *name*, which may be anything; None where unknown."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
