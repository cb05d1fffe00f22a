"""Charts on paper: of any data, sharp, and true to what is known."""

from __future__ import annotations

import io
from datetime import timedelta

import numpy as np
import pypdf
import pytest

from analytics.exports.charts import BarChart, Candles, Heatmap, LineChart, Series
from analytics.exports.paper import LINES
from analytics.exports.pdf import pdf_bytes
from tests.analytics.exports.conftest import NOON
from tests.analytics.exports.test_pdf import read, report_of


def lines(values, kind="usd", **more):
    times = [NOON - timedelta(minutes=5 * n) for n in reversed(range(len(values)))]
    return LineChart("Course", (Series("one", times, values),), kind, **more)


def candles(count):
    """Bars that open at 10, 11, …, each one up by 1; the third is not known."""
    x = np.datetime64("2025-10-22T12:00", "ms") + np.arange(count) * np.timedelta64(5, "m")
    first = 10.0 + np.arange(count)
    first[2:3] = np.nan
    return Candles(x, first, first + 2, first - 1, first + 1)


def test_candles_that_are_too_many_are_joined():
    """The first's open and the last's close, the highest and the lowest; a gap is left out."""
    joined = candles(7).wider(3)

    assert [str(x)[11:16] for x in joined.x] == ["12:00", "12:15", "12:30"]
    assert joined.open.tolist() == [10, 13, 16]
    assert joined.high.tolist() == [13, 17, 18]
    assert joined.low.tolist() == [9, 12, 15]
    assert joined.close.tolist() == [12, 16, 17]
    assert candles(7).wider(7).open.tolist()[:2] == [10, 11]


@pytest.mark.parametrize(
    "chart",
    [
        lines([1e9, 2e9, None, 3e9, np.nan, 2e9]),
        lines([5.0] * 3),
        lines([0.0, 0.0]),
        lines([1.0]),
        lines([1e-9, 3e-9], "price"),
        lines([1e308, -1e308, 1.0]),
        lines([1e299, -1e299]),
        lines([0.0, 5e-324], "pct"),
        lines([-1.0, 2.0], "pct", area=True),
        LineChart(
            "Course", (Series("a", [1, 2, 3], [1, 2, 3]), Series("b", [1, 2], [4, 5])), "ratio"
        ),
        LineChart("Candles", (), "price", candles=candles(7)),
        LineChart("Candles", (), "price", candles=candles(0)),
        BarChart("Bars", ["a", "b", "c"], [1.0, -2.0, None]),
        BarChart("Bars", ["a"], [-2.0]),
        BarChart("Bars", ["a", "b"], [1e299, -1e299], "usd"),
        BarChart("Bars", [f"n{n}" for n in range(200)], list(range(200)), "count"),
        Heatmap("Map", ["a", "b"], ["x", "y"], np.array([[1.0, np.nan], [-1.0, 0.0]])),
        Heatmap("Map", ["a"], ["x"], np.array([[2.0]]), "ratio", middle=None),
        Heatmap("Map", [f"r{n}" for n in range(200)], ["x"] * 48, np.ones((200, 48))),
    ],
)
def test_chart_is_drawn_as_vectors(chart):
    """Of any data, with its title; and no image, which would blur."""
    reader = pypdf.PdfReader(io.BytesIO(pdf_bytes(report_of(charts=(chart,)))))

    assert len(reader.pages) <= 2
    assert any(chart.title in page.extract_text() for page in reader.pages)
    assert all(not page.images for page in reader.pages)


@pytest.mark.parametrize(
    "chart",
    [
        BarChart("Funding", ["BNB"], [-0.0021], digits=4),
        Heatmap("Funding", ["BNB"] * 9, ["x"], np.full((9, 1), -0.0021), digits=4),
    ],
)
def test_a_chart_has_as_many_decimals_as_it_is_told(chart):
    """Of funding two would be nought."""
    (text,) = read(report_of(charts=(chart,)))

    assert "-0.0021" in text
    assert "0.00 %" not in text


@pytest.mark.parametrize(
    "chart",
    [
        lines([None, np.nan]),
        LineChart("Course", ()),
        BarChart("Bars", [], []),
        Heatmap("Map", [], [], np.empty((0, 0))),
    ],
)
def test_chart_without_values_says_so(chart):
    """An empty frame would look like a fault."""
    (text,) = read(report_of(charts=(chart,)))

    assert "No value is known." in text


def test_gap_is_no_line():
    """Two pieces are drawn, where without the gap there is one; and nothing in the gap."""
    drawn, with_gap = (
        pypdf.PdfReader(io.BytesIO(pdf_bytes(report_of(charts=(lines(values),)))))
        .pages[0]
        .get_contents()
        .get_data()
        for values in ([1e9, 2e9, 1.5e9, 3e9, 2e9], [1e9, 2e9, None, 3e9, 2e9])
    )

    # Five points are four strokes; without the third, two pairs are two.
    assert drawn.count(b" l\n") - with_gap.count(b" l\n") == 2
    assert b"nan" not in with_gap


def test_a_line_that_is_level_but_for_rounding_is_level():
    """Funding rebased to 8 hours differs in the 17th digit: no chart of that, and no empty axis."""
    (text,) = read(report_of(charts=(lines([0.01, 0.010000000000000002], "pct"),)))

    assert "+0.0100 %" in text


def test_the_first_line_lies_on_top():
    """It is what the chart is about; others are beside it."""
    two = tuple(Series(name, [1, 2], [1, 1]) for name in ("about", "beside"))
    (page,) = pypdf.PdfReader(
        io.BytesIO(pdf_bytes(report_of(charts=(LineChart("Course", two),))))
    ).pages

    drawn = page.get_contents().get_data()

    first, second = (
        " ".join(f"{round(int(ink[n : n + 2], 16) / 255, 4):g}" for n in (1, 3, 5)) + " RG"
        for ink in LINES[:2]
    )
    assert 0 < drawn.rindex(second.encode()) < drawn.rindex(first.encode())


def test_chart_says_where_its_colours_end():
    """A value beyond the last colour is not shown as if it were the last."""
    values = np.ones((10, 10))
    values[0, 0], values[0, 1] = 50.0, np.nan

    (text,) = read(report_of(charts=(Heatmap("Map", ["r"] * 10, ["c"] * 10, values),)))

    assert "≥ +1.00 %" in text
    assert "no value" in text
