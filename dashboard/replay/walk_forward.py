"""Walk-forward of the simulated signals: parameters chosen on one window, judged on the next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final, NamedTuple

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.panels.panel import TIMEFRAMES
from analytics.quantities import QUANTITIES
from analytics.rules.sweep import MAX_COMBINATIONS, Vary, vary
from analytics.trades.simulated.conditions import Conditions, OfRule
from analytics.trades.simulated.signals import Model
from analytics.trades.simulated.walk_forward import MEASURES, WINDOW_TIMES, Walk, by_window
from dashboard.components.written_table import written
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.loaders import simulations
from dashboard.loaders.simulations import Wanted
from dashboard.replay.simulated_charts import JOINED, curve_chart, points
from dashboard.replay.simulated_form import PARAMETERS
from dashboard.state.as_of import Moment

KEY: Final = "walk_forward"
_RAN: Final = "walk_forward_ran"
_MAX_VARIED: Final = 2
_SPANS: Final = tuple(
    timedelta(hours=hours) for hours in (1, 2, 4, 8, 12, 24, 48, 72, 168, 336, 720, 2160)
)
_TRAIN_PART, _TEST_PART = 3 / 7, 1 / 7
"""Of the range, at most, where nothing else is chosen: four windows."""
_MAX_BARS: Final = 50_000_000
"""Simulated for all sets and windows together: more take a minute."""
_MAX_RUNS: Final = 4_000
_LEVELS: Final = ("low", "high", "middle")
"""Parameters that are levels of the RSI, which are tried ten points to either side."""
_ROW_PX: Final = 29


class _Ran(NamedTuple):
    """What was asked for last."""

    wanted: Wanted
    walk: Walk
    shown: Moment


def walk_forward(wanted: Wanted, shown: Moment, bars: int, look: Colors) -> None:
    """Draw the section, folded at first, under a simulation of *bars* that ends at *shown*."""
    with st.expander(
        "Walk-forward", icon=":material/fast_forward:", key=KEY, on_change="rerun"
    ) as section:
        if not section.open:
            return
        if isinstance(wanted.source, Conditions | OfRule):
            st.caption("A rule or an expression has no parameters to choose.")
            return
        with error_boundary():
            span = bars * TIMEFRAMES[wanted.timeframe]
            _section(wanted, _fields(wanted.source, span), shown, bars, look)


def _section(wanted: Wanted, walk: Walk, shown: Moment, bars: int, look: Colors) -> None:
    """Draw the button, and what was found last."""
    refusal = _refusal(wanted, walk, bars)
    sets = math.prod(len(one.values) for one in walk.varied)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button(
            f"Try {formats.plural(sets, 'set')} of parameters",
            key=f"{KEY}_try",
            disabled=refusal is not None,
        ):
            st.session_state[_RAN] = _Ran(wanted, walk, shown)
        if refusal is not None:
            st.caption(plain(refusal), width="content")
    ran: _Ran | None = st.session_state.get(_RAN)
    # What came later than the page's time is not known there.
    if ran is None or ran.wanted != wanted or ran.shown.now > shown.now:
        st.caption(
            "Every set is tried on one window; the best of them there is judged on the next. What "
            "is left of its result shows how much of it was chance."
        )
        return
    if ran.walk != walk:
        st.caption("The fields have changed since what is below was tried.")
    with st.spinner("Trying parameters on all windows …"):
        found, equity = simulations.walked(*ran)
    _draw(found, equity, ran, look)


def _refusal(wanted: Wanted, walk: Walk, bars: int) -> str | None:
    """Return why this cannot be tried."""
    sets = math.prod(len(one.values) for one in walk.varied)
    if not walk.varied:
        return "Choose what to try."
    if sets > MAX_COMBINATIONS:
        return f"{sets:,} sets; at most {MAX_COMBINATIONS} are tried."
    width = TIMEFRAMES[wanted.timeframe]
    train, test = walk.train // width, walk.test // width
    if min(train, test) < 1:
        return f"A window is shorter than a bar of {wanted.timeframe}."
    windows = (bars - train) // test
    if windows < 1:
        return "The windows are longer than the range that is simulated."
    simulated = windows * (train + test) * len(wanted.pairs) * sets
    if simulated > _MAX_BARS or 2 * windows * sets > _MAX_RUNS:
        return (
            f"{sets:,} sets on {windows:,} windows take too long: try fewer values or pairs, or "
            "longer windows."
        )
    return None


def _fields(model: Model, span: timedelta) -> Walk:
    """Ask what to try, and on which windows; those at first fit into *span*."""
    own: Any = model
    names = {PARAMETERS[model.name, field.name]: field.name for field in fields(own)}
    chosen = st.multiselect(
        "Parameters to try",
        list(names),
        default=[*names][:1],
        max_selections=_MAX_VARIED,
        key=f"{KEY}_{model.name}",
    )
    varied = tuple(
        _vary(f"{KEY}_{model.name}", title, names[title], getattr(own, names[title]))
        for title in chosen
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        train, test = (
            st.selectbox(
                label,
                _SPANS,
                index=max(sum(one <= part * span for one in _SPANS) - 1, 0),
                format_func=formats.span,
                key=f"{KEY}_{label}_{span}",
                width=130,
            )
            for label, part in (("Choose on", _TRAIN_PART), ("Judge on next", _TEST_PART))
        )
        measure = st.selectbox(
            "Choose by",
            list(MEASURES),
            index=list(MEASURES).index("sharpe"),
            format_func=lambda one: QUANTITIES[one].title,
            key=f"{KEY}_measure",
            width=130,
        )
    return Walk(varied, train, test, measure)


def _vary(key: str, title: str, name: str, own: float) -> Vary:
    """Ask from, to and step of a parameter, around what it is set to."""
    whole = isinstance(own, int)
    if name in _LEVELS:
        starts = {"from": max(own - 10, 0.0), "to": own + 10, "step": 5.0}
    elif whole:
        starts = {"from": max(own // 2, 2), "to": 2 * own, "step": max(own // 2, 1)}
    else:
        starts = {"from": own / 2, "to": 2 * own, "step": own / 2}
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        first, last, by = (
            st.number_input(
                f"{title}: {end}",
                min_value=(1 if whole else 1e-9) if end == "step" else (0 if whole else 0.0),
                value=value,
                format="%d" if whole else "%.10g",
                key=f"{key}_{name}_{own:g}_{end}",
                width=200,
            )
            for end, value in starts.items()
        )
    return vary(f"{name}={first:.9g}:{last:.9g}:{by:.9g}")


def _draw(found: pd.DataFrame, equity: pd.Series[float], ran: _Ran, look: Colors) -> None:
    rows, measure = by_window(found, ran.walk.measure), ran.walk.measure
    sums = found.groupby("parameters")["test_pnl_usd"].sum()
    write, title = QUANTITIES["pnl_usd"].write, QUANTITIES[measure].title
    said = [
        f"Judged windows together: {write(rows['test_pnl_usd'].sum())}; one set in all of them: "
        f"{write(sums.min())} to {write(sums.max())}."
    ]
    if lacking := int(rows["parameters"].isna().sum()):
        said.append(f"No set has a {title} in {formats.plural(lacking, 'window')}.")
    st.caption("  \n".join(map(plain, said)))
    if len(equity):
        st.altair_chart(
            curve_chart(points(equity, JOINED), "equity_usd", look),
            theme="streamlit",
            key=f"{KEY}_equity",
            alt="Equity of the chosen sets on the windows that judged, joined",
        )
        st.caption("Each window trades the start capital; its PnL is added to those before.")
    _table(rows, [one.column for one in ran.walk.varied], ran, len(sums))


def _table(rows: pd.DataFrame, varied: list[str], ran: _Ran, sets: int) -> None:
    source: Any = ran.wanted.source
    measure = ran.walk.measure
    title = QUANTITIES[measure].title
    chosen = [
        one if isinstance(one, tuple) else (None,) * len(varied) for one in rows["parameters"]
    ]
    table = rows.assign(judged_usd=rows["test_pnl_usd"])
    for n, name in enumerate(varied):
        table[name] = [one[n] for one in chosen]
    titles = {
        "window": "Window",
        **dict(zip(WINDOW_TIMES, ("Chosen from", "Judged from", "To"), strict=True)),
        **{name: PARAMETERS[source.name, name] for name in varied},
        f"train_{measure}": f"{title}, in-sample",
        f"test_{measure}": f"{title}, next window",
        "rank": f"Rank of {sets}, next window",
        "train_trades": "Trades, in-sample",
        "test_trades": "Trades, next window",
    }
    if measure != "pnl_usd":
        titles["judged_usd"] = f"{QUANTITIES['pnl_usd'].title}, next window"
    cells = table.to_dict("records")
    words = {name: [_word(name, measure, row) for row in cells] for name in titles}
    st.dataframe(
        written(table[[*titles]], words, {}),
        column_config={name: st.column_config.Column(said) for name, said in titles.items()},
        hide_index=True,
        placeholder=formats.ABSENT,
        height=min(len(table) + 1, 12) * _ROW_PX + 3,
        row_height=_ROW_PX,
        alt="Walk-forward: parameters chosen on each window, and results on it and on the next",
    )


def _word(name: str, measure: str, row: Mapping[Any, Any]) -> str:
    """Write a cell as the other tables of simulated trades do."""
    value = row[name]
    if pd.isna(value):
        return formats.ABSENT
    if name in WINDOW_TIMES:
        return formats.day_minute(value)
    if name == "judged_usd":
        return QUANTITIES["pnl_usd"].write(value)
    return QUANTITIES[measure].write(value) if name.endswith(measure) else f"{value:g}"
