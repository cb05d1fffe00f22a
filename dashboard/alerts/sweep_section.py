"""Thresholds of a rule tried on one half of the record, and shown beside the other half."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.errors import PerpscopeError
from analytics.palette import Colors, colors
from analytics.quantities import QUANTITIES
from analytics.rules import sweep
from analytics.rules.rules_file import Rule
from analytics.rules.scorecard import HORIZONS, MEASURES, write_excess
from analytics.rules.sweep import BEST_Q, HALVES, MAX_COLUMNS, MAX_COMBINATIONS, Vary
from dashboard.alerts.sweep_charts import HALF_NAMES, grid_chart, line_chart
from dashboard.components.written_table import written
from dashboard.frame.error_boundary import error_boundary, plain
from dashboard.loaders import alert_episodes, shown_moment, sweeps
from dashboard.loaders.sweeps import Wanted
from dashboard.state import as_of
from dashboard.state.as_of import Moment

KEY: Final = "sweep"
_RAN: Final = "sweep_ran"
_SPANS: Final = {"7 d": timedelta(days=7), "30 d": timedelta(days=30)}
_STEPS: Final = 4
"""Thresholds to begin with, on either side of the rule's own."""
_ROW_PX: Final = 29


def sweep_section() -> None:
    """Draw the section, and what is in it once it is open."""
    # What is wrong with the lake is said above.
    with suppress(PerpscopeError):
        shown = shown_moment.moment(as_of.asked_time())
        with st.expander(
            "Thresholds tried", icon=":material/tune:", key=KEY, on_change="rerun"
        ) as section:
            if not section.open:
                return
            rules = [one for one in alert_episodes.running_rules() if sweep.thresholds(one)]
            if not rules:
                st.caption("No rule that runs compares a value with a number.")
                return
            with error_boundary():
                _ran(_fields(rules), shown)


def _ran(wanted: Wanted, shown: Moment) -> None:
    """Draw the button, and what was tried last."""
    count = math.prod(len(one.values) for one in wanted.varied) if wanted.varied else 0
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button(
            f"Try {count}",
            type="primary",
            key="sweep_try",
            disabled=not 0 < count <= MAX_COMBINATIONS,
        ):
            st.session_state[_RAN] = wanted
        ran: Wanted | None = st.session_state.get(_RAN)
        if count > MAX_COMBINATIONS:
            st.caption(
                f"{count} combinations; at most {MAX_COMBINATIONS} are tried.", width="content"
            )
        elif ran is not None and ran != wanted:
            st.caption("The fields have changed since what is below was tried.", width="content")
    if ran is None:
        st.caption(
            "Each combination is tried on the older half of the time, and checked on the newer "
            "half. The best of many is partly chance: the newer half shows how much of it remains."
        )
        return
    with st.spinner(f"Trying thresholds on {formats.span(ran.span)} …"):
        found = sweeps.swept(ran, shown)
    _draw(found, ran, colors(st.context.theme.type))


def _fields(rules: Sequence[Rule]) -> Wanted:
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.selectbox("Rule", [one.name for one in rules], key="sweep_rule", width=220)
        rule = next(one for one in rules if one.name == name)
        measure = st.selectbox(
            "What followed", list(MEASURES), key="sweep_measure", width=160,
            format_func=lambda one: QUANTITIES[one].title,
        )  # fmt: skip
        horizon = st.selectbox("After", HORIZONS, index=2, key="sweep_horizon", width=90)
        span = st.selectbox("Time", list(_SPANS), key="sweep_span", width=90)
    own = sweep.thresholds(rule)
    chosen = st.multiselect(
        "Thresholds", list(own), default=list(own)[:1], max_selections=MAX_COLUMNS,
        key=f"sweep_of_{rule.version}",
    )  # fmt: skip
    varied = tuple(
        _vary(f"sweep_{rule.version}_{column}", column, own[column]) for column in chosen
    )
    return Wanted(rule.name, rule.version, varied, measure, horizon, _SPANS[span])


def _vary(key: str, column: str, own: float) -> Vary:
    """Draw from, to and step of the thresholds of *column*, whose rule has its *own*."""
    step = float(f"{abs(own) / (2 * _STEPS):.1g}") or 0.5
    starts = {
        "from": round(own - _STEPS * step, 9),
        "to": round(own + _STEPS * step, 9),
        "step": step,
    }
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        first, last, by = (
            st.number_input(
                f"{column} {name}",
                value=value,
                step=step,
                key=f"{key}_{name}",
                width=150,
                format="%g",
                min_value=1e-9 if name == "step" else None,
            )  # fmt: skip
            for name, value in starts.items()
        )
    return sweep.vary(f"{column}={first:.9g}:{last:.9g}:{by:.9g}")


def _draw(found: pd.DataFrame, ran: Wanted, look: Colors) -> None:
    columns, best = ran.columns, sweep.best_of(found)
    said = sweep.verdict(found, columns)
    st.caption(
        f"{plain(ran.rule)}: {sweep.title((ran.measure, ran.horizon))}, {formats.span(ran.span)}"
    )
    (st.warning if "Warning" in said else st.info)(plain(said), icon=":material/balance:")
    if best is not None:
        _charts(found, columns, best, look)
    _table(found, columns, best)


def _charts(
    found: pd.DataFrame, columns: tuple[str, ...], best: Mapping[Any, Any], look: Colors
) -> None:
    sure = f"corrected for all {len(found)} p is at most {BEST_Q:g}"
    if len(columns) == 1:
        st.altair_chart(
            line_chart(found, columns[0], best, look), theme="streamlit",
            alt="Mean excess by threshold, in-sample beside held out",
        )  # fmt: skip
        st.caption(f"Filled: {sure}. Behind the best in-sample: a band. Lines: 95 % intervals.")
        return
    for place, half in zip(st.columns(2), HALVES, strict=True):
        with place:
            st.caption(f"**{HALF_NAMES[half].capitalize()}**")
            st.altair_chart(
                grid_chart(found, (columns[0], columns[1]), half, best, look), theme="streamlit",
                alt=f"Mean excess by two thresholds, {HALF_NAMES[half]}",
            )  # fmt: skip
    st.caption(f"Dot: {sure}. Frame: the best in-sample. No cell: too few independent episodes.")


def _table(found: pd.DataFrame, columns: Sequence[str], best: Mapping[Any, Any] | None) -> None:
    config: dict[str, Any] = {
        **{name: _number(name, width=110, pinned=True) for name in columns},
        **{
            f"{half}_{of}": _number(f"{title}, {HALF_NAMES[half]}", width=width)
            for of, title, width in _COLUMNS
            for half in HALVES
        },
    }
    rows = found.to_dict("records")
    words = {name: [_written(name, row) for row in rows] for name in config}
    is_best = [best is not None and all(row[one] == best[one] for one in columns) for row in rows]
    bold = ["font-weight:600" if one else "" for one in is_best]
    st.dataframe(
        written(found[list(config)], words, dict.fromkeys(columns, bold)),
        column_config=config,
        hide_index=True,
        placeholder="too few",
        height=min(len(found) + 1, 12) * _ROW_PX + 3,
        row_height=_ROW_PX,
        alt="Thresholds tried: mean excess, corrected p and episodes in both halves",
    )


_number: Final = st.column_config.NumberColumn
_COLUMNS: Final = (
    ("mean_excess", "Mean excess", 250),
    ("q", "p, corrected", 150),
    ("episode_count", "Episodes", 140),
)


def _written(name: str, row: Mapping[Any, Any]) -> str:
    half = next((one for one in HALVES if name.startswith(f"{one}_")), None)
    if half is None:
        return f"{row[name]:g}"
    if name.endswith("episode_count"):
        return formats.count(row[name])
    if isinstance(row[f"{half}_note"], str):
        return ""
    if name.endswith("_q"):
        return f"{row[name]:.3f}"
    low, high = (write_excess(row[f"{half}_mean_{end}"]) for end in ("low", "high"))
    return f"{write_excess(row[name])} ({low} to {high})"
