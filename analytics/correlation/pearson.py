"""Pearson's r of many columns at once, each pair over the rows that both know.

Every sum that r needs is a product of two matrices, so no pair is visited in
Python. One-pass sums lose digits where a pair's common rows hardly vary beside
the rest of their column; those few pairs are computed again in two passes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats

_LEAST_VARIANCE: Final = 1e-2
"""Part of a sum of squares that must be variance for the one-pass sums to keep 13 digits."""

_CELLS_PER_BATCH: Final = 1_000_000
"""Cells of the columns that are computed again together, to bound memory."""


def pearson_matrix(a: Floats, b: Floats | None = None) -> Floats:
    """Return r of every column of *a* against every column of *b*.

    Args:
        a: Observations by row. (T, N)
        b: Observations of the same rows; None means *a* itself. (T, M)

    Returns:
        r between -1 and 1; NaN where fewer than two rows are common or either
        column is constant over the common rows. (N, M)

    Source:
        K. Pearson, "Note on regression and inheritance in the case of two
        parents", Proceedings of the Royal Society 58, 1895, pp. 240-242; pairs
        with absent values as in ``pandas.DataFrame.corr``.
    """
    x = standardised(a)
    y = x if b is None else standardised(b)
    varies = np.logical_and.outer(np.any(x, axis=0), np.any(y, axis=0))
    known = np.isfinite(a), np.isfinite(a if b is None else b)
    with np.errstate(divide="ignore", invalid="ignore"):
        r, suspect = _from_sums(x, known[0], y, known[1])
    suspect &= varies if b is not None else np.triu(varies, 1)
    rows, columns = np.nonzero(suspect)
    r[rows, columns] = _again(a, a if b is None else b, rows, columns)
    if b is None:
        r = np.triu(r, 1) + np.triu(r, 1).T
        np.fill_diagonal(r, np.where(varies.diagonal(), 1.0, np.nan))
    return np.clip(r, -1, 1)


def pearson_columns(a: Floats, b: Floats) -> Floats:
    """Return r of each column of *a* against the same column of *b*, in two passes.

    Args:
        a: Observations by row. (T, N)
        b: The same of the partners. (T, N)

    Returns:
        As :func:`pearson_matrix`, one value per column. (N,)
    """
    common = np.isfinite(a) & np.isfinite(b)
    x, y = (standardised(np.where(common, values, np.nan)) for values in (a, b))
    covariance = np.einsum("tn,tn->n", x, y)
    variances = np.einsum("tn,tn->n", x, x), np.einsum("tn,tn->n", y, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = covariance / np.sqrt(variances[0]) / np.sqrt(variances[1])
    clipped: Floats = np.clip(r, -1, 1)
    return clipped


def standardised(values: Floats) -> Floats:
    """Return *values* about their column's mean, within -1 and 1; absent and constant are 0.

    Scaled by powers of two, which rounds nothing, and before the mean is taken,
    so that no sum or square overflows.
    """
    known = np.isfinite(values)
    highest = np.max(values, axis=0, where=known, initial=-np.inf)
    lowest = np.min(values, axis=0, where=known, initial=np.inf)
    x = _scaled(np.where(known, values, 0.0))
    x -= x.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    x[~known] = 0
    x[:, highest <= lowest] = 0
    return _scaled(x)


def _scaled(x: Floats) -> Floats:
    """Return *x* with each column divided by the power of two above its largest value."""
    _, exponent = np.frexp(np.abs(x).max(axis=0, initial=0))
    scaled: Floats = np.ldexp(x, -exponent)
    return scaled


def _from_sums(
    x: Floats, x_known: NDArray[np.bool_], y: Floats, y_known: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return r from one-pass sums of standardised columns, and where it cannot be trusted."""
    if x_known.all() and y_known.all():
        spread = np.sqrt(np.outer(np.square(x).sum(axis=0), np.square(y).sum(axis=0)))
        return x.T @ y / spread, np.zeros(spread.shape, dtype=np.bool_)
    m, k = x_known.astype(np.float64), y_known.astype(np.float64)
    n = m.T @ k
    x_sum, y_sum = x.T @ k, m.T @ y
    x_squares, y_squares = np.square(x).T @ k, m.T @ np.square(y)
    x_variance = x_squares - x_sum**2 / n
    y_variance = y_squares - y_sum**2 / n
    r = (x.T @ y - x_sum * y_sum / n) / np.sqrt(x_variance * y_variance)
    suspect = (x_variance <= _LEAST_VARIANCE * x_squares) | (
        y_variance <= _LEAST_VARIANCE * y_squares
    )
    return r, suspect


def _again(a: Floats, b: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
    """Return r of the pairs (*rows*, *columns*) in two passes, some at a time."""
    step = max(_CELLS_PER_BATCH // max(len(a), 1), 1)
    r = np.empty(len(rows))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        r[some] = pearson_columns(a[:, rows[some]], b[:, columns[some]])
    return r
