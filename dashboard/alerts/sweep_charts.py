"""Charts of thresholds tried: the half they were chosen on beside the half they were not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import altair as alt
import pandas as pd

from analytics.palette import Colors
from analytics.rules.scorecard import write_excess
from analytics.rules.sweep import BEST_Q, HALVES
from dashboard.charts.color_scale import DIVERGING

HALF_NAMES: Final = dict(zip(HALVES, ("in-sample", "held out"), strict=True))
_PADDING: Final = {"left": 0, "right": 4, "top": 0, "bottom": 0}
_HEIGHT_PX: Final = 280


def points(found: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a row for each variant and half that has figures.

    The thresholds as they are written, by column; half, mean, low, high, q; and what a hover says:
    episodes, excess and p.
    """
    rows = [row for one in found.to_dict("records") for row in _halves(one, columns)]
    names = [*columns, "half", "mean", "low", "high", "q", "episodes", "excess", "p"]
    return pd.DataFrame(rows, columns=names)


def _halves(row: Mapping[Any, Any], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for half, name in HALF_NAMES.items():
        if isinstance(row[f"{half}_note"], str):
            continue
        mean, low, high, q = (
            row[f"{half}_{of}"] for of in ("mean_excess", "mean_low", "mean_high", "q")
        )
        yield {
            **{column: f"{row[column]:g}" for column in columns},
            **{"half": name, "mean": mean, "low": low, "high": high, "q": q},
            "episodes": row[f"{half}_episode_count"],
            "excess": f"{write_excess(mean)} ({write_excess(low)} to {write_excess(high)})",
            "p": f"{q:.3f}",
        }


def line_chart(
    found: pd.DataFrame, column: str, best: Mapping[Any, Any] | None, colors: Colors
) -> alt.LayerChart | alt.FacetChart:
    """Return the mean excess at each threshold of *column*, of both halves, with intervals.

    A band stands behind the threshold that is *best* in-sample. A point is filled where p,
    corrected for all that were tried, is at most ``BEST_Q``.
    """
    order = [f"{value:g}" for value in found[column]]
    x = alt.X(
        f"{column}:N",
        scale=alt.Scale(domain=order),
        axis=alt.Axis(title=column, labelAngle=0, labelOverlap=True, domainColor=colors.grid),
    )
    tints = alt.Scale(domain=list(HALF_NAMES.values()), range=[colors.muted, colors.line])
    color = alt.Color("half:N", scale=tints, legend=alt.Legend(orient="top", title=None, offset=4))
    axis = alt.Axis(title="Mean excess, pp", gridColor=colors.grid, tickCount=6)
    marked = pd.DataFrame({column: [] if best is None else [f"{best[column]:g}"]})
    band = alt.Chart(marked).mark_bar(color=colors.alert, opacity=0.2).encode(x=x)
    zero = alt.Chart(pd.DataFrame({"low": [0.0]})).mark_rule(color=colors.muted).encode(y="low:Q")
    halves = alt.Chart(points(found, [column])).encode(
        x=x,
        xOffset=alt.XOffset("half:N", scale=alt.Scale(domain=list(HALF_NAMES.values()))),
        color=color,
        tooltip=_tooltip([column]),
    )
    spans = halves.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", axis=axis), y2="high:Q")
    dots = halves.mark_point(size=80, strokeWidth=2, opacity=1).encode(
        y=alt.Y("mean:Q", axis=axis),
        fill=alt.Fill("half:N", scale=tints, legend=None),
        fillOpacity=alt.condition(alt.datum.q <= BEST_Q, alt.value(1), alt.value(0)),
    )
    return alt.layer(band, zero, spans, dots, height=_HEIGHT_PX, padding=_PADDING)


def grid_chart(
    found: pd.DataFrame,
    columns: tuple[str, str],
    half: str,
    best: Mapping[Any, Any] | None,
    colors: Colors,
) -> alt.LayerChart | alt.FacetChart:
    """Return the mean excess of one *half* by two thresholds, in the colours of both halves.

    A dot stands where p, corrected for all that were tried, is at most ``BEST_Q``; a frame around
    what is *best* in-sample.
    """
    all_points = points(found, columns)
    most = float(all_points["mean"].abs().max()) if len(all_points) else 1.0
    stops = DIVERGING.on(colors)
    scale = alt.Scale(
        domain=[(2 * float(at) - 1) * most for at, _ in stops], range=[tint for _, tint in stops]
    )
    across, up = ([f"{value:g}" for value in sorted(set(found[column]))] for column in columns)
    places = {
        "x": alt.X(f"{columns[0]}:N", scale=alt.Scale(domain=across), axis=_grid_axis(columns[0])),
        "y": alt.Y(
            f"{columns[1]}:N", scale=alt.Scale(domain=up[::-1]), axis=_grid_axis(columns[1])
        ),
    }
    mine = all_points[all_points["half"] == HALF_NAMES[half]]
    color = alt.Color("mean:Q", scale=scale, legend=alt.Legend(title="pp", gradientLength=160))
    cells = alt.Chart(mine).mark_rect().encode(**places, color=color, tooltip=_tooltip(columns))
    sure = mine[mine["q"] <= BEST_Q]
    dots = alt.Chart(sure).mark_point(filled=True, color=colors.text, size=40, opacity=1)
    framed = [] if best is None else [{name: f"{best[name]:g}" for name in columns}]
    frames = alt.Chart(pd.DataFrame(framed, columns=list(columns))).mark_rect(
        filled=False, stroke=colors.alert, strokeWidth=3
    )
    layers = [cells, dots.encode(**places), frames.encode(**places)]
    return alt.layer(*layers, height=_HEIGHT_PX, padding=_PADDING)


def _grid_axis(title: str) -> alt.Axis:
    return alt.Axis(title=title, labelAngle=0, labelOverlap=True, grid=False)


def _tooltip(columns: Sequence[str]) -> list[alt.Tooltip]:
    titles = {"half": "Half", "excess": "Mean excess", "p": "p, corrected", "episodes": "Episodes"}
    return [
        *(alt.Tooltip(f"{column}:N", title=column) for column in columns),
        *(alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()),
    ]
