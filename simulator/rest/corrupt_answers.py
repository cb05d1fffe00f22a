"""How a venue's answer looks once a fault has been at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeGuard

from simulator.rest.faults import Fault
from simulator.rest.spans import HOUR_MS
from simulator.rest.wire_format import Answer, Json

_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[-+]?\d+)?")

_SYMBOL_KEYS = ("symbol", "instId", "s")

_MOMENTS = frozenset(
    {"T", "E", "ts", "cts", "time", "timestamp", "serverTime", "timeSecond"}
    | {"openTime", "closeTime", "fundingRateTimestamp"}
)
"""Fields that say when the venue's figures were so, not when something is due."""

_NOT_FIGURES = _MOMENTS | frozenset(
    {"code", "msg", "retCode", "retMsg", "nextPageCursor", "category", "priceScale"}
    | {"symbol", "instId", "pair", "uly", "instFamily", "baseAsset", "baseCoin", "ctValCcy"}
    | {"a", "f", "l", "u", "seq", "seqId", "tradeId", "execId", "firstId", "lastId", "count"}
    | {"lastUpdateId", "timeNano", "nextFundingTime", "fundingTime", "fundingInterval"}
    | {"fundingIntervalHour", "fundingIntervalHours", "deliveryTime", "deliveryDate"}
    | {"launchTime", "onboardDate", "listTime", "expTime"}
)
"""Fields that may look like numbers and are names, counters or dates."""

_SIDES = (
    ("bids", "asks"),
    ("b", "a"),
    ("bidPrice", "askPrice"),
    ("bid1Price", "ask1Price"),
    ("bidPx", "askPx"),
)

_PAGE = (
    "<html><head><title>Just a moment...</title></head>"
    "<body><h1>Checking your browser before you continue</h1></body></html>"
)


def html_page() -> str:
    """Return what a proxy in front of a venue serves instead of an answer."""
    return _PAGE


def corrupted(answer: Answer, fault: Fault, unknown_symbol: Answer, asked: str | None) -> Answer:
    """Return *answer* with the figures spoiled that *fault* is about.

    A fault about a symbol leaves the rows of the others alone. *asked* is the
    symbol that the request names: rows without a name are then about it.
    """
    alone = asked if asked != "ANY" else None
    if fault.kind == "vanish" and alone is not None:
        return unknown_symbol
    rows = _rows(answer.body)
    found: list[Json] = []
    for row in rows:
        is_meant = fault.symbol in {None, _name(row) or alone}
        found += _CHANGES[fault.kind](row) if is_meant else [row]
    return Answer(_with_rows(answer.body, found), answer.status)


def _name(row: Json) -> str | None:
    """Return the symbol that a row is about, if it says so."""
    if isinstance(row, Mapping):
        for key in _SYMBOL_KEYS:
            name = row.get(key)
            if isinstance(name, str):
                return name
    return None


def _rows(body: Json) -> Sequence[Json]:
    """Return the rows of an answer, wherever the venue's envelope has them."""
    if isinstance(body, Mapping):
        for key in ("symbols", "data", "list"):
            inner = body.get(key)
            if _is_list(inner):
                return inner
        result = body.get("result")
        return _rows(result) if isinstance(result, Mapping) else [body]
    return body if _is_list(body) else [body]


def _with_rows(body: Json, rows: Sequence[Json]) -> Json:
    """Return the same envelope around other rows; an object becomes empty without any."""
    if isinstance(body, Mapping):
        for key in ("symbols", "data", "list"):
            if _is_list(body.get(key)):
                return {**body, key: rows}
        if isinstance(body.get("result"), Mapping):
            return {**body, "result": _with_rows(body["result"], rows)}
        return rows[0] if rows else {}
    return rows


def _figures(change: Callable[[str], str], row: Json) -> Json:
    """Return *row* with every figure written differently; names, counters and times stay."""
    if isinstance(row, Mapping):
        return {
            key: value if key in _NOT_FIGURES and not _is_list(value) else _figures(change, value)
            for key, value in row.items()
        }
    if _is_list(row):
        return [_figures(change, value) for value in row]
    if isinstance(row, float):
        return change(repr(row))
    return change(row) if isinstance(row, str) and _NUMBER.fullmatch(row) else row


def _is_list(value: Json) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _rewritten(change: Callable[[str], str]) -> Callable[[Json], list[Json]]:
    def rewrite(row: Json) -> list[Json]:
        # A row that is a list, as candles are, begins with its time.
        if _is_list(row):
            return [[row[0], *[_figures(change, value) for value in row[1:]]]]
        return [_figures(change, row)]

    return rewrite


def _negative(figure: str) -> str:
    return figure if figure.startswith("-") else f"-{figure}"


def _aged(row: Json) -> list[Json]:
    """Make the venue's times an hour old."""
    if isinstance(row, Mapping):
        return [{key: _older(value) if key in _MOMENTS else value for key, value in row.items()}]
    if _is_list(row):
        return [[_older(row[0]), *row[1:]]]
    return [row]


def _older(value: Json) -> Json:
    if isinstance(value, int):
        return value - HOUR_MS
    if isinstance(value, str) and value.isdigit():
        return str(int(value) - (HOUR_MS if len(value) > 10 else HOUR_MS // 1000))
    return value


def _crossed(row: Json) -> list[Json]:
    """Exchange the two sides of the book."""
    if not isinstance(row, Mapping):
        return [row]
    crossed = dict(row)
    for bid, ask in _SIDES:
        if bid in row and ask in row:
            crossed[bid], crossed[ask] = row[ask], row[bid]
    return [crossed]


_CHANGES: Mapping[str, Callable[[Json], list[Json]]] = {
    "empty": lambda _row: [],
    "vanish": lambda _row: [],
    "duplicate": lambda row: [row, row],
    "text_numbers": _rewritten(lambda _figure: "n/a"),
    "nan": _rewritten(lambda _figure: "NaN"),
    "infinite": _rewritten(lambda _figure: "Infinity"),
    "negative": _rewritten(_negative),
    "zero": _rewritten(lambda _figure: "0"),
    "stale_time": _aged,
    "crossed_book": _crossed,
}
"""What becomes of one row; kinds that are not here do not look into the answer."""

READS_ANSWER = frozenset(_CHANGES)
