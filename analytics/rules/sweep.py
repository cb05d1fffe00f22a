"""Thresholds of a rule tried on the first half of a record, and checked on the second.

The best of many is good by chance; what of it is left where it was not chosen says how much.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from analytics import formats
from analytics.errors import RuleError
from analytics.panels.panel import Panel
from analytics.quantities import QUANTITIES
from analytics.rules import firings
from analytics.rules.columns import COLUMNS
from analytics.rules.expression import parse
from analytics.rules.rules_file import Rule
from analytics.rules.scorecard import score, write_excess

MAX_COMBINATIONS: Final = 100
"""Variants of one sweep."""
MAX_COLUMNS: Final = 2
BEST_Q: Final = 0.05
HALVES: Final = ("in_sample", "held_out")

_NUMBER: Final = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_COMPARED: Final = r">=|<=|>|<"


@dataclass(frozen=True, slots=True)
class Vary:
    """A column, and the thresholds to compare it with."""

    column: str
    values: tuple[float, ...]


def vary(text: str) -> Vary:
    """Return what ``z_oi=1.5:4:0.5`` says: 1.5, 2.0 and so on, up to 4.

    Raises:
        RuleError: It is written otherwise, or of too many thresholds.
    """
    found = re.fullmatch(rf"(\w+)=({_NUMBER}):({_NUMBER}):({_NUMBER})", text)
    if found is None:
        raise RuleError(f"{formats.repeated(text)!r}: write column=first:last:step, z_oi=1.5:4:0.5")
    first, last, step = map(float, found.groups()[1:])
    if not (step > 0 and last >= first and (last - first) / step < MAX_COMBINATIONS):
        raise RuleError(
            f"{text}: first to last by a step above 0, at most {MAX_COMBINATIONS} thresholds"
        )
    count = int((last - first) / step + 1e-9) + 1
    return Vary(found[1], tuple(round(first + n * step, 9) for n in range(count)))


Variants = Mapping[tuple[float, ...], Rule]
"""By its thresholds, in the order of the columns."""


def variants(rule: Rule, varied: Sequence[Vary]) -> Variants:
    """Return *rule* with each combination of thresholds in its condition; each has its own name.

    Raises:
        RuleError: A column is not compared with one number in the condition, or there are too
            many combinations.
    """
    columns = [one.column for one in varied]
    if not 1 <= len(varied) <= MAX_COLUMNS or len(set(columns)) < len(columns):
        raise RuleError(f"vary one threshold, or {MAX_COLUMNS} of different columns")
    grid = list(itertools.product(*(one.values for one in varied)))
    if len(grid) > MAX_COMBINATIONS:
        raise RuleError(f"{len(grid)} combinations; at most {MAX_COMBINATIONS} are allowed")
    return {values: _variant(rule, dict(zip(columns, values, strict=True))) for values in grid}


def _variant(rule: Rule, thresholds: Mapping[str, float]) -> Rule:
    sql = rule.when.sql
    for column, value in thresholds.items():
        sql = _with_threshold(sql, column, value)
    said = ", ".join(f"{column} {value:g}" for column, value in thresholds.items())
    return replace(rule, name=f"{rule.name}, {said}", when=parse(sql, COLUMNS[rule.per]))


def thresholds(rule: Rule) -> dict[str, float]:
    """Return the numbers that can be varied, by the column that is compared with each."""
    found = {column: _compared(rule.when.sql, column) for column in sorted(rule.when.columns)}
    return {
        column: float(at[0]["first"] or at[0]["second"])
        for column, at in found.items()
        if len(at) == 1
    }


def _compared(sql: str, column: str) -> list[re.Match[str]]:
    """Return where *column*, or its size, is compared with a number."""
    name = rf"(?:abs\({column}\)|\b{column}\b)"
    before = rf"(?P<before>\({name} (?:{_COMPARED}) )(?P<first>{_NUMBER})(?=\))"
    behind = rf"(?<=\()(?P<second>{_NUMBER})(?P<behind> (?:{_COMPARED}) {name}\))"
    return list(re.finditer(f"{before}|{behind}", sql))


def _with_threshold(sql: str, column: str, value: float) -> str:
    """Return the condition with *value* where *column* is compared with a number."""
    found = _compared(sql, column)
    if len(found) != 1:
        times = "not" if not found else formats.plural(len(found), "time")
        raise RuleError(f"{column} is compared with a number {times} in {sql}; once is needed")
    (one,) = found
    put = f"{one['before'] or ''}{value!r}{one['behind'] or ''}"
    return sql[: one.start()] + put + sql[one.end() :]


def halves(panel: Panel, fired: pd.DataFrame) -> dict[str, tuple[Panel, pd.DataFrame]]:
    """Return bars and firings of the first and of the second half of a record.

    An outcome that would reach into the second half is absent from the first.
    """
    middle = len(panel.times) // 2
    parts = {"in_sample": slice(middle), "held_out": slice(middle, None)}
    # The mark that ends the first half is its last.
    until = pd.Timestamp(panel.times[middle], tz="UTC") if middle else pd.Timestamp(panel.now)
    early = fired["fired_ts"] <= until
    of = {"in_sample": fired[early], "held_out": fired[~early]}
    return {name: (panel.part(rows), of[name]) for name, rows in parts.items()}


def sweep(
    panel: Panel, fired: pd.DataFrame, tried: Variants, columns: Sequence[str], of: tuple[str, str]
) -> pd.DataFrame:
    """Return how each variant did in both halves of the record, a row each.

    Args:
        panel: As for ``scorecard.score``.
        fired: Firings of all variants, as for ``scorecard.score``.
        tried: The variants.
        columns: What was varied.
        of: Measure and horizon.

    Returns:
        *columns*, the thresholds; then of ``in_sample`` and ``held_out`` what a scorecard has, as
        ``in_sample_mean_excess``. q is corrected for all variants of its half.
    """
    measure, horizon = of
    names = [rule.name for rule in tried.values()]
    found = pd.DataFrame(list(tried), columns=list(columns))
    for half, (bars, mine) in halves(panel, fired).items():
        judged = score(bars, mine, names, measures=[measure], horizons=[horizon])
        kept = judged.drop(columns=["rule", "measure", "horizon"])
        found = found.join(kept.add_prefix(f"{half}_"))
    return found


def on_record(
    cursor: duckdb.DuckDBPyConnection,
    tried: Variants,
    columns: Sequence[str],
    of: tuple[str, str],
    stretch: tuple[datetime, timedelta],
    *,
    known_by: datetime | None = None,
) -> pd.DataFrame:
    """Return what :func:`sweep` does of what the variants would have done on the record.

    Args:
        cursor: On the lake.
        tried: The variants.
        columns: What was varied.
        of: Measure and horizon.
        stretch: Until when, with a zone; and how far before it to begin.
        known_by: What became known later is not seen; None: at that time.

    Raises:
        LakeError: The lake cannot be read.
    """
    fired = firings.looked_back(cursor, list(tried.values()), *stretch, known_by=known_by)
    panel = firings.outcomes(cursor, *stretch, known_by=known_by)
    return sweep(panel, fired, tried, columns, of)


def best_of(found: pd.DataFrame) -> Mapping[Any, Any] | None:
    """Return the row that is best in-sample; None where all have too few episodes.

    It has the smallest p, and of those the largest mean excess, either way.
    """
    known = found[found["in_sample_note"].isna()]
    if known.empty:
        return None
    size = known["in_sample_mean_excess"].abs()
    order = np.lexsort((-size, known["in_sample_p"]))
    return known.iloc[int(order[0])].to_dict()


def verdict(found: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return whether what is best in-sample is so in the held-out half: a sentence or two."""
    if (best := best_of(found)) is None:
        return "Too few independent episodes in-sample, at any threshold."
    said = ", ".join(f"{column} {best[column]:g}" for column in columns)
    excess = write_excess(best["in_sample_mean_excess"])
    head = f"Best of {len(found)} in-sample: {said}, mean excess {excess}, corrected p "
    head += f"{best['in_sample_q']:.3f}."
    return f"{head} {_held_out(best)}"


def _held_out(best: Mapping[Any, Any]) -> str:
    if isinstance(best["held_out_note"], str):
        return f"Warning: not checked, held out has {best['held_out_note']}."
    low, mean, high = (
        best[f"held_out_{name}"] for name in ("mean_low", "mean_excess", "mean_high")
    )
    found = f"{write_excess(mean)} ({write_excess(low)} to {write_excess(high)})"
    if best["in_sample_q"] > BEST_Q:
        return f"Warning: no more than chance gives among so many; held out {found}."
    if low <= 0 <= high or mean * best["in_sample_mean_excess"] < 0:
        return f"Warning: it does not hold out: {found}."
    return f"It holds out: {found}."


def title(of: tuple[str, str]) -> str:
    """Return what is swept in words: ``Price change, 1h after``."""
    return f"{QUANTITIES[of[0]].title}, {of[1]} after"
