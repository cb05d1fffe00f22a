"""What moves together: matrices of correlation, and a pair's correlation over time.

Two columns are compared over the rows that both know, and say how many those
are. Correlate returns, not levels: two prices that both drift upwards are
correlated whatever they have to do with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analytics.correlation.pearson import pearson_columns, pearson_matrix
from analytics.correlation.spearman import doubled_ranks, spearman_matrix
from analytics.errors import QueryError
from analytics.indicators.arrays import Floats

Method = Literal["pearson", "spearman"]

LEAST_COMMON: Final = 20
"""Rows that two columns must have in common by default; with fewer, r is mostly chance."""

_MATRIX: Final[Mapping[Method, Callable[[Floats, Floats | None], Floats]]] = {
    "pearson": pearson_matrix,
    "spearman": spearman_matrix,
}

_CELLS_PER_BATCH: Final = 1_000_000
"""Cells of rolling windows that are laid out together, to bound memory."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """A matrix of correlation and what stands behind each of its cells."""

    r: Floats
    """Between -1 and 1; NaN where too few rows are common or a column is constant. (N, M)"""
    common: NDArray[np.intp]
    """Rows that both columns know. (N, M)"""
    method: Method
    window: int
    """Rows that were looked at. [bars]"""


def correlation(
    a: Floats,
    b: Floats | None = None,
    *,
    method: Method = "pearson",
    window: int | None = None,
    min_common: int = LEAST_COMMON,
) -> Correlation:
    """Return the correlation of every column of *a* with every column of *b*.

    Args:
        a: Returns by bar; what is not finite is absent. (T, N)
        b: Returns of the same bars, for price against open interest; None means
            *a* against itself. (T, M)
        method: ``pearson`` for r of the values, ``spearman`` for r of their mean
            ranks, taken anew within each pair's common rows.
        window: The newest rows to look at; None means all. [bars]
        min_common: Rows that must be common, at least 2; fewer give NaN.

    Raises:
        QueryError: An argument is unknown or out of range, or ``window`` is
            longer than the panel; the message names it.
        ValueError: *a* or *b* is no panel, or they differ in rows.

    Source:
        :func:`pearson_matrix` and :func:`spearman_matrix`.
    """
    partners = a if b is None else b
    _check(a, partners, method, min_common)
    rows = len(a) if window is None else window
    if not (1 <= rows <= len(a) or window is None):
        raise QueryError(f"window: {window} bars requested, only {len(a)} available")
    first = len(a) - rows
    r = _MATRIX[method](a[first:], None if b is None else b[first:])
    known = (np.isfinite(values[first:]).astype(np.float64) for values in (a, partners))
    common = np.rint(next(known).T @ next(known)).astype(np.intp)
    return Correlation(np.where(common >= min_common, r, np.nan), common, method, rows)


def rolling_correlation(
    x: Floats,
    y: Floats,
    *,
    window: int,
    method: Method = "pearson",
    min_common: int = LEAST_COMMON,
) -> Floats:
    """Return the correlation of *x* and *y* over the *window* rows that end at each row.

    Args:
        x: Returns by bar; what is not finite is absent. (T,)
        y: The same of the partner. (T,)
        window: Rows per value; earlier rows give NaN, all of them where the
            window is longer than the panel. [bars]
        method: As for :func:`correlation`; ranks are taken anew in each window.
        min_common: Rows of a window that must be common, at least 2; fewer give NaN.

    Returns:
        Between -1 and 1. (T,)

    Raises:
        QueryError: An argument is unknown or out of range; the message names it.
    """
    _check(x[:, None], y[:, None], method, min_common)
    if window < 1:
        raise QueryError(f"window: must be at least 1 bar, not {window}")
    r = np.full(len(x), np.nan)
    if window > len(x):
        return r
    common = np.isfinite(x) & np.isfinite(y)
    windows = [sliding_window_view(np.where(common, values, np.nan), window).T for values in (x, y)]
    step = max(_CELLS_PER_BATCH // window, 1)
    for start in range(0, len(x) - window + 1, step):
        a, b = (columns[:, start : start + step] for columns in windows)
        if method == "spearman":
            a, b = doubled_ranks(a), doubled_ranks(b)
        enough = np.isfinite(a).sum(axis=0) >= min_common
        end = start + window - 1
        r[end : end + len(enough)] = np.where(enough, pearson_columns(a, b), np.nan)
    return r


def _check(a: Floats, b: Floats, method: str, min_common: int) -> None:
    """Raise ValueError for arrays that do not fit, QueryError for arguments out of range."""
    if a.ndim != 2:
        raise ValueError(f"a: an array (T, N) is needed, not one of shape {a.shape}")
    if b.ndim != 2 or len(b) != len(a):
        raise ValueError(f"b: {len(a)} rows are needed as in a, not an array of shape {b.shape}")
    if method not in _MATRIX:
        raise QueryError(f"method: one of {', '.join(_MATRIX)}, not {method!r}")
    if min_common < 2:
        raise QueryError(f"min_common: must be at least 2 rows, not {min_common}")
