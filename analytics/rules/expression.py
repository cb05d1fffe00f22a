"""A condition that a user writes: one SQL expression over the columns of a frame.

DuckDB parses it; what it may hold is listed here, and everything else is refused: it cannot read a
table, a file or a setting. What cannot be computed for a row (a value is absent, a division by
zero, the logarithm of a negative number) is unknown for that row, never true.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from analytics.errors import RuleError

ColumnKind = Literal["number", "text", "boolean"]
"""What a column holds, and a part of an expression."""

LONGEST: Final = 2_000
"""[characters]"""
DEEPEST: Final = 40
"""Levels of nesting."""

FUNCTIONS: Final = ("abs", "greatest", "least", "ln", "round", "sign", "sqrt")
"""Of numbers. ``coalesce`` is allowed as well, for what is absent."""
_ARITHMETIC: Final = ("+", "-", "*", "/", "%")
_SELECT: Final = "select "
_SQL_TYPES: Final[Mapping[ColumnKind, str]] = {
    "number": "double",
    "text": "varchar",
    "boolean": "boolean",
}

_Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was checked."""

    sql: str
    """As DuckDB writes it: the same for the same condition, whatever its spacing and case."""
    columns: frozenset[str]
    """Those that it reads."""


def parse(text: str, columns: Mapping[str, ColumnKind]) -> Expression:
    """Return the condition *text* as an expression over *columns*.

    Raises:
        RuleError: It is too long, no single expression, not true or false, or holds what is not
            allowed. The message names the place and what is allowed.
    """
    if len(text) > LONGEST:
        raise RuleError(f"{len(text)} characters long; at most {LONGEST} are allowed")
    statement = _statement(text)
    checked = _Check(columns)
    if (found := checked.kind(_single(statement), 0)) != "boolean":
        raise RuleError(f"this is a {found}, not a condition; compare it, as in z_oi > 2.5")
    (sql,) = _row("select json_deserialize_sql($1)", json.dumps(statement))
    expression = Expression(str(sql)[len(_SELECT) :], frozenset(checked.seen))
    _bind(expression, columns)
    return expression


def evaluate(expressions: Mapping[str, Expression], frame: pd.DataFrame) -> pd.DataFrame:
    """Return for each row of *frame* whether each expression is true, false or unknown (NA).

    Args:
        expressions: By a name of the caller's.
        frame: Has the columns that they read; a missing number is NaN.

    Returns:
        One column of dtype ``boolean`` per name, on the index of *frame*.
    """
    if not expressions or frame.empty:
        return pd.DataFrame(index=frame.index, columns=list(expressions), dtype="boolean")
    read = sorted(set[str]().union(*(one.columns for one in expressions.values())))
    # A frame without any column has no rows for DuckDB. What a whole pandas frame costs it is most
    # of the time of a pass; NaN is absent in either.
    rows = {name: frame[name].to_numpy() for name in read} or {"nothing": np.zeros(len(frame))}
    cursor = _instance().cursor()
    cursor.register("frame", rows)
    parts = ", ".join(f"try({one.sql}) as c{n}" for n, one in enumerate(expressions.values()))
    # Nothing but checked expressions is written into it.
    sql = f"select {parts} from frame"  # noqa: S608
    table = cursor.execute(sql).to_arrow_table()
    found = {name: _booleans(table.column(n)) for n, name in enumerate(expressions)}
    return pd.DataFrame(found, index=frame.index)


def _booleans(column: pa.ChunkedArray) -> pd.arrays.BooleanArray:
    known = column.combine_chunks()
    values = known.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    return pd.arrays.BooleanArray(values, known.is_null().to_numpy(zero_copy_only=False))


class _Check:
    """Walks the parsed tree; everything that is not named here is refused."""

    def __init__(self, columns: Mapping[str, ColumnKind]) -> None:
        self._columns = columns
        self.seen: set[str] = set()

    def kind(self, node: _Node, depth: int) -> ColumnKind:
        """Return what *node* is once all of it is allowed."""
        if depth > DEEPEST:
            raise RuleError(f"nested more than {DEEPEST} levels deep; split it into several rules")
        check = self._CHECKS.get(node["class"])
        if check is None:
            raise _refused(node, f"{node['class'].lower()} is not allowed; {_ALLOWED}")
        return check(self, node, depth + 1)

    def _column(self, node: _Node, _depth: int) -> ColumnKind:
        name = ".".join(node["column_names"])
        if name not in self._columns:
            near = difflib.get_close_matches(name.lower(), self._columns, 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else "; GLOSSARY.md lists the names"
            raise _refused(node, f"no value is called {name!r}{hint}")
        self.seen.add(name)
        return self._columns[name]

    def _constant(self, node: _Node, _depth: int) -> ColumnKind:
        if node["value"]["is_null"]:
            raise _refused(node, "null is neither equal nor unequal; write: is null, is not null")
        if isinstance(number := node["value"]["value"], float) and not math.isfinite(number):
            raise _refused(node, "the number is too large")
        return "text" if node["value"]["type"]["id"] == "VARCHAR" else "number"

    def _cast(self, node: _Node, _depth: int) -> ColumnKind:
        """``true`` and ``false`` are casts to the parser; others are refused."""
        child = node["child"]
        of_text = child["class"] == "CONSTANT" and child["value"].get("value") in ("t", "f")
        if not of_text or node["cast_type"]["id"] != "BOOLEAN":
            raise _refused(node, f"a cast is not allowed; {_ALLOWED}")
        return "boolean"

    def _comparison(self, node: _Node, depth: int) -> ColumnKind:
        self._alike([node["left"], node["right"]], depth)
        return "boolean"

    def _between(self, node: _Node, depth: int) -> ColumnKind:
        self._alike([node["input"], node["lower"], node["upper"]], depth)
        return "boolean"

    def _conjunction(self, node: _Node, depth: int) -> ColumnKind:
        self._all("boolean", node["children"], depth)
        return "boolean"

    def _operator(self, node: _Node, depth: int) -> ColumnKind:
        match node["type"]:
            case "OPERATOR_NOT":
                self._all("boolean", node["children"], depth)
            case "OPERATOR_IS_NULL" | "OPERATOR_IS_NOT_NULL":
                self.kind(node["children"][0], depth)
            case "COMPARE_IN" | "COMPARE_NOT_IN":
                self._alike(node["children"], depth)
            case "OPERATOR_COALESCE":
                return self._alike(node["children"], depth)
            case other:
                raise _refused(node, f"{other.lower()} is not allowed; {_ALLOWED}")
        return "boolean"

    def _case(self, node: _Node, depth: int) -> ColumnKind:
        self._all("boolean", [check["when_expr"] for check in node["case_checks"]], depth)
        values = [check["then_expr"] for check in node["case_checks"]]
        otherwise = node["else_expr"]
        if otherwise["class"] != "CONSTANT" or not otherwise["value"]["is_null"]:
            values.append(otherwise)
        return self._alike(values, depth)

    def _function(self, node: _Node, depth: int) -> ColumnKind:
        name = node["function_name"]
        if name not in (*FUNCTIONS, *_ARITHMETIC):
            raise _refused(node, f"{name} is not allowed; {_ALLOWED}")
        if node["schema"] or node["distinct"] or node["filter"] or node["order_bys"]["orders"]:
            raise _refused(node, f"write {name} with its values alone")
        self._all("number", node["children"], depth)
        return "number"

    def _alike(self, nodes: Sequence[_Node], depth: int) -> ColumnKind:
        """Return the kind that all *nodes* have."""
        first = self.kind(nodes[0], depth)
        self._all(first, nodes[1:], depth)
        return first

    def _all(self, wanted: ColumnKind, nodes: Collection[_Node], depth: int) -> None:
        for node in nodes:
            if (found := self.kind(node, depth)) != wanted:
                raise _refused(node, f"a {wanted} belongs here, not a {found}")

    _CHECKS: Final[Mapping[str, Callable[[_Check, _Node, int], ColumnKind]]] = {
        "COLUMN_REF": _column,
        "CONSTANT": _constant,
        "CAST": _cast,
        "COMPARISON": _comparison,
        "BETWEEN": _between,
        "CONJUNCTION": _conjunction,
        "OPERATOR": _operator,
        "CASE": _case,
        "FUNCTION": _function,
    }


_ALLOWED: Final = (
    "allowed are names, numbers, texts, comparisons, and, or, not, between, in, is null, case, "
    f"{' '.join(_ARITHMETIC)}, coalesce, {', '.join(FUNCTIONS)}"
)


@cache
def _instance() -> duckdb.DuckDBPyConnection:
    """Return a database of its own, in memory, that can reach nothing outside."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        # Else 1 / 0 is infinity, and more than any threshold.
        "ieee_floating_point_ops": "false",
        # One thread, which gives the rows of a frame back in their order.
        "threads": "1",
    }
    return duckdb.connect(config=settings)


def _row(sql: str, *values: object) -> tuple[Any, ...]:
    row = _instance().cursor().execute(sql, list(values)).fetchone()
    assert row is not None
    return row


def _statement(text: str) -> _Node:
    """Return the tree of ``select`` *text*; the same keys as ``json_serialize_sql`` gives."""
    (serialized,) = _row("select json_serialize_sql($1)", _SELECT + text)
    try:
        tree: _Node = json.loads(serialized)
    except RecursionError:
        raise RuleError(f"nested more than {DEEPEST} levels deep") from None
    if tree["error"]:
        if tree["error_type"] == "not implemented":
            # Not what is wrong: DuckDB parsed several statements, and one of them is no query.
            raise RuleError("several statements; write one condition, without a semicolon")
        place = int(tree.get("position", len(_SELECT))) - len(_SELECT) + 1
        raise RuleError(f"character {place}: {tree['error_message']}")
    if len(tree["statements"]) != 1:
        raise RuleError("several statements; write one condition, without a semicolon")
    return tree


def _single(tree: _Node) -> _Node:
    """Return the one expression of the statement, which may have no other part."""
    select = tree["statements"][0]["node"]
    plain: _Node = {"modifiers": [], "where_clause": None, "group_expressions": [], "having": None}
    plain |= {"sample": None, "qualify": None}
    extra = select.get("from_table", {}).get("type") != "EMPTY" or select["cte_map"]["map"]
    if select["type"] != "SELECT_NODE" or extra or any(select[k] != v for k, v in plain.items()):
        raise RuleError("only a condition is allowed, without from, where, order by or union")
    if len(select["select_list"]) != 1 or select["select_list"][0]["alias"]:
        raise RuleError("write one condition; join several by and, or")
    expression: _Node = select["select_list"][0]
    return expression


def _bind(expression: Expression, columns: Mapping[str, ColumnKind]) -> None:
    """Let DuckDB bind it: what it refuses (a wrong count of arguments) is refused here."""
    typed = [f'null::{_SQL_TYPES[columns[name]]} as "{name}"' for name in expression.columns]
    frame = f"from (select {', '.join([*typed, '1 as nothing'])})"
    try:
        _row(f"select count(try({expression.sql})) {frame}")
    except duckdb.Error as error:
        raise RuleError(str(error).splitlines()[0]) from error


def _refused(node: _Node, reason: str) -> RuleError:
    """Return the error with the place of *node*, where the parser told one."""
    place = node["query_location"] - len(_SELECT) + 1
    return RuleError(f"character {place}: {reason}" if place <= LONGEST else reason)
