"""SQL for the rows of one file in the words and units of the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from analytics.lake.attach import quoted
from analytics.lake.schema import RANGES
from analytics.scratch.file_plan import Plan, Taken

LATE_S: Final = 30
"""How far off its five-minute mark a value at the end of a bar may be stamped. [s]"""

_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EARLIEST: Final = "timestamp '2009-01-01'"
_LATEST: Final = "timestamp '2100-01-01'"
_BY_UNIT: Final = {
    "%": "{x} / 100",
    "basis points": "{x} / 10000",
    "% longs": "{x} / nullif(100 - {x}, 0)",
    "share of longs": "{x} / nullif(1 - {x}, 0)",
}


def rows(plan: Plan, names: str, first: datetime, last: datetime) -> str:
    """Return SQL for venue, symbol, base, ``t`` and all figures of the rows that *plan* takes.

    ``t`` is when a snapshot was received, or the start of a candle or of a bar of five minutes.

    Args:
        plan: Every question of it is answered.
        names: The table of what its names mean: venue_text, symbol_text, venue, symbol, base,
            multiplier.
        first: Rows of other times need not be among them: parts of the file without any from
            here on are not read.
        last: And none from here on.
    """
    numbers = ", ".join(
        f"try_cast({identifier(one.column.name)} as double) as x_{name}"
        for name, one in plan.figures.items()
    )
    figures = ", ".join(f"{value} as {name}" for name, value in _figures(plan).items())
    return f"""
        select venue, symbol, base, t::timestamp_ms as t, {figures}
        from (
            select {time(plan)} as t, {_text(plan, "venue")} as venue_text,
                {_text(plan, "symbol")} as symbol_text, {numbers}
            from {source(plan)}
            where {_near(plan, first, last)}
        ) join {names} using (venue_text, symbol_text)
        where t is not null
    """  # noqa: S608 - names are quoted, numbers are ours


def source(plan: Plan) -> str:
    """Return SQL for the rows as they were staged."""
    return f"read_parquet({quoted(plan.file.staged)})"


def names_in(plan: Plan) -> str:
    """Return SQL for the different names of venues and pairs, and how many rows have each."""
    return (
        f"select {_text(plan, 'venue')} as venue_text, {_text(plan, 'symbol')} as symbol_text, "  # noqa: S608
        f"count(*) as row_count from {source(plan)} group by all"
    )


def hours_in(plan: Plan) -> str:
    """Return SQL for each hour of the rows: first and last time until ``$now``, and counts.

    The counts are of rows until then, of those after it, and of those without a time.
    """
    return f"""
        select
            min(t) filter (t <= $now), max(t) filter (t <= $now), count(*) filter (t <= $now),
            count(*) filter (t > $now), count(*) filter (t is null)
        from (select {time(plan)} as t from {source(plan)})
        group by time_bucket(interval 1 hour, t)
    """  # noqa: S608


def _near(plan: Plan, first: datetime, last: datetime) -> str:
    """Return SQL, of the column of times alone, that holds for all rows of a stretch of time.

    It is what statistics of a Parquet file can be held against; texts have none.
    """
    taken = plan.taken["time"]
    name = identifier(taken.column.name)
    # A stamp is moved by its zone, and by the length of a candle.
    zone = plan.needs_zone and plan.answers.get("zone", "UTC") != "UTC"
    margin = timedelta(days=int(zone), minutes=10, seconds=plan.file.step_s or 0)
    low, high = first - margin, last + margin
    if taken.column.is_text or taken.column.kind == "date":
        return "true"
    if taken.column.kind == "number":
        per_second = _PER_SECOND[taken.unit or "s"]
        bounds = (round(one.replace(tzinfo=UTC).timestamp()) * per_second for one in (low, high))
        return "{} between {} and {}".format(name, *bounds)
    zoned = "+00" if taken.column.kind == "zoned time" else ""
    kind = "timestamptz" if zoned else "timestamp"
    return f"{name} between {kind} '{low:%F %T}{zoned}' and {kind} '{high:%F %T}{zoned}'"


def unreadable_in(plan: Plan) -> tuple[list[str], str]:
    """Return the figures that are written as text, and SQL for how many texts of each are none."""
    written = {name: one for name, one in plan.figures.items() if one.column.is_text}
    columns = [identifier(one.column.name) for one in written.values()]
    counts = ", ".join(
        f"count(*) filter (trim({column}) <> '' and try_cast({column} as double) is null)"
        for column in columns
    )
    return list(written), f"select {counts} from {source(plan)}"  # noqa: S608


def _text(plan: Plan, word: str) -> str:
    if word not in plan.taken:
        return "''"
    return f"coalesce({identifier(plan.taken[word].column.name)}::varchar, '')"


def time(plan: Plan) -> str:
    """Return SQL for the time of a row by the lake: UTC, milliseconds; NULL if it cannot be."""
    moment = _moment(plan, plan.taken["time"])
    step = plan.file.step_s or 0
    if plan.shape == "candles" and plan.answers.get("stamp", plan.file.stamped) == "end":
        moment = f"({moment} - to_seconds({step}))"
    elif plan.shape in ("closes", "payments"):
        if plan.lasts and plan.answers.get("stamp", plan.file.stamped) == "start":
            moment = f"({moment} + to_seconds({step}))"
        # The start of the bar that it ends, where it is on a mark.
        mark = f"time_bucket(interval 5 minutes, {moment} + to_seconds({LATE_S}))"
        late = f"epoch({moment} + to_seconds({LATE_S})) - epoch({mark})"
        before = "" if plan.shape == "payments" else " - interval 5 minutes"
        moment = f"if({late} <= {2 * LATE_S}, {mark}{before}, null)"
    return f"date_trunc('milliseconds', {moment})"


def _moment(plan: Plan, taken: Taken) -> str:
    """Return SQL for what the column of times says, in UTC."""
    name = identifier(taken.column.name)
    if taken.column.kind == "number":
        number = f"try_cast({name} as double)"
        per_second = _PER_SECOND[taken.unit or "s"]
        low, high = 1_230_768_000 * per_second, 4_102_444_800 * per_second
        # Whole numbers keep their milliseconds in a double; others are rounded.
        return (
            f"if({number} between {low} and {high}, "
            f"make_timestamp(({number} * {1_000_000 / per_second})::bigint), null)"
        )
    if taken.column.kind == "zoned time":
        moment = f"(try_cast({name} as timestamptz) at time zone 'UTC')"
    else:
        moment = f"try_cast({name} as timestamp)"
        if (zone := plan.answers.get("zone", "UTC")) != "UTC":
            moment = f"(timezone({quoted(zone)}, {moment}) at time zone 'UTC')"
    return f"if({moment} between {_EARLIEST} and {_LATEST}, {moment}, null)"


def _figures(plan: Plan) -> dict[str, str]:
    """Return SQL for each figure in the unit of the lake, from numbers called ``x_NAME``."""
    taken = plan.figures
    size = float(plan.answers.get("contract_size", "1"))
    price = _price(plan)
    found = {name: _converted(name, one, size, price) for name, one in taken.items()}
    if "oi_base" in taken and "oi_usd" not in taken and price:
        coins = "x_oi_base" if taken["oi_base"].unit == "coins" else f"(x_oi_base * {size!r})"
        found["oi_usd"] = f"{coins} * {price}"
    hours = plan.answers.get("funding_hours")
    if "funding_rate" in found and "funding_interval_h" not in found and hours:
        found["funding_interval_h"] = f"if(x_funding_rate is null, null, {hours}::double)"
    return found


def _converted(name: str, one: Taken, size: float, price: str | None) -> str:
    """Return SQL for the figure called *name*, from the number in its column."""
    x = f"x_{name}" if one.unit != "contracts" else f"(x_{name} * {size!r})"
    if name == "oi_base":
        return f"{x} * multiplier"
    if one.unit in ("coins", "contracts"):
        return f"{x} * {price}" if price else "null::double"
    if name == "spread_bps" and one.unit == "%":
        return f"{x} * 100"
    return _BY_UNIT.get(one.unit or "", "{x}").format(x=x)


def _price(plan: Plan) -> str | None:
    """Return SQL for the price by which coins become USD; None where the file has none."""
    names = set(plan.figures)
    if {"high", "low", "close"} <= names:
        return "((x_high + x_low + x_close) / 3)"
    known = [f"x_{name}" for name in ("mark", "price", "close") if name in names]
    return f"coalesce({', '.join(known)})" if known else None


def objection(name: str, value: str) -> dict[str, str]:
    """Return SQL, by reason, for whether *value* cannot be the quantity called *name*."""
    low, high = RANGES[name]
    least, most = _number(low), _number(high)
    reasons = {"not a finite number": f"{value} is not null and not isfinite({value})"}
    if low >= 0:
        reasons["zero or negative"] = f"isfinite({value}) and {value} < {least} and {value} <= 0"
    reasons["out of range"] = f"isfinite({value}) and ({value} < {least} or {value} > {most})" + (
        f" and {value} > 0" if low >= 0 else ""
    )
    return reasons


def possible(name: str, value: str) -> str:
    """Return SQL for *value*, NULL where it cannot be the quantity called *name*."""
    low, high = RANGES[name]
    within = f"isfinite({value}) and {value} between {_number(low)} and {_number(high)}"
    return f"if({within}, {value}, null)"


def _number(value: float) -> str:
    return f"'{value!r}'::double"


def identifier(name: str) -> str:
    """Return *name* as SQL writes the name of a column."""
    return '"' + name.replace('"', '""') + '"'
