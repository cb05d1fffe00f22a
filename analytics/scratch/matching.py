"""What a column seems to be: by its name, its unit and the range of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from analytics.lake.schema import RANGES
from analytics.scratch.aliases import ALIASES, UNITS, plain
from analytics.scratch.preview import Column, Guess, Kind, Meaning
from analytics.scratch.symbols import FileName

OURS: Final = 1.0
ALIAS: Final = 0.9
PART: Final = 0.6
OUTSIDE: Final = 0.3
NOTHING: Final = Guess(Meaning(None), 0.0, "nothing here is called so")

_FIRST_SECOND: Final = 1_230_768_000
_LAST_SECOND: Final = 4_102_444_800
_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_TIMES: Final[tuple[Kind, ...]] = ("time", "zoned time", "date")
_PERCENT_WORDS: Final = ("_pct", "_percent", "_percentage")


@dataclass(frozen=True, slots=True)
class Values:
    """What is known of a column's values."""

    kind: Kind
    low: float | None = None
    high: float | None = None
    middle: float | None = None


def guess(name: str, values: Values) -> Guess:
    """Return what a column called *name* seems to be, and why."""
    written = plain(name)
    meaning, confidence, reason = _by_name(name, written)
    if meaning is None or meaning.quantity is None:
        return _by_kind(values)
    if not _is_of_kind(meaning.quantity, values.kind):
        return Guess(Meaning(None), 0.0, f"called like {meaning.quantity}, but it is {values.kind}")
    if meaning.unit is None:
        unit, why = _unit(meaning.quantity, values)
        meaning, reason = Meaning(meaning.quantity, unit), f"{reason}; {why}"
    outside = _outside(meaning, values)
    if outside:
        return Guess(meaning, OUTSIDE, f"{reason}; {outside}")
    return Guess(meaning, confidence, reason)


def each_once(columns: Sequence[Column], file: FileName) -> tuple[Column, ...]:
    """Return *columns* with each quantity taken from one of them, and what the *file* name adds."""
    best: dict[str | None, Column] = {}
    for column in columns:
        quantity = column.guess.meaning.quantity
        if quantity not in best or column.guess.confidence > best[quantity].guess.confidence:
            best[quantity] = column
    once = [
        column
        if (quantity := column.guess.meaning.quantity) is None or best[quantity] is column
        else replace(
            column,
            guess=Guess(Meaning(None), 0.0, f"{quantity} is taken from {best[quantity].name}"),
        )
        for column in columns
    ]
    return tuple(replace(column, guess=_in_file(column, file)) for column in once)


def _by_name(name: str, written: str) -> tuple[Meaning | None, float, str]:
    if name in UNITS and name in ALIASES:
        return ALIASES[name], OURS, "the name that GLOSSARY.md has"
    if written in ALIASES:
        meaning = ALIASES[written]
        return meaning, ALIAS, f"exchanges and libraries call {meaning.quantity} so"
    ending = next((word for word in _PERCENT_WORDS if written.endswith(word)), None)
    if ending and (found := ALIASES.get(written.removesuffix(ending))) and found.quantity:
        unit = "%" if "%" in UNITS[found.quantity] else None
        return (Meaning(found.quantity, unit) if unit else None), PART, "its name ends in percent"
    return None, 0.0, ""


def _by_kind(values: Values) -> Guess:
    """Return that the one column of times is the time, whatever it is called."""
    if values.kind in _TIMES:
        return Guess(Meaning("time", "date and time"), PART, "its values are times")
    return NOTHING


def _is_of_kind(quantity: str, kind: Kind) -> bool:
    if quantity == "time":
        return kind in (*_TIMES, "number")
    if quantity in ("symbol", "venue"):
        return kind == "text"
    return kind == "number"


def _unit(quantity: str, values: Values) -> tuple[str | None, str]:
    """Return the unit that the size of the values tells, and what is said of that."""
    if quantity == "time":
        return _unit_of_time(values)
    found = None
    if values.middle is not None and values.low is not None and values.high is not None:
        if quantity == "funding_rate":
            found = _unit_of_funding(values.middle)
        elif quantity.startswith("ls_"):
            found = _unit_of_ratio(values.middle, values.high)
        elif quantity == "book_imbalance":
            found = "-1 to 1" if max(values.high, -values.low) <= 1 else "%"
    return found, f"by its size in {found}" if found else "its unit has to be said"


def _unit_of_funding(middle: float) -> str | None:
    """Rates rest at 0.01 % in 8 hours: 0.0001 as a ratio, 0.01 in percent."""
    if 1e-6 <= middle <= 8e-4:
        return "ratio"
    return "%" if 4e-3 <= middle <= 0.3 else None


def _unit_of_ratio(middle: float, high: float) -> str | None:
    if high > 1.2 and middle < 15:
        return "ratio"
    return "% longs" if middle > 20 else None


def _unit_of_time(values: Values) -> tuple[str | None, str]:
    if values.kind != "number":
        return "date and time", "its values are times"
    for unit, per_second in _PER_SECOND.items():
        within = _FIRST_SECOND * per_second, _LAST_SECOND * per_second
        if values.high is not None and within[0] <= values.high <= within[1]:
            return unit, f"counted in {unit} since 1970, by its size"
    return None, "its size is that of no time since 1970"


def _outside(meaning: Meaning, values: Values) -> str | None:
    """Return what about the values speaks against *meaning*."""
    quantity = meaning.quantity or ""
    if quantity not in RANGES or meaning.unit in ("%", "% longs", "basis points"):
        return None
    low, high = RANGES[quantity]
    if values.high is not None and (values.high < low or (values.low or 0) > high):
        return "no value lies where it can be"
    if values.low is not None and values.low < min(low, 0):
        return "some values are below what it can be"
    return None


def _in_file(column: Column, file: FileName) -> Guess:
    """Return the guess of *column*, as the name of its *file* changes it."""
    quantity = column.guess.meaning.quantity
    if file.what not in ("mark", "index", "funding_rate") or quantity in (None, "time"):
        return column.guess
    wanted = "open" if file.what == "funding_rate" else "close"
    if quantity != wanted:
        return Guess(Meaning(None), 0.0, f"a file of {file.what} has only {wanted} of worth here")
    if file.what == "funding_rate":
        return Guess(
            Meaning("funding_rate", "ratio"), ALIAS, "freqtrade keeps the funding rate in open"
        )
    return Guess(Meaning(file.what, "quote currency"), ALIAS, "the name of the file says so")
