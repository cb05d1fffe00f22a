"""Walk-forward: parameters chosen on one window of time, judged on the next, over and over.

What was chosen never saw the window that judges it, so that the best of many by chance shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from analytics.errors import QueryError
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.rules.sweep import MAX_COMBINATIONS, Vary
from analytics.trades.simulated.costs import ends_ms
from analytics.trades.simulated.engine import simulate
from analytics.trades.simulated.equity_figures import returns, sharpe
from analytics.trades.simulated.plan import Plan
from analytics.trades.simulated.record import Record
from analytics.trades.simulated.result import SimulatedTrades
from analytics.trades.simulated.settlements import Settlements
from analytics.trades.simulated.signals import Model, Signals
from analytics.trades.simulated.simulation import bars

Parameters = tuple[float, ...]
WINDOW_TIMES: Final = ("train_from_ts", "test_from_ts", "test_to_ts")


def _pnl_usd(found: SimulatedTrades) -> float:
    return float(found.trades["pnl_usd"].sum())


def _sharpe(found: SimulatedTrades) -> float:
    times = pd.DatetimeIndex(found.equity_usd.index)
    return sharpe(returns(found.equity_usd), (times[1] - times[0]).to_pytimedelta())


MEASURES: Final[Mapping[str, Callable[[SimulatedTrades], float]]] = MappingProxyType(
    {"pnl_usd": _pnl_usd, "sharpe": _sharpe}
)
"""What parameters are chosen by: the highest."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What is tried, on which windows, and by what it is chosen."""

    varied: tuple[Vary, ...]
    """Parameters and their values."""
    train: timedelta
    """Of the window to choose on."""
    test: timedelta
    """Of the one after it, which judges."""
    measure: str = "sharpe"
    """Of ``MEASURES``."""


def on_record(
    record: Record, model: Model, plan: Plan, walk: Walk
) -> tuple[pd.DataFrame, pd.Series[float]]:
    """Return what :func:`walk_forward` and :func:`joined_equity` find on a stretch of the record.

    Raises:
        QueryError: As :func:`variants` and :func:`walk_forward`.
        LakeError: The lake cannot be read.
    """
    grid, spans = variants(model, walk.varied), (walk.train, walk.test)
    # The longest warm-up, so that all sets have the same bars.
    longest = max(grid.values(), key=lambda one: one.warm_up)
    whole, first = bars(record, longest, plan)
    rows = slice(first, None)
    panel, funding = whole.part(rows), record.funding(whole.instruments)
    tried = {values: one.signals(whole).only(rows) for values, one in grid.items()}
    found = walk_forward(panel, tried, plan, spans, measure=walk.measure, funding=funding)
    return found, joined_equity(panel, tried, plan, spans, found, funding=funding)


def variants(model: Model, varied: Sequence[Vary]) -> dict[Parameters, Model]:
    """Return *model* with each combination of values of its parameters.

    Raises:
        QueryError: It has no such parameter, or there are too many combinations.
    """
    grid = list(itertools.product(*(one.values for one in varied)))
    if len(grid) > MAX_COMBINATIONS:
        raise QueryError(
            f"{len(grid)} combinations of parameters; at most {MAX_COMBINATIONS} are allowed"
        )
    found = {}
    for values in grid:
        made: Any = model
        for one, value in zip(varied, values, strict=True):
            made = with_parameter(made, one.column, value)
        found[values] = made
    return found


def with_parameter(model: Model, name: str, value: float) -> Model:
    """Return *model* with another value of a parameter, its own or one of a model that it holds.

    Raises:
        QueryError: It has none of that name, or the value must be a whole number.
    """
    known = _parameters(model)
    if name not in known:
        raise QueryError(f"{name}: {model.name} has no such parameter, only {', '.join(known)}")
    holder, old = known[name]
    if isinstance(old, int) and value != int(value):
        raise QueryError(f"{name}: must be a whole number of bars, not {value:g}")
    new = type(old)(value)
    if holder is None:
        made: Any = replace(model, **{name: new})  # type: ignore[type-var]
        return made  # type: ignore[no-any-return]
    made = replace(getattr(model, holder), **{name: new})
    return replace(model, **{holder: made})  # type: ignore[type-var]


def _parameters(model: Any, holder: str | None = None) -> dict[str, tuple[str | None, Any]]:
    """Return each parameter's value, and which field of *model* holds it."""
    found: dict[str, tuple[str | None, Any]] = {}
    for field in fields(model):
        value = getattr(model, field.name)
        if is_dataclass(value):
            found |= _parameters(value, field.name)
        else:
            found[field.name] = holder, value
    return found


def windows(panel: Panel, train: timedelta, test: timedelta) -> Iterator[tuple[slice, slice]]:
    """Yield the bars of each window to choose on and of the one after it, which judges.

    Each pair begins one judging window later than the one before; a last one that is not whole
    is left out.

    Raises:
        QueryError: A window is no whole number of bars, or not one pair of them fits.
    """
    width = TIMEFRAMES[panel.timeframe]
    for name, span in (("train", train), ("test", test)):
        if span < width or span % width:
            raise QueryError(f"{name}: {span} is no whole number of bars of {panel.timeframe}")
    chosen_on, judged_on = train // width, test // width
    last = len(panel.times) - chosen_on - judged_on
    if last < 0:
        raise QueryError(f"walk-forward: {train} and {test} are more than the record has")
    for first in range(0, last + 1, judged_on):
        middle = first + chosen_on
        yield slice(first, middle), slice(middle, middle + judged_on)


def walk_forward(
    panel: Panel,
    tried: Mapping[Parameters, Signals],
    plan: Plan,
    spans: tuple[timedelta, timedelta],
    *,
    measure: str = "sharpe",
    funding: Settlements | None = None,
) -> pd.DataFrame:
    """Return how each set of parameters did in every window: a row per window and set.

    Each window is an account of its own; what is open at its end counts at the last close.

    Args:
        panel: As for ``engine.simulate``.
        tried: Signals on all of *panel*, by the parameters that make them. As they look at nothing
            later, those of a window are the same as if the record ended with it.
        plan: How they are traded.
        spans: Of the window to choose on, and of the one that judges.
        measure: Of ``MEASURES``.
        funding: As for ``engine.simulate``.

    Returns:
        window, from 1; parameters; train_from_ts, test_from_ts, test_to_ts; the measure as
        ``train_`` and ``test_``; train_trades, test_trades, test_pnl_usd; chosen, True for the
        set with the highest measure on the window to choose on; where none has a value, no set.

    Raises:
        QueryError: As :func:`windows`, or the measure is unknown.
    """
    if measure not in MEASURES:
        raise QueryError(f"measure: {measure!r} is not one of {', '.join(MEASURES)}")
    score = MEASURES[measure]
    rows: list[dict[str, Any]] = []
    for number, (train, test) in enumerate(windows(panel, *spans), 1):
        begins = ends_ms(panel, np.array([train.start - 1, test.start - 1, test.stop - 1]))
        times = pd.DatetimeIndex(begins.astype("datetime64[ms]"), tz="UTC")
        mine = []
        for parameters, signals in tried.items():
            chosen_on, judged_on = (
                simulate(panel.part(rows), signals.only(rows), plan, funding=funding)
                for rows in (train, test)
            )
            mine.append(
                {
                    "window": number,
                    "parameters": parameters,
                    **dict(zip(WINDOW_TIMES, times, strict=True)),
                    f"train_{measure}": score(chosen_on),
                    f"test_{measure}": score(judged_on),
                    "train_trades": len(chosen_on.trades),
                    "test_trades": len(judged_on.trades),
                    "test_pnl_usd": _pnl_usd(judged_on),
                }
            )
        scores = np.array([row[f"train_{measure}"] for row in mine])
        best = int(np.nanargmax(scores)) if np.isfinite(scores).any() else -1
        rows += [row | {"chosen": n == best} for n, row in enumerate(mine)]
    return pd.DataFrame(rows)


def by_window(found: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the chosen row of each window of *found*, with its rank on the window that judged.

    A window in which no set was chosen has its times alone.
    """
    rank = found.groupby("window")[f"test_{measure}"].rank(ascending=False, method="min")
    times = found.drop_duplicates("window")[["window", *WINDOW_TIMES]]
    chosen = found.assign(rank=rank)[found["chosen"]].drop(columns=list(WINDOW_TIMES))
    return times.merge(chosen, on="window", how="left")


def joined_equity(
    panel: Panel,
    tried: Mapping[Parameters, Signals],
    plan: Plan,
    spans: tuple[timedelta, timedelta],
    found: pd.DataFrame,
    *,
    funding: Settlements | None = None,
) -> pd.Series[float]:
    """Return the equity of the chosen sets on the windows that judged, one after another. [USD]

    Each window trades the start capital; its PnL is added to that of those before. A window in
    which no set was chosen is left out.

    Args:
        panel: And the rest as for :func:`walk_forward`, which returned *found*.
        tried: As there.
        plan: As there.
        spans: As there.
        found: Which sets were chosen.
        funding: As there.
    """
    named = found[found["chosen"]]
    chosen: dict[int, Parameters] = dict(zip(named["window"], named["parameters"], strict=True))
    curves: list[pd.Series[float]] = []
    earned = 0.0
    for number, (_, rows) in enumerate(windows(panel, *spans), 1):
        if number in chosen:
            signals = tried[chosen[number]].only(rows)
            run = simulate(panel.part(rows), signals, plan, funding=funding)
            # Its first point is the start, where the window before has its last.
            curves.append(run.equity_usd.iloc[min(len(curves), 1) :] + earned)
            earned = float(curves[-1].iloc[-1]) - plan.start_usd
    return pd.concat(curves) if curves else pd.Series(dtype=float)
