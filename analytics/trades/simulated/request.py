"""What ``perpscope simulate-trades`` was asked for: its options, and the record they are about."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

from analytics import formats, query
from analytics.errors import QueryError
from analytics.lake.reader import Reader
from analytics.panels.bases import Bases, bases
from analytics.panels.panel import EVERYTHING, TIMEFRAMES, Only
from analytics.rules.rules_file import Rule, named, span
from analytics.trades.simulated import options
from analytics.trades.simulated.conditions import Conditions, OfRule
from analytics.trades.simulated.plan import FEES, Plan, Side
from analytics.trades.simulated.record import Record
from analytics.trades.simulated.signals import MODELS, Model, ObvTrend, WithTrend
from analytics.trades.simulated.simulation import Source

_MINUTE: Final = "%Y-%m-%d %H:%M"
LONGEST: Final = timedelta(days=3660)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Options as they were given; ``perpscope simulate-trades --help`` says what each is."""

    signal: str | None = None
    entry: str | None = None
    exit: str | None = None
    settings: Sequence[str] = ()
    pairs: str | None = None
    timeframe: str = "5m"
    since: str = "30d"
    until: str | None = None
    side: Side = "long"
    size: str = "1000"
    capital_usd: float = 10_000.0
    fee: str | None = None
    slippage: str = "2"
    stop_pct: float | None = None
    target_pct: float | None = None
    time_limit: str | None = None
    most_positions: int | None = None


def plan(asked: Asked) -> Plan:
    """Return how signals shall be traded.

    Raises:
        QueryError: An option makes no sense.
    """
    limit = (
        None if asked.time_limit is None else options.time_span("--time-limit", asked.time_limit)
    )
    return Plan(
        side=asked.side,
        size=options.size(asked.size),
        start_usd=asked.capital_usd,
        fees=FEES if asked.fee is None else options.fee(asked.fee),
        slippage=options.slippage(asked.slippage),
        stop_pct=asked.stop_pct,
        target_pct=asked.target_pct,
        time_limit=limit,
        most_positions=asked.most_positions,
    )


def source(asked: Asked, rules: Sequence[Rule]) -> Source:
    """Return where signals shall come from.

    Raises:
        QueryError: The options name none, several, or one that does not exist.
        RuleError: There is no such rule.
    """
    conditions = asked.entry, asked.exit
    if (asked.signal is None) == (conditions == (None, None)):
        raise QueryError("give --signal, or --entry and --exit")
    if asked.signal is not None and asked.signal not in MODELS and "+" not in asked.signal:
        _, is_rule, name = asked.signal.partition("rule:")
        if not is_rule:
            known = ", ".join([*MODELS, "rsi+obv", "bollinger+obv", "rule:NAME"])
            raise QueryError(f"--signal {formats.repeated(asked.signal)}: one of {known}")
        return _one_sided(asked, OfRule(named(rules, name)))
    if asked.signal is not None:
        return options.with_settings(_model(asked.signal), asked.settings)
    if asked.entry is None or asked.exit is None:
        raise QueryError("--entry and --exit belong together; give both")
    return _one_sided(asked, Conditions(asked.entry, asked.exit))


def _one_sided(asked: Asked, found: Source) -> Source:
    if asked.side == "both":
        raise QueryError("--side both: a rule or an expression enters one side; long or short")
    if asked.settings:
        raise QueryError("--set: a rule or an expression has no parameters")
    return found


def _model(name: str) -> Model:
    main, _, trend = name.partition("+")
    if main not in MODELS or trend not in ("", "obv") or (trend and main == "obv"):
        raise QueryError(f"--signal {formats.repeated(name)}: rsi+obv and bollinger+obv exist")
    model: Any = MODELS[main]()
    return WithTrend(model=model, trend=ObvTrend()) if trend else model


def stated(
    source: Source, plan: Plan, timeframe: str, instruments: Sequence[tuple[str, str]]
) -> Asked:
    """Return the options that ask for *source* traded by *plan*: what `source` and `plan` undo.

    Args:
        source: Where signals come from.
        plan: How they are traded.
        timeframe: Of the bars.
        instruments: Venue and symbol of each.
    """
    limit = plan.time_limit
    return Asked(
        **_of_source(source),
        pairs=",".join(" ".join(one) for one in instruments),
        timeframe=timeframe,
        side=plan.side,
        size=options.size_text(plan.size),
        capital_usd=plan.start_usd,
        fee=None if plan.fees is FEES else options.fee_text(plan.fees),
        slippage=options.slippage_text(plan.slippage),
        stop_pct=plan.stop_pct,
        target_pct=plan.target_pct,
        time_limit=None if limit is None else f"{int(limit.total_seconds())}s",
        most_positions=plan.most_positions,
    )


def _of_source(source: Source) -> dict[str, Any]:
    match source:
        case OfRule(rule):
            return {"signal": f"rule:{rule.name}"}
        case Conditions(entry, exit_):
            return {"entry": entry, "exit": exit_}
        case WithTrend():
            raise QueryError(f"{source.name}: cannot be stated by options")
    parameters = [(one.name, getattr(source, one.name)) for one in fields(source)]  # type: ignore[arg-type]
    settings = tuple(f"{name}={options.number(value)}" for name, value in parameters)
    return {"signal": source.name, "settings": settings}


@contextmanager
def record(
    folder: Path, asked: Asked, wall: datetime, *, threads: int | None = None
) -> Iterator[Record]:
    """Open the stretch of the lake in *folder* that is asked for.

    One of *threads* adds up in the same order each time; None is one per core.

    Raises:
        QueryError: A time, the timeframe or a pair is none.
        LakeError: The lake cannot be read, or nothing was published.
    """
    if asked.timeframe not in TIMEFRAMES:
        given = formats.repeated(asked.timeframe)
        raise QueryError(f"--timeframe {given}: one of {', '.join(TIMEFRAMES)}")
    reader = Reader(folder, threads=threads)
    try:
        with reader.cursor() as cursor:
            now = query.lake_time(cursor, wall)
            if asked.until is not None:
                now = min(now, _moment("--to", asked.until, now))
            start = _moment("--from", asked.since, now)
            if not timedelta() < now - start <= LONGEST:
                raise QueryError(f"--from {start:{_MINUTE}} is not before {now:{_MINUTE}} UTC")
            counted = bases(cursor, now, query.ANY_TIME)
            yield Record(
                cursor=cursor,
                start=start,
                now=now,
                known_by=query.ANY_TIME,
                timeframe=asked.timeframe,
                counted=counted,
                only=_only(cursor, asked.pairs, (start, now), counted),
            )
    finally:
        reader.close()


def _moment(option: str, text: str, now: datetime) -> datetime:
    """Return a time, or one so long before *now*: ``2026-03-01T12:00Z``, ``30d``."""
    try:
        if re.fullmatch(r"\d+[smhd]", text):
            return now - span(text)
        return query.utc_time(text)
    except (ValueError, OverflowError) as error:
        raise QueryError(
            f"{option} {formats.repeated(text)}: write a time such as 2026-03-01T12:00Z, or a "
            "span before now such as 30d"
        ) from error


def _only(
    cursor: duckdb.DuckDBPyConnection,
    text: str | None,
    bounds: tuple[datetime, datetime],
    counted: Bases,
) -> Only:
    """Return the instruments that ``BTC, okx ETH/USDT:USDT`` names."""
    if text is None:
        return EVERYTHING
    since, now = bounds
    rows = query.table(cursor, "known_pairs", since=since, now=now, known_by=query.ANY_TIME)
    keys = list(zip(*(rows[name].to_pylist() for name in ("venue", "symbol", "base")), strict=True))
    by_name: dict[str, list[tuple[str, str]]] = {}
    for venue, symbol, base in keys:
        for name in (counted.name(venue, symbol, base), f"{venue} {symbol}"):
            by_name.setdefault(name, []).append((venue, symbol))
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    for name in wanted:
        if name not in by_name:
            near = difflib.get_close_matches(name, by_name, 1, 0.4)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise QueryError(f"--pairs {formats.repeated(name)!r}: not in the record{hint}")
    return Only(instruments=[pair for name in wanted for pair in by_name[name]])
