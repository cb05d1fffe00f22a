"""Simulated trades of a bundle: what was asked for, and the trades as lines of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from analytics import formats
from analytics.bundle.differences import TRADE
from analytics.bundle.needed_rows import Wanted
from analytics.errors import QueryError
from analytics.panels.panel import TIMEFRAMES
from analytics.rules.rules_file import Rule
from analytics.trades.simulated import request, simulation
from analytics.trades.simulated.conditions import Conditions, OfRule, condition
from analytics.trades.simulated.request import Asked

_OF_BUNDLE: Final = ("since", "until")
"""What the bundle itself decides."""
_NAMES: Final = tuple(field.name for field in fields(Asked) if field.name not in _OF_BUNDLE)
_ASKED: Final = TypeAdapter(Asked)


def asked_for(given: Sequence[str]) -> Asked | None:
    """Return what ``signal=rsi``, ``side=both`` and others ask for; None where nothing is given.

    Raises:
        QueryError: An option is not one of a simulation.
    """
    if not given:
        return None
    options: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in _NAMES:
            known = ", ".join(_NAMES)
            raise QueryError(f"--trades {formats.repeated(text)}: write KEY=VALUE, KEY of {known}")
        options[name] = [*options.get(name, ()), value] if name == "settings" else value
    return read(json.dumps(options).encode())


def read(content: bytes) -> Asked | None:
    """Return what the member with the options says.

    Raises:
        QueryError: It says nothing that can be simulated.
    """
    if not content:
        return None
    try:
        found = _ASKED.validate_json(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "options"
        raise QueryError(f"simulated trades: {where}: {fault['msg'].lower()}") from error
    return found


def written(asked: Asked | None) -> bytes:
    """Return *asked* as :func:`read` takes it."""
    if asked is None:
        return b""
    options = {name: getattr(asked, name) for name in _NAMES}
    return json.dumps({**options, "settings": [*asked.settings]}, indent=1).encode() + b"\n"


def needing(wanted: Wanted, asked: Asked | None) -> Wanted:
    """Return *wanted* with what the signals of *asked* look at.

    Raises:
        QueryError: The options make no sense.
        RuleError: A condition is wrong, or there is no such rule.
    """
    if asked is None:
        return wanted
    if asked.timeframe not in TIMEFRAMES:
        given = formats.repeated(asked.timeframe)
        raise QueryError(f"--trades timeframe={given}: one of {', '.join(TIMEFRAMES)}")
    request.plan(asked)
    signals, width = request.source(asked, wanted.rules), TIMEFRAMES[asked.timeframe]
    match signals:
        case OfRule(rule):
            return replace(wanted, conditions=(rule,))
        case Conditions(entry, exit_):
            both: list[Rule] = [
                condition(name, text, asked.timeframe)
                for name, text in (("entry", entry), ("exit", exit_))
            ]
            return replace(wanted, conditions=tuple(both))
        case _:
            return replace(wanted, warm_up=(signals.warm_up + 1) * width)


def simulated(folder: Path, wanted: Wanted, asked: Asked | None) -> list[str]:
    """Return the trades, and the signals that made none, as lines; none where nothing is asked.

    Raises:
        QueryError: There are no bars, or the options make no sense.
        RuleError: A condition is wrong, or there is no such rule.
        LakeError: The lake cannot be read.
    """
    if asked is None:
        return []
    pairs = asked.pairs
    if pairs is None and wanted.subjects is not None:
        # Assets have no venue before their name.
        pairs = ",".join(sorted(word for word in wanted.subjects if "/" in word))
    since, until = wanted.start.isoformat(), wanted.end.isoformat()
    asked = replace(asked, since=since, until=until, pairs=pairs)
    signals, plan = request.source(asked, wanted.rules), request.plan(asked)
    with request.record(folder, asked, wanted.end, threads=1) as record:
        run = simulation.run(record, signals, plan).run
    lines = [*_lines("trade", run.trades), *_lines("not filled", run.unfilled)]
    return [line for _, line in sorted(lines)]


def _lines(what: str, rows: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], str]]:
    for row in rows.to_dict("records"):
        fields = {str(name): _plain(value) for name, value in row.items()}
        fields["what"] = what
        text = json.dumps(fields, ensure_ascii=False, allow_nan=False)
        yield tuple(str(fields[key]) for key in TRADE), text


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return None if pd.isna(value) else value.isoformat()
    value = value.item() if hasattr(value, "item") else value
    if value is None or value is pd.NaT or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
