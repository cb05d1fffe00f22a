"""The order in which a correlation matrix shows its blocks.

Average linkage brings alike columns together, and its tree is laid out so that
columns side by side are alike too. A few hundred columns take milliseconds,
which does not ask for SciPy at run time; the tests hold it against SciPy's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.indicators.arrays import Floats

_UNKNOWN_DISTANCE: Final = 1.0
"""How far apart two columns count whose correlation is absent: as far as unrelated ones."""

_ROUNDING: Final = 1e-9
"""Steps between heights below this are no steps."""

MAX_CLUSTERS: Final = 50
"""More clusters than this are no overview."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Two clusters that became one; a cluster is named by its lowest column."""

    kept: int
    absorbed: int
    height: float
    """Mean of 1 - r over all pairs between the two."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Columns in an order that puts alike ones side by side, and the clusters among them."""

    order: NDArray[np.intp]
    """Column numbers. (N,)"""
    starts: NDArray[np.intp]
    """Places in that order at which another cluster begins, the first one's left out."""
    between: float | None
    """What mean r the two nearest of them have; None where all are one cluster."""


def clustered_order(r: Floats) -> NDArray[np.intp]:
    """Return the columns of *r* in an order that puts alike ones side by side.

    Args:
        r: Correlations, symmetrical; NaN where absent, which counts as 0. (N, N)

    Returns:
        Column numbers: ``r[np.ix_(order, order)]`` shows the blocks. (N,)

    Raises:
        ValueError: *r* is not a square matrix.

    Source:
        The tree: :func:`average_linkage` on 1 - r. Its leaves: at each merge the
        two clusters are turned so that their nearest ends meet, after
        N. Gruvaeus and H. Wainer, "Two additions to hierarchical cluster
        analysis", British Journal of Mathematical and Statistical Psychology
        25(2), 1972, pp. 200-206.
    """
    return clustered(r).order


def clustered(r: Floats) -> Clusters:
    """Return the same order, and where in it one cluster ends and the next begins.

    Args:
        r: As for :func:`clustered_order`. (N, N)

    Returns:
        The tree is cut where it is widest among the cuts that leave from 2 to ``MAX_CLUSTERS``
        clusters: there the next merge costs most more than the one before. Fewer than three
        columns are one cluster.

    Raises:
        ValueError: *r* is not a square matrix.
    """
    if r.ndim != 2 or r.shape[0] != r.shape[1]:
        raise ValueError(f"r: a square matrix is needed, not one of shape {r.shape}")
    distance = np.where(np.isfinite(r), 1 - r, _UNKNOWN_DISTANCE)
    leaves = {column: [column] for column in range(len(r))}
    merges = average_linkage(distance)
    for merge in merges:
        leaves[merge.kept] = _joined(leaves[merge.kept], leaves.pop(merge.absorbed), distance)
    order = np.array([column for cluster in leaves.values() for column in cluster], dtype=np.intp)
    cut = _widest(sorted(merge.height for merge in merges))
    of = np.arange(len(r))
    for merge in merges:
        if cut is not None and merge.height < cut:
            of[of == of[merge.absorbed]] = of[merge.kept]
    labels = of[order] if cut is not None else np.zeros(len(r), np.intp)
    starts = np.flatnonzero(np.diff(labels)) + 1
    return Clusters(order, starts, None if cut is None else 1 - cut)


def average_linkage(distance: Floats) -> list[Merge]:
    """Return the merges that make one cluster of all columns, each below its parents.

    Follows chains of nearest neighbours: two clusters that are each other's
    nearest are merged at once, which gives the same tree as always merging the
    nearest two of all, in the square of N instead of its cube.

    Args:
        distance: Symmetrical, finite. (N, N)

    Source:
        F. Murtagh, "A survey of recent advances in hierarchical clustering
        algorithms", The Computer Journal 26(4), 1983, pp. 354-359; the mean
        distance of a merged cluster after G. N. Lance and W. T. Williams, 1967.
    """
    between = distance.astype(np.float64)
    np.fill_diagonal(between, np.inf)
    size = np.ones(len(between))
    merges: list[Merge] = []
    chain: list[int] = []
    while len(merges) < len(between) - 1:
        chain = chain or [int(np.argmax(size > 0))]
        nearest = int(np.argmin(between[chain[-1]]))
        if len(chain) < 2 or between[chain[-1], chain[-2]] > between[chain[-1], nearest]:
            chain.append(nearest)
            continue
        kept, absorbed = sorted((chain.pop(), chain.pop()))
        merges.append(Merge(kept, absorbed, float(between[kept, absorbed])))
        _merge(between, size, kept, absorbed)
    return merges


def _widest(heights: list[float]) -> float | None:
    """Return the height of the first merge above the widest step of *heights*, lowest first."""
    top = heights[-MAX_CLUSTERS:]
    if len(top) < 2:
        return None
    steps = np.diff(top)
    return top[int(np.argmax(steps)) + 1] if steps.max() > _ROUNDING else None


def _merge(between: Floats, size: Floats, kept: int, absorbed: int) -> None:
    """Make one cluster of two in *between* and *size*, in place."""
    both = size[kept] + size[absorbed]
    mean = (size[kept] * between[kept] + size[absorbed] * between[absorbed]) / both
    between[kept], between[:, kept] = mean, mean
    between[absorbed], between[:, absorbed] = np.inf, np.inf
    between[kept, kept] = np.inf
    size[kept], size[absorbed] = both, 0


def _joined(left: list[int], right: list[int], distance: Floats) -> list[int]:
    """Return *left* and *right* in one row, turned so that their nearest ends meet."""
    choices = (
        (distance[left[-1], right[0]], left, right),
        (distance[left[-1], right[-1]], left, right[::-1]),
        (distance[left[0], right[0]], left[::-1], right),
        (distance[left[0], right[-1]], left[::-1], right[::-1]),
    )
    _, first, second = min(choices, key=lambda choice: choice[0])
    return first + second
