"""Charts of cells: colours that can be trusted, and figures that say what they are of."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from analytics.correlation.view import SUBJECTS, Matrix, matrix
from analytics.market.measures import MEASURES
from analytics.palette import DARK, LIGHT
from analytics.panels.panel import Pair, Panel
from dashboard.charts.cells import labels, names_px
from dashboard.charts.color_scale import (
    DEEP,
    DEEP_RISING,
    DIVERGING,
    RISING,
    ColumnScales,
    color_scale,
)
from dashboard.correlation.matrix_chart import Drawing, matrix_chart
from dashboard.heatmap.heatmap_chart import MAX_MARKS, Map, heat_chart
from tests.dashboard.test_colors import SEEN_BY, contrast, lab, linear

NAN = np.nan
PAIRS = [Pair("okx", "BTC/USDT:USDT", "BTC"), Pair("bybit", "BTC/USDT:USDT", "BTC")]
TIMES = np.datetime64("2025-10-22T12:00", "ms") + np.arange(3) * np.timedelta64(5, "m")


def drawn(
    values, name="oi_delta_pct", exceeded=None, columns=TIMES, colors=DARK, coverage_pct=None
):
    """Return the figure of *values* as the browser gets it, numbers and all."""
    values, measure = np.array(values, float), MEASURES[name]
    over_time = isinstance(columns, np.ndarray)
    scale = (
        color_scale(values, measure.quantity)
        if over_time
        else ColumnScales(tuple(color_scale(column, measure.quantity) for column in values.T))
    )
    cells = Map(
        pairs=PAIRS[: len(values)],
        columns=columns,
        values=values,
        exceeded=None if exceeded is None else np.array(exceeded),
        measure=measure,
        scale=scale,
        coverage_pct=None if coverage_pct is None else np.array(coverage_pct, float),
    )
    return heat_chart(cells, colors)


def rows(values):
    return [list(row) for row in values]


def test_partial_bars_are_marked_and_tell_how_much_is_known():
    figure = drawn(
        [[5.0, 6.0, NAN], [7.0, 8.0, 9.0]], "traded_usd",
        coverage_pct=[[100, 93.75, 20], [100, 100, 80]],
    )  # fmt: skip

    (marks,) = (trace for trace in figure.data if trace.name == "partial")
    assert list(marks.y) == ["BTC OKX", "BTC Bybit"]
    assert [str(x)[:16] for x in marks.x] == ["2025-10-22T12:05", "2025-10-22T12:10"]
    (cells,) = (trace for trace in figure.data if trace.customdata is not None)
    assert [list(row) for row in cells.customdata] == [
        ["", "<br>partial: 94 % known", ""],
        ["", "", "<br>partial: 80 % known"],
    ]


def test_partial_spans_are_written_as_such():
    figure = drawn(
        [[5.0, 6e9]], "traded_usd", columns=["1h", "1d"], coverage_pct=[[100, 80]]
    )  # fmt: skip

    (cells,) = (trace for trace in figure.data if trace.text is not None)
    assert list(cells.text[0]) == ["$5.00", "◐ $6.00B"]


def test_one_outlier_does_not_turn_all_other_cells_grey():
    usual = np.linspace(-1, 1, 199)
    scale = color_scale(np.append(usual, 500.0), MEASURES["oi_delta_pct"].quantity)

    assert scale.high == pytest.approx(1, abs=0.05)
    assert scale.low == -scale.high


@pytest.mark.parametrize(("name", "neutral"), [("rsi_14", 50), ("funding_8h_pct", 0)])
def test_the_neutral_value_is_in_the_middle(name, neutral):
    scale = color_scale(np.array([neutral + 1.0, neutral + 3.0]), MEASURES[name].quantity)

    assert (scale.low + scale.high) / 2 == pytest.approx(neutral)


def test_twice_as_many_longs_are_as_far_from_the_middle_as_twice_as_many_shorts():
    scale = color_scale(np.array([0.5, 1.0, 3.0]), MEASURES["ls_accounts"].quantity)
    below, middle, above = scale.z(np.array([0.5, 1.0, 2.0])).tolist()

    assert above - middle == pytest.approx(middle - below)


@pytest.mark.parametrize("name", list(MEASURES))
@pytest.mark.parametrize("cells", [[7.0, 7.0], [0.0, 0.0], [NAN, NAN], [], [1e-12, 1e15]])
def test_constant_absent_and_huge_values_have_a_scale(name, cells):
    scale = color_scale(np.array(cells), MEASURES[name].quantity)

    assert np.isfinite([scale.low, scale.high]).all()
    assert scale.low < scale.high
    assert len(scale.bar(MEASURES[name].quantity)["ticktext"]) == 5


@pytest.mark.parametrize("who", SEEN_BY)
@pytest.mark.parametrize("ramp", [DIVERGING, DEEP])
@pytest.mark.parametrize("colors", [DARK, LIGHT])
def test_the_ends_stay_apart_for_the_colour_blind(who, ramp, colors):
    ends = [lab(SEEN_BY[who] @ linear(ramp.on(colors)[place][1])) for place in (0, -1)]

    assert np.linalg.norm(ends[0] - ends[1]) > 20


@pytest.mark.parametrize("ramp", [RISING, DEEP_RISING])
def test_amounts_are_ranked_by_lightness(ramp):
    """So that they can be told without a sense of colour, and on paper."""
    dark, light = ([lab(linear(c))[0] for _, c in ramp.on(colors)] for colors in (DARK, LIGHT))

    assert dark == sorted(dark)
    assert light == sorted(light, reverse=True)


@pytest.mark.parametrize("color", [color for _, color in [*DEEP.dark, *DEEP_RISING.dark]])
def test_figures_in_dark_cells_are_readable(color):
    """White on it; 3 to 1 is what WCAG asks of graphics, and bold or large text."""
    assert contrast("#FFFFFF", color) >= 4


@pytest.mark.parametrize("color", [color for _, color in [*DEEP.light, *DEEP_RISING.light]])
def test_figures_in_light_cells_are_readable(color):
    """Plotly writes in this grey on whatever is light."""
    assert contrast("#444444", color) >= 4


@pytest.mark.parametrize("colors", [DARK, LIGHT])
@pytest.mark.parametrize(("ramp", "place"), [(DIVERGING, 2), (RISING, 0), (DEEP, 1)])
def test_what_is_neutral_is_near_the_ground_of_its_theme(colors, ramp, place):
    """Dark cells on white would look like a fault."""
    assert contrast(colors.background, ramp.on(colors)[place][1]) < 1.5


def test_both_themes_have_the_same_scale():
    dark, light = (drawn([[1, 2, -3]], colors=colors).data[-1] for colors in (DARK, LIGHT))

    assert dark.colorscale != light.colorscale
    assert (dark.zmin, dark.zmax) == (light.zmin, light.zmax)


def test_pairs_are_named_in_short_unless_that_is_ambiguous():
    two = [*PAIRS, Pair("okx", "BTC/USD:BTC", "BTC")]

    assert labels(two) == ["BTC/USDT OKX", "BTC Bybit", "BTC/USD:BTC OKX"]


def test_plotly_finds_nothing_new_in_a_copy_of_a_chart():
    """Streamlit hands each chart over twice: what is compared as an object would draw it twice."""
    for figure in (figure_of(correlated("ABCD")), drawn([[1, 2, 3], [4, 5, 6]])):
        layout = figure.to_dict()["layout"]
        compared = {name: type(layout[name]) for name in ("datarevision", "template", "meta")}

        assert compared == {"datarevision": int, "template": str, "meta": str}


def test_a_chart_has_room_for_its_names_from_the_beginning():
    """An axis that finds too little has Plotly draw all of it once more."""
    layout = figure_of(correlated("ABCD")).to_dict()["layout"]

    assert layout["margin"]["l"] == layout["margin"]["b"] == names_px(["A OKX"], 11)
    assert names_px(["1000PEPE/USDT OKX"], 11) > names_px(["BTC OKX"], 11) > 11 * 3


def test_a_click_can_tell_whose_row_it_is():
    assert json.loads(drawn([[1, 2, 3], [4, 5, 6]]).layout.meta) == {
        "rows": ["okx BTC/USDT:USDT", "bybit BTC/USDT:USDT"]
    }


def test_only_the_user_sets_a_range_and_nobody_leaves_the_map():
    """The browser takes every range that it finds for a zoom, and the next map begins there."""
    matrix = figure_of(correlated("ABCD")).to_dict()["layout"]
    heat = drawn([[1, 2, 3], [4, 5, 6]], exceeded=[[True] * 3] * 2).to_dict()["layout"]
    axes = {
        (one, name): axis
        for one, layout in (("matrix", matrix), ("heat", heat))
        for name, axis in layout.items()
        if name[1:].startswith("axis")
    }

    assert [key for key, axis in axes.items() if "range" in axis] == []
    ends = {key: (axis.get("minallowed"), axis.get("maxallowed")) for key, axis in axes.items()}
    assert ends.pop(("heat", "xaxis")) == (None, None)
    assert axes["heat", "xaxis"]["autorangeoptions"]["clipmin"] == "2025-10-22T11:57:30.000"
    assert ends == {
        ("matrix", "xaxis"): (-0.5, 3.5),
        ("matrix", "yaxis"): (-0.5, 3.5),
        ("heat", "yaxis"): (-0.5, 1.5),
        ("heat", "yaxis2"): (-0.5, 1.5),
    }


def test_what_is_absent_is_hatched_and_says_so():
    figure = drawn([[1, NAN, 3], [4, 5, 6]])
    ground, cells = figure.data

    assert len(figure.layout.images) == 1
    assert rows(ground.z) == [[1, 0, 1], [1, 1, 1]]
    assert "no data" in ground.hovertemplate
    assert cells.hoverongaps is False
    assert rows(cells.z)[0] == [1, None, 3]


def test_a_whole_map_is_not_hatched():
    figure = drawn([[1, 2, 3]])

    assert len(figure.layout.images) == 0
    assert len(figure.data) == 1


def test_unusual_cells_are_marked_and_counted():
    figure = drawn([[1, 2, 3], [4, 5, 6]], exceeded=[[True, False, True], [False] * 3])
    _, marks, _ = figure.data

    assert list(marks.x) == [TIMES[0], TIMES[2]]
    assert figure.layout.yaxis2.ticktext == ("2×", "")


def test_too_many_marks_are_only_counted():
    many = np.ones((2, MAX_MARKS), dtype=bool)
    times = TIMES[0] + np.arange(MAX_MARKS) * np.timedelta64(5, "m")
    figure = drawn(np.ones(many.shape), exceeded=many, columns=times)

    assert [trace.type for trace in figure.data] == ["heatmap", "scatter"]
    assert figure.layout.yaxis2.ticktext == (f"{MAX_MARKS}×",) * 2


def test_timeframes_show_their_figures_each_column_on_its_own_scale():
    figure = drawn(
        [[0.1, -8.0], [-0.1, 4.0]], columns=["5m", "1d"], exceeded=[[False, True], [False, True]]
    )
    cells = figure.data[0]

    assert rows(cells.text) == [["+0.10 %", "● -8.00 %"], ["-0.10 %", "● +4.00 %"]]
    np.testing.assert_allclose(np.array(rows(cells.z)), [[1, 0], [0, 0.75]], atol=0.01)


def test_amounts_are_written_exactly_though_coloured_by_their_logarithm():
    cells = drawn([[1.0, 0.0, 2_500_000.0]], "traded_usd").data[-1]

    assert rows(cells.text) == [["$1.00", "$0.00", "$2.50M"]]
    assert np.isfinite(np.array(rows(cells.z))).all()


def correlated(names, **given):
    rng = np.random.default_rng(3)
    close = np.exp(0.01 * rng.normal(size=(60, len(names))).cumsum(axis=0))
    close[:, :2] = close[:, :1]
    pairs = tuple(Pair("okx", f"{name}/USDT:USDT", name) for name in names)
    times = TIMES[0] + np.arange(60) * np.timedelta64(5, "m")
    panel = Panel(times, pairs, {"close": close}, "5m", datetime(2025, 10, 22, tzinfo=UTC))
    return matrix(panel, pairs, SUBJECTS["price"], "pearson")


def figure_of(found: Matrix, *, spread=False, marked=None):
    return matrix_chart(
        Drawing(
            matrix=found,
            rows="Price",
            columns="Price",
            spread=spread,
            marked=marked,
            colors=DARK,
        )
    )


def test_clusters_are_parted_and_the_chosen_cell_is_framed():
    found = correlated("ABCD")
    figure = figure_of(found, marked=(found.pairs[0], found.pairs[3]))
    lines = [shape for shape in figure.layout.shapes if shape.type == "line"]
    (frame,) = [shape for shape in figure.layout.shapes if shape.type == "rect"]

    assert {line.x0 for line in lines if line.x0 == line.x1} == {
        start - 0.5 for start in found.starts
    }
    assert (frame.y0, frame.x0) == (-0.5, 2.5)


def test_colours_of_r_are_from_minus_one_to_one_unless_they_are_spread():
    whole, spread = (figure_of(correlated("ABCD"), spread=one).data[0] for one in (False, True))

    assert (whole.zmin, whole.zmax) == (-1, 1)
    assert spread.zmax <= 1


def test_200_pairs_are_one_trace_of_bounded_size():
    rng = np.random.default_rng(0)
    r = np.tanh(rng.normal(size=(200, 200)))
    pairs = tuple(Pair("binance", f"COIN{n}/USDT:USDT", f"COIN{n}") for n in range(200))
    nobody = np.empty(0, np.intp)
    found = Matrix(pairs, (r + r.T) / 2, np.ones((200, 200), int), nobody, None, (), 288)

    spec = figure_of(found).to_json()

    assert len(json.loads(spec)["data"]) == 1
    assert len(spec) < 240_000
