"""Signals by bar: where entries and exits are called for, known when their bar ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from analytics.errors import QueryError
from analytics.indicators import averages, bands, flow, momentum
from analytics.indicators.arrays import LONGEST, Floats
from analytics.panels.panel import Panel
from analytics.trades.simulated.plan import Side

Flags = NDArray[np.bool_]

_COLUMNS: Final = 16
"""Pairs that are worked on together, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Whether each bar calls for an entry or an exit. (T, N) each

    A bar that calls for an entry and the exit of the same side, or for entries of both, calls
    for neither.
    """

    long_entry: Flags
    long_exit: Flags
    short_entry: Flags
    short_exit: Flags

    def of_side(self, side: Side) -> Self:
        """Return those of the side that is traded."""
        none = np.broadcast_to(np.False_, self.long_entry.shape)
        if side == "long":
            return type(self)(self.long_entry, self.long_exit, none, none)
        if side == "short":
            return type(self)(none, none, self.short_entry, self.short_exit)
        return self

    def settled(self) -> Self:
        """Return the signals without those that contradict each other."""
        long_clash = self.long_entry & self.long_exit
        short_clash = self.short_entry & self.short_exit
        long_entry, short_entry = self.long_entry & ~long_clash, self.short_entry & ~short_clash
        return type(self)(
            long_entry & ~short_entry,
            self.long_exit & ~long_clash,
            short_entry & ~long_entry,
            self.short_exit & ~short_clash,
        )

    def only(self, rows: slice) -> Self:
        """Return those of some bars alone."""
        return type(self)(*(flags[rows] for flags in self.parts))

    @property
    def parts(self) -> tuple[Flags, Flags, Flags, Flags]:
        """The four arrays."""
        return self.long_entry, self.long_exit, self.short_entry, self.short_exit


def one_sided(entry: Flags, exit_: Flags) -> Signals:
    """Return signals that mean the side traded: entries of a long as of a short."""
    return Signals(entry, exit_, entry, exit_)


class Model(Protocol):
    """A rule of entries and exits with its parameters."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    """Of the panel, that it reads."""

    @property
    def warm_up(self) -> int:
        """Bars before the first that is traded, so that it hardly depends on where it began."""
        ...

    def signals(self, panel: Panel) -> Signals:
        """Return its signals on *panel*."""
        ...


def _check_bars(name: str, bars: int) -> None:
    if not 2 <= bars <= LONGEST:
        raise QueryError(f"{name}: from 2 to {LONGEST:,} bars, not {bars}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RsiReversal:
    """Long when the RSI comes back above *low*, short when it comes back below *high*.

    A long ends at or above *middle*, a short at or below it.
    """

    name: ClassVar[str] = "rsi"
    metrics: ClassVar[tuple[str, ...]] = ("close",)

    period: int = 14
    """[bars]"""
    low: float = 30.0
    high: float = 70.0
    middle: float = 50.0

    def __post_init__(self) -> None:
        """Raise QueryError where a value makes no sense."""
        _check_bars("period", self.period)

    @property
    def warm_up(self) -> int:
        """Five periods, after which two beginnings agree to 1 %."""
        return 5 * self.period

    def signals(self, panel: Panel) -> Signals:
        """Return its signals. (T, N)"""

        def flags(close: Floats) -> Sequence[Flags]:
            rsi = momentum.rsi(close, self.period)
            before = _before(rsi)
            return (
                (before < self.low) & (rsi >= self.low),
                rsi >= self.middle,
                (before > self.high) & (rsi <= self.high),
                rsi <= self.middle,
            )

        return _by_columns(panel, self.metrics, flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObvTrend:
    """Long when OBV rises through its own EMA, short when it falls through it; ends at the other.

    OBV's level depends on where it begins, and so does that of its EMA: their difference does not.
    """

    name: ClassVar[str] = "obv"
    metrics: ClassVar[tuple[str, ...]] = ("close", "traded_usd")

    window: int = 50
    """Of the EMA. [bars]"""

    def __post_init__(self) -> None:
        """Raise QueryError where a value makes no sense."""
        _check_bars("window", self.window)

    @property
    def warm_up(self) -> int:
        """Five times half the window, after which the EMA's beginning is forgotten to 1 %."""
        return 3 * self.window

    def above(self, close: Floats, traded_usd: Floats) -> Floats:
        """Return how far OBV is above its EMA. [USD] (T, N)"""
        obv = flow.obv(close, traded_usd)
        found: Floats = obv - averages.ema(obv, self.window)
        return found

    def signals(self, panel: Panel) -> Signals:
        """Return its signals. (T, N)"""

        def flags(close: Floats, traded_usd: Floats) -> Sequence[Flags]:
            above = self.above(close, traded_usd)
            before = _before(above)
            up, down = (before <= 0) & (above > 0), (before >= 0) & (above < 0)
            return up, down, down, up

        return _by_columns(panel, self.metrics, flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class BollingerBreak:
    """Long when a close breaks above the upper band, short below the lower; ends at the middle."""

    name: ClassVar[str] = "bollinger"
    metrics: ClassVar[tuple[str, ...]] = ("close",)

    window: int = 20
    """[bars]"""
    deviations: float = 2.0
    """[standard deviations]"""

    def __post_init__(self) -> None:
        """Raise QueryError where a value makes no sense."""
        _check_bars("window", self.window)
        if not self.deviations > 0:
            raise QueryError(f"deviations: must be above 0, not {self.deviations:g}")

    @property
    def warm_up(self) -> int:
        """The window."""
        return self.window

    def signals(self, panel: Panel) -> Signals:
        """Return its signals. (T, N)"""

        def flags(close: Floats) -> Sequence[Flags]:
            found = bands.bollinger(close, self.window, self.deviations)
            before = _before(close)
            return (
                (close > found.upper) & (before <= _before(found.upper)),
                close <= found.middle,
                (close < found.lower) & (before >= _before(found.lower)),
                close >= found.middle,
            )

        return _by_columns(panel, self.metrics, flags)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithTrend:
    """The signals of *model*, with entries only where OBV lies on their side of its EMA."""

    name: ClassVar[str] = "with_trend"

    model: RsiReversal | BollingerBreak = RsiReversal()
    trend: ObvTrend = ObvTrend()

    metrics: ClassVar[tuple[str, ...]] = ("close", "traded_usd")

    @property
    def warm_up(self) -> int:
        """The longer of the two."""
        return max(self.model.warm_up, self.trend.warm_up)

    def signals(self, panel: Panel) -> Signals:
        """Return its signals. (T, N)"""
        up, down = _by_columns_of(
            panel, self.trend.metrics, 2, lambda *cells: _sides(self.trend.above(*cells))
        )
        found = self.model.signals(panel)
        return Signals(
            found.long_entry & up, found.long_exit, found.short_entry & down, found.short_exit
        )


MODELS: Final = {model.name: model for model in (RsiReversal, ObvTrend, BollingerBreak)}
"""By the name that a user gives."""


def _sides(above: Floats) -> tuple[Flags, Flags]:
    return above > 0, above < 0


def _before(values: Floats) -> Floats:
    """Return each row's row before; NaN in the first."""
    before = np.full_like(values, np.nan)
    before[1:] = values[:-1]
    return before


def _by_columns(
    panel: Panel, metrics: Sequence[str], flags: Callable[..., Sequence[Flags]]
) -> Signals:
    return Signals(*_by_columns_of(panel, metrics, 4, flags))


def _by_columns_of(
    panel: Panel, metrics: Sequence[str], answers: int, flags: Callable[..., Sequence[Flags]]
) -> list[Flags]:
    """Return what *flags* says of *metrics*, a few pairs at a time. (T, N) each"""
    bars, pairs = panel.shape
    found = [np.zeros((pairs, bars), np.bool_).T for _ in range(answers)]
    for columns in _parts(pairs):
        with np.errstate(invalid="ignore"):
            part = flags(*(panel.values[name][:, columns] for name in metrics))
        for whole, some in zip(found, part, strict=True):
            whole[:, columns] = some
    return found


def _parts(pairs: int) -> Iterator[slice]:
    for first in range(0, pairs, _COLUMNS):
        yield slice(first, first + _COLUMNS)
