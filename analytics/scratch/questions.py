"""What a preview suggests, and what it leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from zoneinfo import ZoneInfo, available_timezones

from analytics.scratch.aliases import UNITS
from analytics.scratch.file_plan import ALL, FOR_ALL, Plan, plan
from analytics.scratch.preview import Column, Mapping, Preview, Question
from analytics.scratch.symbols import QUOTES, VENUES, is_bare, named

_ZONES = (
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Tokyo",
    "Asia/Shanghai",
)
_HOURS = ("1", "2", "4", "8")
_QUESTIONS_OF_UNITS = {
    "oi_base": "open interest",
    "funding_rate": "funding",
    "volume_usd": "volume",
    "volume_24h_usd": "volume of 24 h",
}


def suggested(preview: Preview) -> Mapping:
    """Return every column taken for what it seems to be, and no answers."""
    return Mapping(
        {
            file.key: {column.name: column.guess.meaning for column in file.columns}
            for file in preview.files
        }
    )


def unanswered(preview: Preview, mapping: Mapping) -> tuple[Question, ...]:
    """Return what *mapping* leaves open: a lake is built once that is nothing.

    An answer that cannot be one leaves its question open.
    """
    asked = [one for file in preview.files for one in _asked(plan(file, mapping))]
    asked = list({one.key: one for one in map(partial(_for_all, asked), asked)}.values())
    return tuple(one for one in asked if not is_answer(one, mapping.answers.get(one.key)))


def _for_all(asked: list[Question], one: Question) -> Question:
    """Return *one*, or what asks the same of all files where several leave it open."""
    part = one.key.partition("/")[2]
    same = [other for other in asked if other.key.partition("/")[2] == part]
    if part not in FOR_ALL or len(same) < 2:  # noqa: PLR2004
        return one
    return replace(one, key=f"{ALL}/{part}", file=", ".join(other.file for other in same))


def is_answer(question: Question, value: str | None) -> bool:
    """Return whether *value* answers *question*."""
    if value is None:
        return False
    if any(value == offered for offered, _ in question.choices):
        return True
    if not question.free:
        return False
    match question.key.rpartition("/")[2]:
        case "zone":
            return value in available_timezones() and ZoneInfo(value) is not None
        case "symbol":
            return named(value, None) is not None
        case "contract_size":
            return _is_amount(value)
        case _:
            return value.isascii() and value.isalnum() and value.islower() and value[0].isalpha()


def _asked(taken: Plan) -> Iterator[Question]:
    file = taken.file
    if file.is_bundle:
        return

    yield from _of_times(taken)
    yield from _of_names(taken)
    for quantity, one in taken.figures.items():
        if one.unit is None:
            what = _QUESTIONS_OF_UNITS.get(quantity, quantity)
            yield _question(
                taken,
                f"unit/{one.column.name}",
                f"Unit of {one.column.name} ({what})?",
                UNITS[quantity],
                why=_sizes(one.column),
            )
    if any(one.unit == "contracts" for one in taken.figures.values()):
        yield _question(taken, "contract_size", "Coins in one contract?", (), free=True)
    if "funding_rate" in taken.figures and not (
        "funding_interval_h" in taken.figures or taken.shape == "payments"
    ):
        yield _question(taken, "funding_hours", "Hours between two payments of funding?", _HOURS)


def _question(
    taken: Plan,
    part: str,
    text: str,
    choices: tuple[str, ...],
    *,
    free: bool = False,
    why: str = "",
) -> Question:
    return Question(
        key=f"{taken.file.key}/{part}",
        file=taken.file.name,
        text=text,
        choices=tuple((one, one) for one in choices),
        free=free,
        why=why,
    )


def _of_times(taken: Plan) -> Iterator[Question]:
    if taken.needs_zone:
        yield _question(
            taken,
            "zone",
            "Times carry no zone. Which is it?",
            _ZONES,
            free=True,
            why=_first_and_last(taken.taken["time"].column),
        )
    if "time" in taken.taken and taken.taken["time"].unit is None:
        yield _question(
            taken, "unit/" + taken.taken["time"].column.name, "Unit of the times?", UNITS["time"]
        )
    if taken.lasts and not taken.file.stamped:
        yield _question(
            taken, "stamp", "Are candles stamped with their start or their end?", ("start", "end")
        )


def _of_names(taken: Plan) -> Iterator[Question]:
    file = taken.file
    texts = taken.taken["symbol"].column.texts if "symbol" in taken.taken else ()
    if "symbol" not in taken.taken and file.symbol is None:
        yield _question(taken, "symbol", "Which pair is it, such as BTC/USDT:USDT?", (), free=True)
    elif any(is_bare(text) for text in texts):
        yield _question(
            taken, "quote", "Names have no quote currency. What are they quoted in?", QUOTES
        )
    if "venue" not in taken.taken and file.venue is None:
        yield _question(taken, "venue", "Which exchange is it from?", VENUES, free=True)


def _sizes(column: Column) -> str:
    if column.middle is None:
        return ""
    return f"{column.low} to {column.high}, median {column.middle:,.4g}"


def _first_and_last(column: Column) -> str:
    return f"{column.low} to {column.high}"


def _is_amount(value: str) -> bool:
    try:
        return 0 < float(value) < 1e9
    except ValueError:
        return False
