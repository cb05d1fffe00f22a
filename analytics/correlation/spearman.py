"""Spearman's rho of many columns at once, ranks taken anew over each pair's common rows.

A rank within a pair's common rows is a count of the partner's rows up to a place
in one's own order. So the ranks of one column beside all partners are one running
sum over their masks in that column's order, and sorting happens once per column,
not once per pair. Ranks are doubled and taken about their mean, which makes them
whole numbers: ties share a mean rank, and every sum here is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats

Counts = NDArray[np.int16] | NDArray[np.int32]

_RANKS_PER_BATCH: Final = 300_000
"""Ranks of a block of pairs that are held together: what stays in a core's cache."""


@dataclass(frozen=True, slots=True)
class _Ordered:
    """Columns and where each of their rows stands in its column's own order.

    ``low`` and ``high`` count the known rows below a row, and below or equal to
    it. Absent rows stand between 0 and all, which is the middle: rank 0.
    """

    known: NDArray[np.bool_]
    order: NDArray[np.intp]
    low: NDArray[np.intp]
    high: NDArray[np.intp]

    @property
    def ranks(self) -> Floats:
        """Twice the rank within the column, less its mean; ties share one, absent are 0."""
        centred: Floats = (self.low + self.high - self.known.sum(axis=0)).astype(np.float64)
        return centred

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Which columns have equal values. (N,)"""
        return np.asarray(np.any(self.known & (self.high - self.low > 1), axis=0))

    def columns(self, some: slice) -> _Ordered:
        """Return *some* of the columns."""
        return _Ordered(
            self.known[:, some], self.order[:, some], self.low[:, some], self.high[:, some]
        )


def doubled_ranks(values: Floats) -> Floats:
    """Return twice the mean rank within each column, less its mean; absent rows are NaN. (T, N)"""
    ordered = _ordered(values)
    return np.where(ordered.known, ordered.ranks, np.nan)


def spearman_matrix(a: Floats, b: Floats | None = None) -> Floats:
    """Return rho of every column of *a* against every column of *b*.

    Args:
        a: Observations by row. (T, N)
        b: Observations of the same rows; None means *a* itself. (T, M)

    Returns:
        rho between -1 and 1: Pearson's r of the mean ranks within the rows that
        both columns know; NaN where fewer than two are common or either column
        is constant over them. (N, M)

    Source:
        C. Spearman, "The proof and measurement of association between two
        things", American Journal of Psychology 15(1), 1904, pp. 72-101; mean
        ranks, and pairs with absent values, as in ``pandas.DataFrame.corr``.
    """
    x = _ordered(a)
    y = x if b is None else _ordered(b)
    if x.known.all() and y.known.all():
        covariance = x.ranks.T @ y.ranks
        x_squares, y_squares = np.square(x.ranks).sum(axis=0), np.square(y.ranks).sum(axis=0)
        return _rho(covariance, *np.broadcast_arrays(x_squares[:, None], y_squares))
    return _in_blocks(x, y, same=b is None)


def _in_blocks(x: _Ordered, y: _Ordered, *, same: bool) -> Floats:
    """Return rho of every pair of columns, a square block of pairs at a time."""
    rows, n, m = len(x.known), x.known.shape[1], y.known.shape[1]
    size = min(max(isqrt(_RANKS_PER_BATCH // max(rows, 1)), 4), 64)
    rho = np.full((n, m), np.nan)
    for top in range(0, n, size):
        for left in range(top if same else 0, m, size):
            down, across = slice(top, top + size), slice(left, left + size)
            rho[down, across] = _block(x.columns(down), y.columns(across))
    return np.triu(rho) + np.triu(rho, 1).T if same else rho


def _block(x: _Ordered, y: _Ordered) -> Floats:
    """Return rho of every column of *x* against every column of *y*."""
    x_ranks, x_squares = _ranks_beside(x, y.known)
    y_ranks, y_squares = _ranks_beside(y, x.known)
    covariance = np.einsum("itj,jti->ij", x_ranks, y_ranks, dtype=np.float64, casting="unsafe")
    return _rho(covariance, x_squares, y_squares.T)


def _ranks_beside(x: _Ordered, partners: NDArray[np.bool_]) -> tuple[Counts, Floats]:
    """Return the ranks of each column of *x* within the rows that each partner knows.

    Args:
        x: The columns to rank. (T, N)
        partners: Which rows each partner knows. (T, M)

    Returns:
        Doubled ranks less their mean, 0 in rows that *x* does not know and
        anything in rows that only the partner does not know (N, T, M), and
        the sums of their squares over the common rows (N, M).
    """
    rows, n = x.known.shape
    counter = np.int16 if rows <= np.iinfo(np.int16).max else np.int32
    below = np.zeros((n, rows + 1, partners.shape[1]), dtype=counter)
    np.cumsum(partners.astype(counter).take(x.order.T, axis=0), axis=1, out=below[:, 1:])
    flat = below.reshape(-1, partners.shape[1])
    first = np.arange(n)[:, None] * (rows + 1)
    low, high = flat.take(first + x.low.T, axis=0), flat.take(first + x.high.T, axis=0)
    common = flat.take(first[:, 0] + x.known.sum(axis=0), axis=0)
    count = common.astype(np.float64)
    squares = (count**3 - count) / 3
    if (tied := x.tied).any():
        group = (high[tied] - low[tied]).astype(np.float64)
        present = (x.known.T[tied])[:, :, None] & partners
        squares[tied] -= np.einsum("ntm,ntm->nm", group**2 - 1, present) / 3
    low -= common[:, None]
    low += high
    return low, squares


def _ordered(values: Floats) -> _Ordered:
    """Return where each row of *values* stands in the order of its column."""
    known = np.isfinite(values)
    keys = np.where(known, values, np.inf)
    order = np.argsort(keys, axis=0)
    ascending = np.take_along_axis(keys, order, axis=0)
    rises = ascending[1:] != ascending[:-1]
    edge = np.ones((min(len(values), 1), values.shape[1]), dtype=np.bool_)
    place = np.arange(len(values))[:, None]
    starts = np.where(np.concatenate([edge, rises]), place, 0)
    ends = np.where(np.concatenate([rises, edge]), place + 1, len(values))
    low, high = np.empty_like(order), np.empty_like(order)
    np.put_along_axis(low, order, np.maximum.accumulate(starts, axis=0), axis=0)
    np.put_along_axis(high, order, np.minimum.accumulate(ends[::-1], axis=0)[::-1], axis=0)
    return _Ordered(known, order, np.where(known, low, 0), np.where(known, high, known.sum(axis=0)))


def _rho(covariance: Floats, x_squares: Floats, y_squares: Floats) -> Floats:
    """Return rho from sums over ranks about their mean; NaN where a sum of squares is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(covariance / np.sqrt(x_squares * y_squares), -1, 1)
