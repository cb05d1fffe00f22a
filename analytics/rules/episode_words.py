"""An alert episode in words: its subject, its mark, and what it saw beside its thresholds.

A row is one of ``alert_episodes.sql``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import pandas as pd

from analytics import formats
from analytics.palette import Colors
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES

MARKS: Final[Mapping[str, str]] = {"critical": "■■■", "warning": "■■", "info": "■"}
"""By severity, the gravest first."""
_TURNED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "=": "="}

Row = Mapping[Any, Any]


def color(severity: str, colors: Colors) -> str:
    """Return the colour of the mark of a *severity*."""
    return {"critical": colors.down, "warning": colors.alert}.get(severity, colors.text)


def subject(row: Row) -> str:
    """Return what an episode is about: ``BTC Binance``, ``BTC``, ``OKX``, ``Market``."""
    match row["per"]:
        case "pair":
            name = formats.pair(str(row["symbol"])).removesuffix("/USDT")
            return f"{name} {formats.venue(str(row['venue']))}"
        case "venue":
            return formats.venue(str(row["venue"]))
        case "asset":
            return str(row["base"])
    return "Market"


def on_market(row: Row) -> dict[str, str]:
    """Return what in Market's URL names the subject of an episode; empty if it has no page."""
    match row["per"]:
        case "pair":
            return {"venue": str(row["venue"]), "symbol": str(row["symbol"])}
        case "asset":
            return {"base": str(row["base"])}
    return {}


def told_at(row: Row) -> datetime:
    """Return when an episode fired, or began where it has not fired. UTC

    The second is rounded up: a page as of that time has the episode.
    """
    found: pd.Timestamp = row["started_ts"] if pd.isna(row["fired_ts"]) else row["fired_ts"]
    time: datetime = found.ceil("s").to_pydatetime()
    return time


def seen(row: Row) -> list[str]:
    """Return the values that a condition read, with thresholds: ``z of OI change +3.1 (> 2.5)``."""
    return [
        " ".join(filter(None, (_title(name), _written(name, value), _beside(name, row))))
        for name, value in json.loads(str(row["seen_values"])).items()
    ]


def _split(name: str) -> tuple[str, str]:
    """Return the quantity that *name* is of, and the timeframe that it names, if any."""
    of, _, timeframe = name.rpartition("_")
    return (of, timeframe) if of and timeframe in TIMEFRAMES else (name, "")


def _title(name: str) -> str:
    of, timeframe = _split(name)
    title = QUANTITIES[of].title if of in QUANTITIES else of
    return f"{title} {timeframe}".rstrip()


def _written(name: str, value: Any) -> str:
    of, _ = _split(name)
    if of in QUANTITIES and not isinstance(value, str | bool):
        return QUANTITIES[of].write(value)
    return formats.ABSENT if value is None else str(value)


def _beside(name: str, row: Row) -> str:
    """Return what *name* is compared with in the condition, in brackets; nothing if unclear."""
    text, number = str(row["condition"]), r"(-?\d+(?:\.\d+)?)"
    this = rf"(?:\b{re.escape(name)}\b|abs\({re.escape(name)}\))"
    after = re.findall(rf"{this}\s*([<>]=?|=)\s*{number}", text)
    before = re.findall(rf"(?<![\w.]){number}\s*([<>]=?|=)\s*{this}", text)
    compared = [*after, *((_TURNED[sign], limit) for limit, sign in before)]
    return f"({', '.join(f'{sign} {limit}' for sign, limit in compared)})" if compared else ""
