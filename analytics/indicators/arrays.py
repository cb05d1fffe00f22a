"""What all indicators do with their arrays: check them, divide them, take what is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

Compute = Callable[[list[Floats], Places], Sequence[Floats]]
"""Known values of each panel, column after column, and where each column begins in
them (and, last, where the last one ends) to answers of the same length."""

LONGEST: Final = 100_000
"""The longest window; TA-Lib knows no longer one."""

CACHED: Final = 32_768
"""Cells that are worked on together, so that they stay in a core's cache."""


def checked(**panels: ArrayLike) -> list[Floats]:
    """Return *panels* as arrays of floats.

    Raises:
        ValueError: One is not two-dimensional, or not of the first one's shape.
    """
    arrays = {name: np.asarray(panel, np.float64) for name, panel in panels.items()}
    (first, model), *_ = arrays.items()
    for name, array in arrays.items():
        if array.ndim != 2:
            raise ValueError(f"{name} has the shape {array.shape}; a panel is bars x instruments")
        if array.shape != model.shape:
            raise ValueError(f"{name} is {array.shape} where {first} is {model.shape}")
    return list(arrays.values())


def check_length(name: str, bars: int, least: int = 2) -> None:
    """Raise ValueError unless *bars*, the argument called *name*, may be a window's length."""
    if not least <= bars <= LONGEST or bars != int(bars):
        raise ValueError(
            f"{name} must be a whole number of bars from {least} to {LONGEST}, not {bars}"
        )


def is_known(panel: Floats) -> NDArray[np.bool_]:
    """Return where *panel* has a number; no quantity is so large that its square is none."""
    known: NDArray[np.bool_] = np.abs(panel) < 1e150
    return known


def ratio(numerator: Floats, denominator: Floats, scale: float = 1.0) -> Floats:
    """Return *scale* x *numerator* / *denominator* where *denominator* is above 0."""
    with np.errstate(all="ignore"):
        quotient = scale * (numerator / denominator)
    return np.where((denominator > 0) & is_known(quotient), quotient, np.nan)


def newest(values: Floats) -> Floats:
    """Return each column's newest known value; NaN where there is none. (N,)"""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    known = np.isfinite(values)
    place = len(values) - 1 - np.argmax(known[::-1], axis=0)
    found: Floats = np.where(known.any(axis=0), values[place, np.arange(values.shape[1])], np.nan)
    return found


def on_known(
    compute: Compute, panels: Sequence[Floats], *, answers: int = 1, cells: int = CACHED
) -> list[Floats]:
    """Let *compute* see only what is known, and put its answers where that stood.

    A bar of an instrument is known when all *panels* have a number there.
    Columns are handed over a few at a time, about *cells* cells; 1 means one column.

    Returns:
        As many panels as *compute* has *answers*, NaN where a bar is not known. (T, N)
    """
    bars, instruments = panels[0].shape
    across = [np.ascontiguousarray(panel.T) for panel in panels]
    results = [np.empty((instruments, bars)) for _ in range(answers)]
    step = max(cells // max(bars, 1), 1)
    with np.errstate(all="ignore"):
        for first in range(0, instruments, step):
            part = [panel[first : first + step] for panel in across]
            known = is_known(part[0])
            for other in part[1:]:
                known &= is_known(other)
            begins = np.concatenate(([0], known.sum(axis=1).cumsum()))
            flat = compute([panel[known] for panel in part], begins)
            for result, values in zip(results, flat, strict=True):
                result[first : first + step].fill(np.nan)
                result[first : first + step][known] = values
    return [result.T for result in results]
