"""The Market chart itself: how much it sends, and how it draws many bars."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analytics.errors import PerpscopeError
from analytics.market.pair_history import METRICS, history
from analytics.palette import DARK
from analytics.panels.panel import TIMEFRAMES, Panel
from analytics.signals.thresholds import Thresholds
from dashboard.charts import linked_chart
from dashboard.charts.linked_chart import changes, whole
from dashboard.components.time_range import MARKET_SPANS, MAX_BARS, MIN_BARS, market_range
from dashboard.pair_chart.chart import Drawing, market_chart
from dashboard.pair_chart.empty_panes import drawable, sentences
from dashboard.pair_chart.panes import FIRST, LABELS, PANES, PRICE, chosen
from dashboard.pair_chart.scales import newest

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
    return drawn(whole, drawable(whole, [], chosen(labels)), venues=True)


def drawn(whole, panes, *, venues=False, averages=(), trades=None):
    drawing = Drawing(
        alerts=[],
        trades=trades or {},
        history=whole,
        until=NOW,
        now=NOW,
        signals=[],
        panes=panes,
        bands=True,
        averages=averages,
        venues=venues,
        thresholds=Thresholds(),
        colors=DARK,
        subject="BTC 24 h 5m",
        alt="BTC: Price",
        file="perpscope_btc",
        layout="own",
        forced=False,
        fills=True,
    )
    return market_chart(drawing)


def pane(drawn, label):
    return next(one for one in drawn.parts["panes"] if one["label"] == label)


def kinds(drawn, label):
    return [one["kind"] for one in pane(drawn, label)["series"]]


FOR_A_STUDY = (
    "OI coins",
    "OI split",
    "OI robust z-score",
    "CVD/OI",
    "OBV",
    "ATR",
    "Volatility",
    "Premium",
)
"""Panes that are switched on one at a time."""


@pytest.mark.parametrize(("bars", "most_kb"), [(288, 70), (2016, 360), (MAX_BARS, 520)])
def test_a_chart_is_small_enough_to_open(bars, most_kb):
    """Every pane but those of a study, with two other venues; and these add two fifths at most."""
    usual = [label for label in LABELS if label not in FOR_A_STUDY]
    venues = ("binance", "bybit", "okx")

    assert len(json.dumps(whole(chart(bars, venues, usual), 1))) < 1000 * most_kb
    assert len(json.dumps(whole(chart(bars, venues), 1))) < 1400 * most_kb


def test_panes_of_a_study_are_off_at_first():
    assert not {*FOR_A_STUDY} & {*FIRST}
    assert {*FOR_A_STUDY} <= {*LABELS}


def received(known, update):
    """Return the lines that a browser has after *update*, which had *known* before."""
    times = update["times"]
    if update["after"] is None:
        lines = {}
    else:
        shift = (times["first"] - known["first"]) // times["step"]
        lines = {}
        for name, line in known["lines"].items():
            lines[name] = np.full(times["bars"], np.nan, np.float32)
            kept = line[shift : shift + times["bars"]]
            lines[name][: len(kept)] = kept
    for name, sent in update["lines"].items():
        if sent is None:
            del lines[name]
            continue
        start, text = sent
        line = lines.setdefault(name, np.full(times["bars"], np.nan, np.float32))
        line[start:] = np.frombuffer(base64.b64decode(text), "<f4")
    return {"first": times["first"], "lines": lines}


def later(one, **changed):
    """Return the chart *one* with other lines."""
    return replace(one, lines={**one.lines, **changed})


def test_updates_add_up_to_the_chart():
    """A tick in the last bar, a late bar, a new bar, a line that comes and one that goes."""
    first = chart(60)
    tick = first.lines["close"].copy()
    tick[-1] += 1
    late = first.lines["oi_usd"].copy()
    late[17] = np.nan
    ticked = later(first, close=tick)
    mended = later(ticked, oi_usd=late)
    moved = replace(
        mended,
        first=mended.first + 2 * mended.step,
        lines={name: np.append(line[2:], [1, 2]) for name, line in mended.lines.items()},
    )
    fewer = replace(moved, lines={n: x for n, x in moved.lines.items() if n != "rsi_14"})
    states = [first, ticked, mended, moved, fewer, moved]

    known = received(None, json.loads(json.dumps(whole(first, 1))))
    for number, (before, now) in enumerate(pairwise(states), 2):
        update = json.loads(json.dumps(changes(now, before, number)))
        assert (update["number"], update["after"]) == (number, number - 1)
        known = received(known, update)
        assert known["lines"].keys() == now.lines.keys()
        for name, line in now.lines.items():
            np.testing.assert_array_equal(known["lines"][name], line.astype(np.float32))


def test_a_tick_sends_the_last_bar_of_what_moved():
    first = chart(288)
    tick = first.lines["close"].copy()
    tick[-1] += 1

    update = changes(later(first, close=tick), first, 2)

    assert list(update["lines"]) == ["close"]
    assert update["lines"]["close"][0] == 287
    assert update["parts"] == {}
    assert len(json.dumps(update)) < 200


def test_a_new_bar_sends_the_bar_and_not_the_day():
    """Sums from the left edge begin elsewhere then, and go as a whole."""
    long, venues = found(289), ("binance",)
    sides = [
        replace(
            long,
            times=long.times[part],
            lines={name: line[part] for name, line in long.lines.items()},
            coverage={name: line[part] for name, line in long.coverage.items()},
        )
        for part in (slice(None, -1), slice(1, None))
    ]
    panes = drawable(long, [], chosen(FIRST))
    before, after = (drawn(side, panes, venues=bool(venues)) for side in sides)

    update = changes(after, before, 2)

    assert {start for start, _ in update["lines"].values()} == {287}
    assert len(json.dumps(update)) < 5_000


@pytest.mark.parametrize("change", ["step", "first"])
def test_another_grid_of_bars_is_sent_as_a_whole(change):
    one = chart(50)
    other = {"step": replace(one, step=900), "first": replace(one, first=one.first - one.step)}

    assert changes(other[change], one, 2) is None


def test_another_library_is_refused(monkeypatch):
    """The code knows one version: another would fail in the browser, where nobody sees why."""
    monkeypatch.setattr(linked_chart, "_LIBRARY_SHA256", "0" * 64)

    with pytest.raises(PerpscopeError, match=r"install lwcharts==0\.3\.0"):
        linked_chart.code.__wrapped__()


def test_names_reach_the_page_as_text_alone():
    own = "".join(
        path.read_text() for path in Path(linked_chart.__file__).parent.glob("javascript/*.js")
    )

    assert "textContent" in own
    assert not re.search("innerHTML|outerHTML|insertAdjacentHTML|document.write", own)


def test_few_bars_are_candles_and_many_are_a_line():
    """Thinner than a pixel a candle says nothing."""
    few, many = chart(288), chart(2_000)

    assert kinds(few, "Price")[:2] == ["candles", "band"]
    assert kinds(many, "Price")[:2] == ["line", "band"]
    assert kinds(few, "RSI") == kinds(many, "RSI") == ["line"]
    assert kinds(few, "Volume") == kinds(many, "Volume") == ["columns"]


def test_rise_and_fall_differ_without_colour():
    """Columns stand above zero or below it; candles that rose are hollow, see the browser's."""
    (change,) = pane(chart(100), "OI change")["series"]

    assert (change["color"], change["down"]) == (DARK.up, DARK.down)


def test_every_pane_says_how_to_write_its_values():
    """As the figures beside the chart are written."""
    for one in chart(50).parts["panes"]:
        how = one["writing"]
        assert {*how} == {"style", "digits", "sign", "plus", "suffix"}
        assert one["smallest"] > 0
    ways = {one["label"]: one["writing"] for one in chart(50).parts["panes"]}
    assert ways["OI"] == {"style": "letters", "digits": 2, "sign": "$", "plus": False, "suffix": ""}
    assert ways["Funding"]["digits"] == 4
    assert ways["Funding"]["suffix"] == " %"


@pytest.mark.parametrize("bars", [1, 2])
def test_the_shortest_history_is_drawn(bars):
    """Nothing to fit a scale to, and no error."""
    assert chart(bars).bars == bars


@pytest.mark.parametrize("label", ["OI split", "Top traders"])
def test_two_lines_of_a_pane_are_named_in_their_colours(label):
    """Which is which can be seen without pointing at them."""
    one_chart = chart(50, labels=[label])
    lines = pane(one_chart, label)["series"]

    assert pane(one_chart, label)["several"]
    assert one_chart.parts["titles"][label]["value"] == ""
    assert len({one["color"] for one in lines}) == len({one["title"] for one in lines}) == 2
    assert all(one["named"] for one in lines)


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


@pytest.mark.parametrize(("label", "name"), [("Volume", "traded_usd"), ("CVD", "cvd_usd")])
def test_what_is_known_of_a_partial_bar_is_sent(label, name):
    """The browser hatches columns and dots lines where it is not all."""
    marked = drawn(with_parts(6, [2]), chosen([label]))
    plain = drawn(with_parts(6, []), chosen([label]))

    (series,) = pane(marked, label)["series"]
    assert series["known"] == f"{name} known"
    assert marked.lines[series["known"]].tolist() == [100, 100, 93.75, 100, 100, 100]
    assert pane(plain, label)["series"][0]["known"] is None
    assert f"{name} known" not in plain.lines


@pytest.mark.parametrize("span", MARKET_SPANS)
@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_every_span_makes_a_chart_of_a_bounded_number_of_bars(span, timeframe):
    """Where another timeframe is drawn than was asked for, a sentence says so."""
    drawn = market_range(span, timeframe)

    assert MIN_BARS <= drawn.bars <= MAX_BARS
    assert drawn.bars * TIMEFRAMES[drawn.timeframe] == MARKET_SPANS[span]
    assert (drawn.note is None) == (drawn.timeframe == timeframe)


def test_funding_is_a_step_from_payment_to_payment():
    """A rate holds for its period; where none was recorded, the last one goes on, dashed."""
    history = found(50, ("binance", "bybit"))
    guess = np.where(np.arange(50) < 7, 0.01, np.nan)
    holed = replace(history, lines={**history.lines, "funding_carried_8h_pct": guess})
    panes = chosen(["Funding"])
    own, carried, other = pane(drawn(holed, panes, venues=True), "Funding")["series"]

    assert [one["steps"] for one in (own, carried, other)] == [True] * 3
    assert (own["dash"], carried["dash"]) == ("", "dashed")
    assert carried["lines"] == ["funding_carried_8h_pct"]
    assert not carried["named"]
    assert other["title"] == "Bybit"
    assert len(pane(drawn(history, panes), "Funding")["series"]) == 1


def test_averages_are_lines_on_the_price_where_they_are_asked_for():
    """Each has its own colour, whichever others are there."""

    def tints(*names):
        figure = drawn(found(60), [PRICE], averages=names)
        series = figure.parts["panes"][0]["series"]
        return {one["id"]: one["color"] for one in series if one["id"] in names}

    both = tints("ema_20", "ema_50", "vwap")
    assert len(set(both.values())) == 3
    assert tints("vwap") == {"vwap": both["vwap"]}
    assert tints() == {}


def test_simulated_trades_are_marked_at_their_fills():
    """Entry and exit at bar and price, in the order of time, with words; none outside the bars."""
    whole = found(50)
    first = NOW - timedelta(minutes=250)
    at = [first + timedelta(minutes=5 * bar) for bar in range(60)]
    rows = [
        ("long", at[10], 100.0, at[20], 110.0, "signal", 9.9),
        ("short", at[5], 200.0, at[13], 190.0, "stop", 4.9),
        ("long", at[40], 300.0, pd.NaT, np.nan, "end", -1.0),
        ("long", first - timedelta(minutes=5), 90.0, at[2], 80.0, "signal", -11.0),
    ]
    names = ("side", "entry_ts", "entry_price", "exit_ts", "exit_price", "exit_reason")
    trades = pd.DataFrame(rows, columns=[*names, "return_pct"])
    trades["pnl_usd"] = 10 * trades["return_pct"]
    trades["exit_ts"] = pd.to_datetime(trades["exit_ts"], utc=True)

    made = drawn(whole, chosen(()), trades={"rsi": trades, "obv": trades.head(0)})

    marks = [(one["bar"], one["shape"], one["price"]) for one in made.parts["trades"]]
    assert marks == [
        (2, "circle", 80),
        (5, "arrowDown", 200),
        (10, "arrowUp", 100),
        # Reached within the bar that ends then.
        (12, "circle", 190),
        (20, "circle", 110),
        (40, "arrowUp", 300),
    ]
    words = {one["bar"]: one["text"] for one in made.parts["trades"]}
    assert words[10] == "RSI reversal: long at 100.000"
    assert words[12] == "RSI reversal: short from 200.000 to 190.000 by stop, +4.90 %"
    beside = made.parts["titles"]["Price"]["beside"]
    assert [(one["name"], one["value"]) for one in beside] == [
        ("RSI reversal", "4 trades, +$28.00"),
        ("OBV trend", "0 trades"),
    ]
    assert len({one["color"] for one in beside}) == 2
