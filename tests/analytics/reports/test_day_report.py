"""The market's day: figures by hand, and a report that can be printed."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pypdf
import pytest

from analytics.exports.charts import BarChart, LineChart
from analytics.exports.pdf import pdf_bytes
from analytics.exports.xlsx import xlsx_bytes
from analytics.palette import LIGHT
from analytics.panels.panel import Pair, Panel
from analytics.reports import day_report as module
from analytics.reports.day_report import Day
from analytics.signals.fired import Signal
from analytics.signals.thresholds import Thresholds

CLOSE = datetime(2025, 10, 23, tzinfo=UTC)


ASSETS = pd.DataFrame(
    {
        "base": ["BTC", "币安人生"],
        "price": [98_123.4, 0.0123],
        "price_24h_pct": [2.5, -4.0],
        "oi_usd": [9e9, 1e9],
        "oi_delta_pct": [12.5, np.nan],
        "funding_8h_pct": [0.01, 0.01],
        "ls_accounts": [2.0, 2.0],
        "volume_24h_usd": [20e9, np.nan],
        "liq_long_usd": [3e6, np.nan],
        "liq_short_usd": [0.5e6, np.nan],
    }
)
"""What ``assets.sql`` says of the pairs below."""

CLOSES = Panel(
    np.array(["2025-10-22T23:50", "2025-10-22T23:55"], "datetime64[ms]"),
    (Pair("binance", "BTC/USDT:USDT", "BTC"), Pair("okx", "BTC/USDT:USDT", "BTC")),
    {"close": np.array([[98_000.0, 1.0], [98_123.4, 1.0]])},
    "5m",
    CLOSE,
)


def signal(minute, z, tier=1, **values):
    """One of BTC on binance, in the five minutes from 07:*minute* on."""
    ts = datetime(2025, 10, 22, 7, minute, tzinfo=UTC)
    of = {"venue": "binance", "symbol": "BTC/USDT:USDT", "base": "BTC", "timeframe": "5m"}
    seen = {"z_oi": z, "oi_delta_pct": 1.0, **values}
    return Signal(tier=tier, **of, ts=ts, now=ts, values=seen, thresholds={})


def day_report(close, origin, pairs, history, assets=ASSETS, signals=()):
    """The report of a day of these."""
    day = Day(
        pairs=pairs, history=history, silent=0, assets=assets, closes=CLOSES,
        signals=signals, thresholds=Thresholds(),
    )  # fmt: skip
    return module.day_report(close, origin, day)


def test_bitcoin_leads_with_price_positions_and_what_was_liquidated(pairs, history):
    """Before the market's figures, with a chart of the venue where most of it is held."""
    report = day_report(CLOSE, "live", pairs, history)

    assert report.title == "Day report, 22 Oct 2025"
    assert [(one.label, one.value, one.change) for one in report.figures[:3]] == [
        ("BTC", "98,123.40", "+2.50 % in 24 h"),
        ("BTC open interest", "$9.00B", "+12.50 % in 24 h"),
        (
            "BTC funding 8 h, OI-weighted",
            "+0.0100 %",
            "Liquidated: longs $3.00M and shorts $500.00K",
        ),
    ]
    assert report.charts[0].title == "BTC price, Binance"
    assert report.charts[0].series[0].y.tolist() == [98_000.0, 98_123.4]


def test_signals_of_the_day_are_sentences_each_kind_once(pairs, history):
    """The largest, when it was, and how often there were others; the gravest first."""
    both = {"ls_accounts": 3.5, "book_imbalance_pct": 4.0}
    signals = [signal(0, 3.3), signal(5, 2.6), signal(10, 2.7, tier=2, **both)]

    report = day_report(CLOSE, "live", pairs, history, signals=signals)

    table = report.sections[0]
    assert table.frame.to_numpy().tolist() == [
        ["■■■", "BTC Binance", "OI +2.7 σ in 5m, crowd long (L/S 3.50), more bids", "07:15", 1],
        ["■", "BTC Binance", "OI +3.3 σ in 5m (+1.00 %)", "07:05", 2],
    ]
    assert "■■ takers move price" in table.note
    card = next(one for one in report.figures if one.label == "Signals")
    assert (card.value, card.change) == ("3", "1 ■■■, 0 ■■, 2 ■")
    assert "z of OI change 2.50" in report.state["Thresholds"]


@pytest.fixture
def pairs():
    """Three pairs on two venues; one of them rose, one fell, one does not know."""
    return pd.DataFrame(
        {
            "venue": ["binance", "binance", "okx"],
            "symbol": ["BTC/USDT:USDT", "币安人生/USDT:USDT", "BTC/USDT:USDT"],
            "base": ["BTC", "币安人生", "BTC"],
            **dict.fromkeys(("received_ts", "oi_usd_ts", "funding_ts"), [CLOSE] * 3),
            **dict.fromkeys(("price_ts", "volume_24h_usd_ts"), [CLOSE] * 3),
            "price": [98_123.4, 0.0123, np.nan],
            "price_24h_pct": [2.5, -4.0, np.nan],
            "price_24h_pct_then": [2.5, -4.0, np.nan],
            "oi_usd": [6e9, 1e9, 3e9],
            "volume_24h_usd": [10e9, np.nan, 10e9],
            "funding_8h_pct": [0.01, 0.01, 0.01],
            "ls_accounts": [2.0, 2.0, np.nan],
            "oi_usd_then": [5e9, np.nan, 3e9],
            "volume_24h_usd_then": [10e9, np.nan, 10e9],
            "funding_8h_pct_then": [0.02, 0.01, 0.01],
            "ls_accounts_then": [1.0, np.nan, np.nan],
            **dict.fromkeys(("oi_delta_s", "volume_delta_s", "price_delta_s"), [86_400.0] * 3),
            **dict.fromkeys(("funding_delta_s", "ls_delta_s"), [86_400.0, 86_390.0, 86_340.0]),
        }
    )


@pytest.fixture
def history():
    """The sums of a day of two bars, of which okx missed the second."""
    times = pd.to_datetime(["2025-10-22 23:50", "2025-10-22 23:55"], utc=True)
    binance = {
        **_sums("oi", 5e9, 7e9, 7e9),
        **_sums("volume", 10e9, 10e9, 10e9),
        **_sums("weighed", 60e18, 60e18, 10e9),
        **_sums("funding", 7e7, 7e7, 7e9),
        **_sums("longs", 14e9 / 3, 14e9 / 3, 7e9),
        **_sums("risen", 1, 1, 2),
        "liq_long_usd": 3e6,
        "liq_short_usd": 0.5e6,
        **dict.fromkeys(("liq_long_known", "liq_short_known", "pair_count"), 2),
    }
    okx = {**binance, **_sums("oi", 3e9, 3e9, 3e9)}
    return pd.concat(
        [
            pd.DataFrame({"venue": "binance", "ts": times, "oi_usd": [5e9, 7e9], **binance}),
            pd.DataFrame({"venue": "okx", "ts": times, "oi_usd": [3e9, None], **okx}),
        ]
    )


def _sums(short, then, now, weight):
    values = {"then": then, "now": now, "weight": weight, "whole": now, "whole_weight": weight}
    return {f"{short}_{kind}": value for kind, value in values.items()}


def charts(report):
    return {chart.title: chart for chart in report.charts}


def test_figures_are_those_of_the_market(pairs, history):
    """10 billion at stake, and so on; each as the cards write it."""
    report = day_report(CLOSE, "live", pairs, history)

    values = {figure.label: figure.value for figure in report.figures}
    assert values["Open interest"] == "$10.00B"
    assert values["Volume 24 h"] == "$20.00B"
    assert values["Funding 8 h, OI-weighted"] == "+0.0100 %"
    assert values["Long/short, OI-weighted"] == "2.00"
    assert values["Breadth 24 h"] == "50 %"
    told = {figure.label: figure.change for figure in report.figures}
    # 6 and 3 billion where 5 and 3 were, a day ago; the third pair is not known then.
    assert told["Open interest"] == "+12.50 % in 24 h of 2 pairs"
    # Six of ten dollars paid 0.02 %.
    assert told["Funding 8 h, OI-weighted"] == "-0.0060 pp in 23 h 59 min to 24 h"
    assert report.state["Venues"] == "Binance and OKX"
    assert "Breadth 24 h: from 2 of 3 pairs." in report.notes


def test_risers_did_rise_and_fallers_fell(pairs, history):
    """With few pairs the list is short, not filled up from the other end."""
    found = charts(day_report(CLOSE, "live", pairs, history))

    rose, fell = found["Top gainers, price 24 h"], found["Top losers, price 24 h"]
    assert isinstance(rose, BarChart)
    assert (rose.labels, rose.values) == (["BTC"], [2.5])
    assert (fell.labels, fell.values) == (["币安人生"], [-4.0])
    assert rose.note == "Of 2 assets."


def test_silent_venue_is_a_gap(pairs, history):
    """Not a fall to nothing."""
    history["oi_then"] = [5e9, 7e9, 3e9, 3e9]

    found = charts(day_report(CLOSE, "live", pairs, history))
    chart = found["Open interest by venue, change in the day"]

    assert isinstance(chart, LineChart)
    lines = {series.name: list(series.y) for series in chart.series}
    assert lines["Binance"] == pytest.approx([0.0, 40.0])
    assert lines["OKX"][0] == 0.0
    assert np.isnan(lines["OKX"][1])
    assert [one.color for one in chart.series] == [LIGHT.of_venue("binance"), LIGHT.of_venue("okx")]


def test_a_hole_in_the_day_is_a_gap(pairs, history):
    """No line runs across the five minutes that nobody recorded."""
    history.loc[history["ts"] == history["ts"].min(), "ts"] -= pd.Timedelta("5min")

    course = charts(day_report(CLOSE, "live", pairs, history))["Open interest"].series[0]

    assert [f"{time:%H:%M}" for time in pd.DatetimeIndex(course.x)] == ["23:45", "23:50", "23:55"]
    assert np.isnan(course.y).tolist() == [False, True, False]


def test_venues_share_the_market(pairs, history):
    """70 and 30 percent of the open interest."""
    shares = day_report(CLOSE, "live", pairs, history).sections[2].frame.set_index("venue")

    assert shares["oi_share_pct"].to_dict() == pytest.approx({"binance": 70.0, "okx": 30.0})
    assert shares["pairs"].to_dict() == {"binance": 2, "okx": 1}


def a_day(history, known, venues=("binance", "okx")):
    """The history with 288 five minutes of each venue; *known* says of how many pairs, of 10.

    Longs are liquidated for 1e5 USD of each pair that is heard, shorts for a tenth of it.
    """
    ends = pd.date_range(end=CLOSE, periods=288, freq="5min")
    parts = []
    for venue in venues:
        heard = np.array([known(venue, n) for n in range(288)], float)
        told = heard > 0
        parts.append(
            pd.DataFrame(
                {
                    **history.iloc[0].to_dict(), "venue": venue, "ts": ends,
                    "liq_long_usd": np.where(told, 1e5 * heard, np.nan),
                    "liq_short_usd": np.where(told, 1e4 * heard, np.nan),
                    "liq_long_known": heard, "liq_short_known": heard, "pair_count": 10,
                }
            )
        )  # fmt: skip
    return pd.concat(parts)


def liquidated(report):
    return {f.label: f.value for f in report.figures if "liquidated" in f.label}


def test_liquidations_of_a_day_that_is_whole_are_the_sum(pairs, history):
    """Two venues of ten pairs, 288 times; what is older than a day is not in it."""
    day = a_day(history, lambda venue, n: 10)
    older = day.assign(ts=day["ts"] - pd.Timedelta(days=1))

    report = day_report(CLOSE, "live", pairs, pd.concat([older, day]))

    assert liquidated(report) == {
        "Longs liquidated 24 h": "$576.00M",
        "Shorts liquidated 24 h": "$57.60M",
    }
    assert not any("iquidat" in note for note in report.notes)
    assert not charts(report)["Liquidations per 5 min"].series[0].partial.any()


def test_liquidations_of_which_a_part_is_missing_are_marked(pairs, history):
    """OKX was not heard for 4 of 24 hours: 11/12 of the day, and no sum while half is missing."""
    day = a_day(history, lambda venue, n: 0 if venue == "okx" and n < 48 else 10)

    report = day_report(CLOSE, "live", pairs, day)

    assert liquidated(report)["Longs liquidated 24 h"] == "$528.00M, partial"
    assert (
        "Longs liquidated: 91.7 % of the day is covered, over pairs and venues, and summed."
        in report.notes
    )
    course = charts(report)["Liquidations per 5 min"].series[0]
    assert np.isfinite(course.y).sum() == 240


def test_five_minutes_of_which_a_part_of_the_pairs_is_heard_are_marked(pairs, history):
    """8 of 10 pairs of both venues in one of them: shown and ringed."""
    day = a_day(history, lambda venue, n: 8 if n == 100 else 10)

    report = day_report(CLOSE, "live", pairs, day)

    course = charts(report)["Liquidations per 5 min"].series[0]
    assert np.flatnonzero(course.partial).tolist() == [100]
    assert course.y[100] == 16e5
    assert "Longs liquidated: 99.9 % of the day is covered" in " ".join(report.notes)


def test_liquidations_of_less_than_three_quarters_of_a_day_are_absent(pairs, history):
    """Heard since noon: half a day's liquidations are not the day's."""
    day = a_day(history, lambda venue, n: 10 if n >= 144 else 0)

    report = day_report(CLOSE, "live", pairs, day)

    assert set(liquidated(report).values()) == {"–"}
    assert "Longs liquidated: 50.0 % of the day is covered" in " ".join(report.notes)
    assert np.isfinite(charts(report)["Liquidations per 5 min"].series[0].y).sum() == 144


def test_a_newest_bar_that_is_not_written_yet_is_not_missing(pairs, history):
    """The report of right after a mark: its day ends with the newest bar."""
    day = a_day(history, lambda venue, n: 10)
    day["ts"] -= pd.Timedelta(minutes=5)

    report = day_report(CLOSE, "live", pairs, day)

    assert liquidated(report)["Longs liquidated 24 h"] == "$576.00M"


def test_a_venue_without_liquidations_is_named(pairs, history):
    """The sum is without it, and is whole for the others."""
    day = a_day(history, lambda venue, n: 10 if venue == "binance" else 0)

    report = day_report(CLOSE, "live", pairs, day)

    assert liquidated(report)["Longs liquidated 24 h"] == "$288.00M"
    assert "Liquidations: no data from OKX." in report.notes


def test_a_day_without_liquidations_says_so(pairs, history):
    """As every other figure that is absent does; nothing is no chart."""
    history[["liq_long_usd", "liq_short_usd"]] = np.nan
    history[["liq_long_known", "liq_short_known"]] = 0

    report = day_report(CLOSE, "live", pairs, history)

    values = {figure.label: figure.value for figure in report.figures}
    assert values["Longs liquidated 24 h"] == values["Shorts liquidated 24 h"] == "–"
    assert "Liquidations per 5 min" not in charts(report)
    assert "Liquidations: no data in these 24 hours." in report.notes


def test_it_prints_and_says_whose_market_it_is(pairs, history):
    """The same tables go into a workbook."""
    report = day_report(CLOSE, "simulator", pairs, history)

    pages = pypdf.PdfReader(io.BytesIO(pdf_bytes(report))).pages
    assert all("SIMULATED MARKET" in page.extract_text() for page in pages)
    assert xlsx_bytes(report.sections, {}).startswith(b"PK")


def test_day_of_nothing_prints(pairs, history):
    """An empty record has a report that says so, and no traceback."""
    report = day_report(CLOSE, "live", pairs.head(0), history.head(0), ASSETS.head(0))

    (text, *_) = [
        page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf_bytes(report))).pages
    ]
    assert "No value is known." in text
    assert "No rows." in text
    assert "–" in text
