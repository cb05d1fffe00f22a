"""Which venue moves first: correlation at lags, and what shuffled data would give.

Two venues that quote the same asset are correlated at lag 0 and, without any
lead, a little at every other lag by chance. The band says how much chance gives
to the strongest of all the lags looked at, so that looking at many is paid for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.correlation.pearson import pearson_matrix, standardised
from analytics.errors import QueryError
from analytics.indicators.arrays import Floats
from analytics.indicators.change import log_returns
from analytics.panels.panel import Pair, Panel

_LEAST_SHIFTS: Final = 20
"""Different shifts that a band needs: with fewer, its 95 % would be one of them."""

_LEAST_VARIANCE: Final = 1e-9
"""Part of a sum of squares below which a variance from Fourier sums is rounding."""


@dataclass(frozen=True, slots=True)
class LeadLag:
    """Correlation of V columns at every lag; at positive lags the first leads.

    ``r[k, i, j]`` is r of column i at a bar and column j ``lags[k]`` bars later.
    """

    lags: NDArray[np.intp]
    """From -L to L. [bars] (2L + 1,)"""
    r: Floats
    """NaN where too few rows are common. (2L + 1, V, V)"""
    band: Floats
    """What the strongest |r| of all lags stays within in *level* of the shuffles. (V, V)"""
    p_value: Floats
    """Share of the shuffles whose strongest |r| is no weaker than that seen. (V, V)"""
    strongest_lag: Floats
    """Lag of the strongest |r|, the shortest of equals; NaN where no r is known. [bars] (V, V)"""
    strongest_r: Floats
    """r at that lag. (V, V)"""
    outside: NDArray[np.bool_]
    """Whether strongest_r is outside the band; False where either is unknown. (V, V)"""

    @property
    def leads(self) -> NDArray[np.bool_]:
        """Where one leads or follows the other by a bar or more, beyond chance. (V, V)"""
        leads: NDArray[np.bool_] = self.outside & (self.strongest_lag != 0)
        return leads


def lead_lag(
    returns: Floats,
    *,
    max_lag: int,
    rng: np.random.Generator,
    shuffles: int = 500,
    level: float = 0.95,
    min_common: int = 20,
) -> LeadLag:
    """Return how the columns of *returns* lead and follow each other.

    Args:
        returns: Returns of one base on several venues. (T, V)
        max_lag: L, the longest lag. [bars]
        rng: Source of the shuffles; the same seed gives the same band.
        shuffles: How many times the second column is shifted round in a circle
            by a random number of bars, beyond twice L so that no true lag comes
            back. A shift keeps the series' own memory, as permuting would not.
        level: Part of the shuffles that the band holds.
        min_common: Rows that must be common; fewer give NaN.

    Raises:
        QueryError: An argument is out of range, or *returns* has too few rows
            for ``max_lag``; the message names it.
        ValueError: *returns* is no panel.

    Source:
        P. Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses",
        3rd ed., 2005; the p-value counts the data as one of the shuffles:
        B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 9(1), 2010.
    """
    _check(returns, max_lag, shuffles, level, min_common)
    values = np.where(np.isfinite(returns), returns, np.nan)
    lags = np.arange(-max_lag, max_lag + 1)
    r = _at_lags(values, max_lag, min_common)
    shifts = rng.integers(2 * max_lag + 1, len(values) - 2 * max_lag, size=shuffles)
    by_chance = _strongest_by_chance(values, lags, shifts, min_common)

    strongest = _strongest(r, lags)
    strongest_lag = np.where(np.isnan(strongest[1]), np.nan, lags[strongest[0]])
    size = np.abs(strongest[1])
    band = _quantile(by_chance, level)
    at_least = np.sum(by_chance >= size, axis=0)
    counted = np.sum(~np.isnan(by_chance), axis=0)
    known = ~np.isnan(size) & (counted > 0)
    off_diagonal = ~np.eye(values.shape[1], dtype=np.bool_)
    return LeadLag(
        lags=lags,
        r=r,
        band=band,
        p_value=np.where(known, (1 + at_least) / (1 + counted), np.nan),
        strongest_lag=strongest_lag,
        strongest_r=strongest[1],
        outside=(size > band) & off_diagonal,
    )


def lead_lag_of(
    panel: Panel, base: str, *, max_lag: int, rng: np.random.Generator, min_common: int = 20
) -> tuple[tuple[Pair, ...], LeadLag]:
    """Return a base's instruments in *panel*, and how their prices lead and follow each other.

    Args:
        panel: With ``close``.
        base: The asset whose instruments are compared.
        max_lag: As for :func:`lead_lag`; likewise *rng* and *min_common*. [bars]

    Raises:
        QueryError: Fewer than two of the panel's instruments are of *base*, the
            panel lacks ``close``, or as for :func:`lead_lag`.
    """
    columns = [n for n, pair in enumerate(panel.instruments) if pair.base == base]
    if len(columns) < 2:
        raise QueryError(f"base: {base!r} has {len(columns)} instruments here, need two")
    if "close" not in panel.values:
        raise QueryError("the panel lacks 'close', from which lead-lag is computed")
    returns = log_returns(panel.values["close"][:, columns])[1:]
    found = lead_lag(returns, max_lag=max_lag, rng=rng, min_common=min_common)
    return tuple(panel.instruments[n] for n in columns), found


def _check(returns: Floats, max_lag: int, shuffles: int, level: float, min_common: int) -> None:
    """Raise QueryError for an argument that is out of range, ValueError for no panel."""
    if returns.ndim != 2:
        raise ValueError(f"returns: an array (T, V) is needed, not one of shape {returns.shape}")
    if max_lag < 0:
        raise QueryError(f"max_lag: 0 bars or more, not {max_lag}")
    if len(returns) < (needed := 4 * max_lag + 1 + _LEAST_SHIFTS):
        raise QueryError(
            f"max_lag: {max_lag} bars need {needed} rows of returns, there are {len(returns)}"
        )
    if shuffles < 1:
        raise QueryError(f"shuffles: must be at least 1, not {shuffles}")
    if not 0 < level < 1:
        raise QueryError(f"level: between 0 and 1, not {level}")
    if min_common < 2:
        raise QueryError(f"min_common: must be at least 2 rows, not {min_common}")


def _at_lags(values: Floats, max_lag: int, min_common: int) -> Floats:
    """Return r of all columns at all lags; a negative lag is the positive one turned round."""
    columns = values.shape[1]
    r = np.empty((2 * max_lag + 1, columns, columns))
    known = np.isfinite(values).astype(np.float64)
    for lag in range(max_lag + 1):
        rows = len(values) - lag
        enough = known[:rows].T @ known[lag:] >= min_common
        r[max_lag + lag] = np.where(
            enough, pearson_matrix(values[:rows], values[lag:] if lag else None), np.nan
        )
        r[max_lag - lag] = r[max_lag + lag].T
    return r


def _strongest(r: Floats, lags: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats]:
    """Return the index of each pair's strongest lag, the shortest of equals, and r there."""
    shortest_first = np.argsort(np.abs(lags), kind="stable")
    size = np.where(np.isnan(r), -1, np.abs(r))[shortest_first]
    index = shortest_first[np.argmax(size, axis=0)]
    return index, np.take_along_axis(r, index[None], axis=0)[0]


def _strongest_by_chance(
    values: Floats, lags: NDArray[np.intp], shifts: NDArray[np.intp], min_common: int
) -> Floats:
    """Return the strongest |r| over *lags* after each shift of the second column. (S, V, V)

    A lagged r after a shift round the circle is the circle's r at lag + shift, so
    one Fourier transform per column serves all lags of all shuffles.
    """
    rows, columns = values.shape
    known = np.isfinite(values).astype(np.float64)
    x = standardised(values)
    spectra = tuple(np.fft.rfft(part, axis=0) for part in (known, x, np.square(x)))
    places = (shifts[:, None] + lags) % rows
    strongest = np.full((len(shifts), columns, columns), np.nan)
    for first in range(columns):
        r = _round_the_circle(spectra, first, rows, min_common)
        strongest[:, first] = np.fmax.reduce(np.abs(r)[places], axis=1)
    upper = np.triu(np.ones((columns, columns), dtype=np.bool_))
    return np.where(upper, strongest, strongest.transpose(0, 2, 1))


def _round_the_circle(
    spectra: tuple[NDArray[np.complex128], ...], first: int, rows: int, min_common: int
) -> Floats:
    """Return r of column *first* and each column later by 0 to T - 1 bars, in a circle. (T, V)"""

    def sums(of_first: int, of_second: int) -> Floats:
        product = np.conj(spectra[of_first][:, [first]]) * spectra[of_second]
        return np.fft.irfft(product, n=rows, axis=0)

    n = np.rint(sums(0, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_first, mean_second = sums(1, 0) / n, sums(0, 1) / n
        squares_first, squares_second = sums(2, 0), sums(0, 2)
        variance_first = squares_first - n * mean_first**2
        variance_second = squares_second - n * mean_second**2
        r = (sums(1, 1) - n * mean_first * mean_second) / np.sqrt(variance_first * variance_second)
    varies = (variance_first > _LEAST_VARIANCE * spectra[2][0, first].real) & (
        variance_second > _LEAST_VARIANCE * spectra[2][0].real
    )
    return np.where((n >= min_common) & varies, np.clip(r, -1, 1), np.nan)


def _quantile(values: Floats, level: float) -> Floats:
    """Return the *level* quantile over the first axis; NaN where no value is known."""
    known = ~np.isnan(values)
    filled = np.where(known.any(axis=0), values, 0)
    return np.where(known.any(axis=0), np.nanquantile(filled, level, axis=0), np.nan)
