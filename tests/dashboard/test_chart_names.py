"""Names in charts are text: whoever lists a coin must not put a link onto the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from analytics.correlation.lead_lag import LeadLag
from analytics.correlation.view import Rolling
from analytics.market.measures import MEASURES
from analytics.palette import DARK
from analytics.panels.panel import Pair
from dashboard.charts.color_scale import color_scale
from dashboard.correlation.line_charts import lag_chart, rolling_chart
from dashboard.correlation.matrix_chart import lead_chart
from dashboard.heatmap.heatmap_chart import Map, heat_chart
from tests.dashboard.test_cell_charts import NAN, TIMES, correlated, figure_of

LINK = "<a href='https:&#47;&#47;evil.example'>BTC"
SHOWN = "&lt;a href='https:&amp;#47;&amp;#47;evil.example'&gt;BTC"
"""What Plotly shows as LINK, letter by letter."""
PAIRS = [Pair("okx", f"{LINK}/USDT:USDT", LINK), Pair("bybit", f"{LINK}/USDT:USDT", LINK)]


def heatmap():
    values, measure = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), MEASURES["oi_delta_pct"]
    drawing = Map(
        pairs=PAIRS,
        columns=TIMES,
        values=values,
        exceeded=values > 2,
        measure=measure,
        scale=color_scale(values, measure.quantity),
    )
    return heat_chart(drawing, DARK)


def leads():
    flat, cube = np.full((2, 2), 0.5), np.full((3, 2, 2), 0.5)
    return LeadLag(np.array([-1, 0, 1]), cube, flat, flat, flat, flat, flat > 1)


def over_time():
    return rolling_chart(Rolling(TIMES, np.array([0.1, NAN, 0.3]), 0.2, 3, 2), DARK)


@pytest.mark.parametrize("draw", [heatmap, over_time, lambda: figure_of(correlated("AB"))])
def test_plotly_knows_all_that_a_chart_says(draw):
    """Charts are sent without that check, which takes longer than to draw them."""
    go.Figure(draw().to_dict())


@pytest.mark.parametrize(
    "draw",
    [
        heatmap,
        lambda: figure_of(replace(correlated("AB"), pairs=tuple(PAIRS))),
        lambda: lead_chart(PAIRS, leads(), "5m", DARK),
        lambda: lag_chart(PAIRS, leads(), DARK),
    ],
    ids=["heatmap", "matrix", "who leads", "lags"],
)
def test_a_name_is_no_markup(draw):
    """Axes, hovers, legends and annotations; what a click tells is not drawn."""
    figure = go.Figure(draw().to_dict())
    figure.layout.meta = None
    drawn = "".join(map(str, _texts(figure.to_dict())))

    assert SHOWN in drawn
    assert "<a href" not in drawn
    assert "&#47;" not in drawn


def _texts(part):
    """Yield every text in a figure, arrays and all."""
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, np.ndarray):
        part = part.tolist()
    if isinstance(part, (list, tuple)):
        for inner in part:
            yield from _texts(inner)
    elif isinstance(part, str):
        yield part
