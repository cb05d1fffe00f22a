"""A matrix of correlation as it is shown: chosen pairs, clustered, and who is left out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.correlation.clustering import clustered
from analytics.correlation.matrix import Method, correlation, rolling_correlation
from analytics.correlation.ranking import columns_of
from analytics.indicators.arrays import Floats
from analytics.indicators.change import log_returns
from analytics.panels.panel import Pair, Panel
from analytics.quantities import QUANTITIES

ROLLING_PART: Final = 4
"""A rolling correlation looks at this part of the window, one in so many."""
ROLLING_LEAST: Final = 20
"""And at this many bars at least. [bars]"""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is correlated: returns of one metric, or of one against another."""

    title: str
    of: str
    against: str | None
    """The metric in the columns; None means the same as in the rows."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """What a panel needs."""
        return (self.of,) if self.against is None else (self.of, self.against)


SUBJECTS: Final[Mapping[str, Subject]] = MappingProxyType(
    {
        "price": Subject(QUANTITIES["price"].title, "close", None),
        # In coins: open interest in USD moves with the price even where nobody trades.
        "oi": Subject(QUANTITIES["oi_usd"].short, "oi_base", None),
        "price_oi": Subject("Price against OI", "close", "oi_base"),
    }
)
"""What can be correlated, by name."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Correlation of pairs, those that move alike side by side."""

    pairs: tuple[Pair, ...]
    """Of the rows and of the columns. N of them."""
    r: Floats
    """Rounded to four decimals; NaN where too few bars are common. (N, N)"""
    common: NDArray[np.intp]
    """Bars that both know. (N, N)"""
    starts: NDArray[np.intp]
    """Places at which another cluster begins."""
    between: float | None
    """Mean r of the two nearest clusters; None where all are one."""
    left_out: tuple[Pair, ...]
    """Pairs that correlate with none, as they have too few bars or never changed."""
    bars: int
    """Returns that were looked at. [bars]"""


def matrix(panel: Panel, pairs: Sequence[Pair], subject: Subject, method: Method) -> Matrix:
    """Return the correlation of *pairs* over all of *panel*.

    Args:
        panel: With the metrics of *subject*.
        pairs: Those to compare; what the panel does not have is left out.
        subject: What of them.
        method: As for ``correlation``.
    """
    rows = _returns(panel, subject.of, pairs)
    columns = None if subject.against is None else _returns(panel, subject.against, pairs)
    found = correlation(rows, columns, method=method)
    known = np.isfinite(found.r)
    # A diagonal of the same with the same is 1 whatever else is known.
    elsewhere = known & ~np.eye(len(known), dtype=np.bool_) if columns is None else known
    there = np.flatnonzero(elsewhere.any(axis=0) | elsewhere.any(axis=1))
    some = np.ix_(there, there)
    both = found.r[some] if columns is None else _either(found.r[some], found.r[some].T)
    clusters = clustered(both)
    order = there[clusters.order]
    turned = np.ix_(order, order)
    return Matrix(
        pairs=tuple(pairs[n] for n in order),
        r=found.r[turned].round(4),
        common=found.common[turned],
        starts=clusters.starts,
        between=clusters.between,
        left_out=tuple(pairs[n] for n in range(len(pairs)) if n not in set(there.tolist())),
        bars=len(rows),
    )


@dataclass(frozen=True, slots=True)
class Rolling:
    """The correlation of two pairs over time."""

    times: NDArray[np.datetime64]
    """When each bar starts, UTC. (T,)"""
    r: Floats
    """Over the ``window`` bars that end with each. (T,)"""
    window: int
    """[bars]"""
    whole: float
    """Over all bars, as the matrix has it."""
    common: int
    """Bars that both know."""


def rolling(panel: Panel, first: Pair, second: Pair, subject: Subject, method: Method) -> Rolling:
    """Return the correlation of *first* and *second* over time; arguments as of :func:`matrix`."""
    x = _returns(panel, subject.of, [first])
    y = _returns(panel, subject.against or subject.of, [second])
    window = max(len(x) // ROLLING_PART, ROLLING_LEAST)
    whole = correlation(x, y, method=method)
    r = rolling_correlation(x[:, 0], y[:, 0], window=window, method=method)
    return Rolling(panel.times[1:], r, window, float(whole.r[0, 0]), int(whole.common[0, 0]))


def _returns(panel: Panel, metric: str, pairs: Sequence[Pair]) -> Floats:
    """Return the log returns of *pairs*, without the first row, which has none. (T - 1, N)"""
    return columns_of(panel, log_returns(panel.values[metric]), pairs)[1:]


def _either(one: Floats, other: Floats) -> Floats:
    """Return the mean of both, or the one that is known."""
    both = np.where(np.isfinite(one), one, other)
    return (both + np.where(np.isfinite(other), other, both)) / 2
