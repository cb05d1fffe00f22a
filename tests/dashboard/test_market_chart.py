"""The Market chart itself: how much it sends, and how it draws many bars."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.pair.history import METRICS, history
from analytics.palette import DARK
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.signals.thresholds import Thresholds
from dashboard.charts.frame import FONT
from dashboard.components.time_range import MARKET_SPANS, MAX_BARS, MIN_BARS, market_range
from dashboard.market.chart import Drawing, market_chart
from dashboard.market.empty_panes import drawable, sentences
from dashboard.market.panes import FIRST, LABELS, PANES, chosen
from dashboard.market.scales import newest, scale

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)


def found(bars, venues=("binance",)):
    rng = np.random.default_rng(2)
    starts = [NOW - timedelta(minutes=5 * back) for back in range(bars, 0, -1)]
    parts = []
    for venue in venues:
        key = {"venue": venue, "symbol": "BTC/USDT:USDT", "base": "BTC", "ts": starts}
        moving = {name: 1e6 * np.exp(rng.normal(0, 0.01, bars)) for name in METRICS}
        parts.append(pd.DataFrame({**key, **moving}))
    panel = Panel.from_frame(pd.concat(parts), "5m", now=NOW)
    return history(panel, ("binance", "BTC/USDT:USDT"), bars, {})


def chart(bars, venues=("binance",), labels=LABELS):
    whole = found(bars, venues)
    return figure(whole, drawable(whole, [], chosen(labels)), venues=True)


def figure(whole, panes, *, venues=False, zone="Asia/Kathmandu"):
    drawing = Drawing(
        history=whole,
        until=NOW,
        now=NOW,
        signals=[],
        panes=panes,
        bands=True,
        venues=venues,
        thresholds=Thresholds(),
        colors=DARK,
        zone=zone,
    )
    return market_chart(drawing)


def types(figure):
    return {trace.name: trace.type for trace in figure.data if trace.name}


FOR_A_STUDY = ("OI coins", "OI split", "Robust z", "CVD/OI", "OBV", "ATR", "Volatility", "Premium")
"""Panes that are switched on one at a time."""


@pytest.mark.parametrize(("bars", "most_kb"), [(288, 110), (2016, 450), (MAX_BARS, 650)])
def test_a_chart_is_small_enough_to_send_often(bars, most_kb):
    """Every pane but those of a study, with two other venues; and these add two fifths at most."""
    usual = [label for label in LABELS if label not in FOR_A_STUDY]
    venues = ("binance", "bybit", "okx")

    assert len(chart(bars, venues, usual).to_json()) < 1000 * most_kb
    assert len(chart(bars, venues).to_json()) < 1400 * most_kb


def test_panes_of_a_study_are_off_at_first():
    assert not {*FOR_A_STUDY} & {*FIRST}
    assert {*FOR_A_STUDY} <= {*LABELS}


@pytest.mark.parametrize("bars", [288, 2_000])
def test_the_label_says_what_time_it_is_where_the_user_is(bars):
    """First of all, at every bar, and it draws nothing that the scale would have to fit."""
    clock = chart(bars).data[0]

    assert (clock.name, clock.mode, clock.hovertemplate) == ("Asia/Kathmandu", "none", "%{text}")
    assert len(clock.text) == len(clock.y) == bars
    assert clock.text[-1] == "Wed 17:40"
    assert len(set(clock.y)) == 1


def test_every_time_is_a_text():
    """A number of milliseconds would be shown as that time by the browser's own clock."""
    for trace in chart(288, ("binance", "bybit")).to_dict()["data"]:
        times = [trace["x0"]] if "x0" in trace else trace["x"]
        assert {type(time) for time in times} <= {str, type(None)}


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_the_label_says_nothing_of_a_clock_that_shows_utc(zone):
    """Its heading is in UTC."""
    assert figure(found(50), PANES[:1], zone=zone).data[0].type == "candlestick"


def test_few_bars_are_candles_and_many_are_lines_of_the_graphics_card():
    """Thousands of drawn elements would make a browser stutter."""
    few, many = types(chart(288)), types(chart(2_000))

    assert (few["Price"], few["RSI"], few["Volume"]) == ("candlestick", "scatter", "bar")
    assert (many["Price"], many["RSI"], many["Volume"]) == ("scattergl", "scattergl", "scatter")


def test_rise_and_fall_differ_without_colour():
    """Candles that rose are hollow; columns stand above nought or below it."""
    figure = chart(100)
    price = next(trace for trace in figure.data if trace.name == "Price")

    assert price.increasing.fillcolor == DARK.background
    assert price.decreasing.fillcolor == DARK.down
    sides = [trace for trace in figure.data if trace.name == "OI change"]
    assert [trace.marker.color for trace in sides] == [DARK.up, DARK.down]
    assert np.nanmin(sides[0].y) >= 0 > np.nanmax(sides[1].y)


def test_panes_and_their_titles_do_not_overlap():
    """From the top to the bottom of the figure: each title has a place of its own."""
    layout = chart(50, ("binance", "bybit")).to_dict()["layout"]
    domains = [axis["domain"] for name, axis in layout.items() if name.startswith("yaxis")]
    titles = layout["annotations"]
    tops = [title["y"] for title in titles]
    inner_px = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]

    assert len(domains) == len(titles) == len(PANES) - 1
    assert tops[0] == 1
    assert domains[-1][0] == pytest.approx(0, abs=1e-9)
    assert all(upper[0] > top for upper, top in zip(domains, tops[1:], strict=False))
    for title, (_, pane_top) in zip(titles, domains, strict=True):
        lines = 1 + title["text"].count("<br>")
        assert (title["y"] - pane_top) * inner_px >= lines * (layout["font"]["size"] + 4)


@pytest.mark.parametrize("value", [0.0, 0.01, -3.0, 98_000.0])
@pytest.mark.parametrize(
    "pane", [pane for pane in PANES if pane.label not in ("RSI", "Signals")], ids=lambda p: p.label
)
def test_a_line_that_never_moves_has_room_about_it(pane, value):
    """Else it would lie on the edge of its pane, where nobody sees it."""
    whole = found(50)
    flat = {name: np.full(50, value) for name in (*pane.lines, "open", "high", "low")}
    layout = figure(replace(whole, lines={**whole.lines, **flat}), [pane]).to_dict()["layout"]

    axis = layout["yaxis"]
    low, high = axis["autorangeoptions"]["include"]
    assert low < axis["tick0"] < high
    assert axis["tick0"] == pytest.approx(value / scale(pane, [flat[pane.lines[0]]]).unit)


def test_a_line_that_never_moves_has_the_scale_of_those_that_do():
    """Another venue's open interest is drawn in the same pane."""
    whole, pane = found(50, ("binance", "bybit")), next(one for one in PANES if one.label == "OI")
    still = replace(whole, lines={**whole.lines, "oi_usd": np.full(50, 1e6)})

    alone, beside = (
        figure(still, [pane], venues=venues).to_dict()["layout"]["yaxis"]
        for venues in (False, True)
    )

    assert "autorangeoptions" in alone
    assert "autorangeoptions" not in beside


def test_only_the_user_sets_a_range():
    """The browser takes every range that it finds for a zoom, and the next chart begins there."""
    layout = chart(50).to_dict()["layout"]

    assert [name for name, axis in layout.items() if "axis" in name and "range" in axis] == []


def test_a_saved_picture_has_a_ground_and_the_letters_of_the_page():
    """Pale words on nothing cannot be read on paper."""
    layout = chart(50).to_dict()["layout"]

    assert (layout["paper_bgcolor"], layout["plot_bgcolor"]) == (DARK.background,) * 2
    assert {layout["font"]["family"], layout["hoverlabel"]["font"]["family"]} == {FONT}


@pytest.mark.parametrize("bars", [1, 2])
def test_the_shortest_history_is_drawn(bars):
    """Nothing to fit a scale to, and no error."""
    assert chart(bars).data


@pytest.mark.parametrize("label", ["OI split", "Top traders"])
def test_two_lines_of_a_pane_are_named_in_their_colours(label):
    """Which is which can be seen without pointing at them."""
    drawn = chart(50, labels=[label])

    (title,) = (note.text for note in drawn.layout.annotations if "— " in note.text)
    (pane,) = (pane for pane in PANES if pane.label == label)
    lines = {trace.name: trace.line.color for trace in drawn.data if (trace.name or "?") in title}
    assert len(lines) == len(pane.lines) == len(set(lines.values())) == 2
    assert all(f'color:{color}">— {name}</span>' in title for name, color in lines.items())


def test_amounts_are_written_in_the_letter_of_the_largest():
    """6.42 billion are 6.42 on an axis of billions."""
    pane = next(pane for pane in PANES if pane.label == "OI")
    lines = [np.array([1e6, 6.42e9, np.nan])]

    assert (scale(pane, lines).unit, scale(pane, lines).suffix) == (1e9, "B")
    whole = found(3)
    assert newest(pane, replace(whole, lines={"oi_usd": lines[0]}, coverage={})) == "$6.42B"


@pytest.mark.parametrize(("unknown", "at"), [(0, None), (1, None), (2, -2), (7, -7)])
def test_a_pane_that_ends_long_before_the_price_says_when(unknown, at):
    """The newest value on top of it would pass for one of now."""
    pane = next(pane for pane in PANES if pane.label == "OI")
    whole = found(50)
    oi_usd = whole.lines["oi_usd"].copy()
    oi_usd[50 - unknown :] = np.nan
    history = replace(whole, lines={**whole.lines, "oi_usd": oi_usd})

    said = newest(pane, history)
    late = sentences(history, (), [pane], {}, 50, NOW, NOW)

    if at is None:
        assert "UTC" not in said
        assert not any(line.startswith("OI: last") for line in late)
    else:
        # A bar ends when the next one starts: the first that is unknown.
        end = pd.Timestamp(whole.times[at]).strftime("%Y-%m-%d %H:%M UTC")
        assert said.endswith((f", {end}", f", {end[11:]}"))
        (line,) = (line for line in late if line.startswith("OI: last data at "))
        assert end[11:] in line
        assert line.endswith(end[11:] + ".")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ([], None),
        (range(40, 45), "from 11:10 to 11:35 UTC"),
        (range(40, 50), "since 11:10 UTC"),
        ([40, 42], "from 11:10 to 11:15 UTC and from 11:20 to 11:25 UTC"),
    ],
)
def test_bars_whose_funding_was_not_recorded_are_said(missing, said):
    """Where it is dashed, and why: a venue tells of past rates only what was paid."""
    pane = next(pane for pane in PANES if pane.label == "Funding")
    whole = found(50)
    carried = np.full(50, np.nan)
    carried[list(missing)] = 0.01
    holed = replace(whole, lines={**whole.lines, "funding_carried_8h_pct": carried})

    found_lines = sentences(holed, (), [pane], {}, 50, NOW, NOW)

    lines = [line for line in found_lines if line.startswith("Funding was")]
    assert lines == (
        []
        if said is None
        else [
            f"Funding was not recorded {said}: dashed, last known rate. Venues publish past rates "
            "only once paid."
        ]
    )


def with_parts(bars, parts):
    """A history of which volume and CVD are known in part, in the bars *parts*."""
    whole = found(bars)
    known = np.full(bars, 100.0)
    known[parts] = 100 * 45 / 48
    return replace(whole, coverage={**whole.coverage, "traded_usd": known, "cvd_usd": known})


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_a_partial_column_is_hatched_and_says_how_much_is_known():
    drawn = figure(with_parts(6, [2]), chosen(["Volume"]))

    (volume,) = traces(drawn, "Volume")
    assert list(volume.marker.pattern.shape) == ["", "", "/", "", "", ""]
    assert volume.customdata[2] == ", partial: 93.8 % known"
    assert volume.customdata[0] == ""
    assert volume.hovertemplate.endswith("%{customdata}")


def test_a_partial_line_is_dotted():
    drawn = figure(with_parts(6, [4, 5]), chosen(["CVD"]))

    whole, dotted, rings = traces(drawn, "CVD")
    assert np.isfinite(whole.y).tolist() == [True] * 4 + [False] * 2
    assert dotted.line.dash == "dot"
    assert np.isfinite(dotted.y).tolist() == [False] * 3 + [True] * 3
    assert np.isfinite(rings.y).tolist() == [False] * 4 + [True] * 2
    assert any("partial" in note.text for note in drawn.layout.annotations)


def test_many_partial_bars_are_ringed_on_their_outline():
    drawn = figure(with_parts(2_000, [7]), chosen(["Volume"]))

    _, rings = traces(drawn, "Volume")
    assert np.flatnonzero(np.isfinite(rings.y)).tolist() == [7]


def test_whole_flows_are_not_marked():
    drawn = figure(with_parts(6, []), chosen(["Volume", "CVD"]))

    (volume,) = traces(drawn, "Volume")
    assert volume.customdata is None
    assert volume.marker.pattern.shape is None
    assert len(traces(drawn, "CVD")) == 1


@pytest.mark.parametrize("span", MARKET_SPANS)
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_every_span_makes_a_chart_of_a_bounded_number_of_bars(span, timeframe):
    """Where another timeframe is drawn than was asked for, a sentence says so."""
    drawn = market_range(span, timeframe)

    assert MIN_BARS <= drawn.bars <= MAX_BARS
    assert drawn.bars * TIMEFRAMES[drawn.timeframe] == MARKET_SPANS[span]
    assert (drawn.note is None) == (drawn.timeframe == timeframe)


def test_funding_is_a_step_from_payment_to_payment():
    """A rate holds for its period: what lies between two of them was never paid."""
    lines = [
        trace for trace in chart(50, ("binance", "bybit")).data if "Funding" in (trace.name or "")
    ]

    assert len(lines) >= 2
    assert {trace.line.shape for trace in lines} == {"hv"}
