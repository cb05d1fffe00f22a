"""Klines of Binance's archive: with and without a first line, of five minutes and of one."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore\n"
)
START = 1_759_276_800_000
"""2025-10-01 00:00 UTC. [ms]"""
NAME = "BTCUSDT-5m-2025-10-01"


def kline(
    nth,
    minutes=5,
    prices="100,110,90,105",
    volume="5",
    quote="500",
    bought="200",
    unit=1,
    count=9,
    start=START,
    lasts=None,
):
    """Return the line of the *nth* kline after midnight; *lasts* are the minutes it is open."""
    opened = int(start + nth * minutes * 60_000) * unit
    closed = opened + int((lasts or minutes) * 60_000 * unit) - 1
    return f"{opened},{prices},{volume},{closed},{quote},{count},2,{bought},0\n"


@pytest.mark.parametrize(
    ("header", "day"),
    [(HEADER, datetime(2025, 10, 1, tzinfo=UTC)), ("", datetime(2021, 10, 1, tzinfo=UTC))],
    ids=["with a first line", "without, before there was one"],
)
def test_a_kline_of_five_minutes_is_a_bar(take, rows, header, day):
    """Volumes are in USD: quote volume, and of it what takers bought and sold."""
    start = int(day.timestamp() * 1000)
    text = header + kline(0, start=start) + kline(1, start=start)
    summary = take(f"BTCUSDT-5m-{day:%Y-%m-%d}.zip", text)

    first, second = rows("select * from bars order by ts")
    assert first["ts"].replace(tzinfo=UTC) == day
    assert [first[name] for name in ("open", "high", "low", "close")] == [100, 110, 90, 105]
    flows = [first[name] for name in ("volume_usd", "taker_buy_usd", "taker_sell_usd")]
    assert flows == [500, 200, 300]
    assert (first["oi_usd"], first["funding_rate"], first["volume_24h_usd"]) == (None, None, None)
    assert (second["ts"] - first["ts"]).total_seconds() == 300
    assert (summary.rows_read, summary.stored["bars"]) == (2, 2)


def test_five_klines_of_a_minute_are_a_bar(take, rows):
    """First open, highest, lowest, last close, and sums, whatever the order of the lines."""
    prices = ["10,12,9,11", "11,15,11,14", "14,14,7,8", "8,9,8,9", "9,10,9,9.5"]
    lines = [kline(nth, 1, each, quote="100", bought="60") for nth, each in enumerate(prices)]

    summary = take("BTCUSDT-1m-2025-10-01.csv", HEADER + "".join(reversed(lines)))

    (bar,) = rows("select * from bars")
    assert [bar[name] for name in ("open", "high", "low", "close")] == [10, 15, 7, 9.5]
    flows = [bar[name] for name in ("volume_usd", "taker_buy_usd", "taker_sell_usd")]
    assert flows == [500, 300, 200]
    assert (summary.rows_read, summary.stored["bars"], summary.refused) == (5, 1, {})


def test_a_missing_minute_leaves_a_hole_rather_than_a_low_volume(take, rows):
    """Four of five minutes are not a bar; the whole ones around them are."""
    lines = [kline(nth, 1) for nth in range(15) if nth != 7]

    summary = take("BTCUSDT-1m-2025-10-01.csv", HEADER + "".join(lines))

    assert [row["ts"].minute for row in rows("select ts from bars order by ts")] == [0, 10]
    assert summary.refused == {"incomplete five minutes": 4}


@pytest.mark.parametrize("minutes", [1, 5])
@pytest.mark.parametrize("year", [2023, 2024, 2026])
def test_klines_without_names_are_of_the_spot_market_since_futures_have_them(
    refusal, year, minutes
):
    """USD-M klines have a first line since 2022 and spot klines never: BTCUSDT is both."""
    start = int(datetime(year, 6, 1, tzinfo=UTC).timestamp() * 1000)
    text = "".join(kline(nth, minutes, start=start) for nth in range(5))

    said = refusal(f"BTCUSDT-{minutes}m-{year}-06-01.csv", text)

    assert "no header line" in said
    assert "it is from the spot archive; take the file from data/futures/um" in said


def test_klines_of_before_there_were_names_are_taken_with_a_word(take):
    """Until then both markets' files look the same, and nothing but their folder tells."""
    start = int(datetime(2022, 12, 31, tzinfo=UTC).timestamp() * 1000)

    summary = take("BTCUSDT-5m-2022-12-31.csv", kline(0, start=start))

    assert summary.stored["bars"] == 1
    assert any("may also be spot klines" in note for note in summary.notes)


@pytest.mark.parametrize("header", [HEADER, ""], ids=["with a first line", "without"])
def test_times_in_microseconds_are_of_the_spot_market(refusal, header):
    """Only its archive has them, since 2025."""
    said = refusal(f"{NAME}.csv", header + kline(0, unit=1000) + kline(1, unit=1000))

    assert "its times are in microseconds, so it is from the spot archive" in said


def test_a_second_kline_of_an_open_time_that_differs_is_no_repeat(take, rows):
    """The first counts; what is left out is called what it is."""
    text = HEADER + kline(0) + kline(1, prices="101,103,99,102")
    text += kline(1, prices="131,133,129,132") + kline(2) * 2

    summary = take(f"{NAME}.csv", text)

    assert summary.refused == {"second kline with the same open time": 1, "exact duplicate": 1}
    found = rows("select close from bars order by ts")
    assert [row["close"] for row in found] == [105, 102, 105]


def test_a_second_minute_that_differs_is_counted_and_adds_nothing(take, rows):
    """Neither the volume nor the prices of five minutes count a minute twice."""
    lines = [kline(nth, 1, quote="100") for nth in range(5)]
    lines.insert(3, kline(2, 1, quote="900"))

    summary = take("BTCUSDT-1m-2025-10-01.csv", HEADER + "".join(lines))

    assert rows("select volume_usd from bars") == [{"volume_usd": 500}]
    assert summary.refused == {"second kline with the same open time": 1}


def test_a_kline_that_closed_early_is_left_out_and_the_others_stored(take, rows):
    """A halt of trading cuts one short; its flows are not those of five minutes."""
    text = HEADER + kline(0) + kline(1, lasts=2.5) + kline(2)

    summary = take(f"{NAME}.csv", text)

    assert [row["ts"].minute for row in rows("select ts from bars order by ts")] == [0, 10]
    assert summary.refused == {"kline closed early": 1}


def test_a_minute_that_closed_early_leaves_its_five_minutes_out(take, rows):
    lines = [kline(nth, 1, lasts=0.5 if nth == 7 else None) for nth in range(15)]

    summary = take("BTCUSDT-1m-2025-10-01.csv", HEADER + "".join(lines))

    assert [row["ts"].minute for row in rows("select ts from bars order by ts")] == [0, 10]
    assert summary.refused == {
        "kline closed early": 1,
        "incomplete five minutes": 4,
    }


def test_a_repeated_kline_counts_once(take):
    summary = take(f"{NAME}.csv", HEADER + kline(0) * 2)

    assert summary.refused == {"exact duplicate": 1}
    assert summary.stored["bars"] == 1


def test_prices_that_cannot_be_are_refused_by_value(take, rows):
    """A price of 0 becomes NULL; the volume beside it stays."""
    summary = take(f"{NAME}.csv", HEADER + kline(0, prices="100,110,0,105"))

    (bar,) = rows("select low, close, volume_usd from bars")
    assert list(bar.values()) == [None, 105, 500]
    assert summary.values_refused == {"low: zero or negative": 1}


def test_prices_that_contradict_each_other_refuse_the_row(take):
    """A close above the high means a shifted column, not a price."""
    summary = take(f"{NAME}.csv", HEADER + kline(0, prices="100,101,90,105") + kline(1))

    assert summary.refused == {"open or close outside high and low": 1}
    assert summary.stored["bars"] == 1


@pytest.mark.parametrize("interval", ["3m", "15m", "1h", "1d", "1s", "1mo"])
def test_other_intervals_are_refused_with_the_way_out(refusal, interval):
    """Bars are five minutes; the sentence says which file to take instead."""
    said = refusal(f"BTCUSDT-{interval}-2025-10-01.csv", HEADER + kline(0))

    assert re.search(f"it has {interval} klines; bars need the 5m or 1m file", said)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        pytest.param(
            f"{NAME}.csv",
            HEADER + kline(0) + kline(1, 15),
            r"line 3: not a 5-minute kline: it opens at",
            id="longer than its name says",
        ),
        pytest.param(
            f"{NAME}.csv",
            HEADER + kline(0) + kline(1.2),
            r"line 3: not a 5-minute kline: it opens at 1759277160000",
            id="off its mark",
        ),
        pytest.param(
            f"{NAME}.csv",
            kline(0) + kline(1)[:40],
            r"line 2: expected 12 columns, found \d",
            id="cut in a line",
        ),
        pytest.param(
            f"{NAME}.csv",
            HEADER + kline(0) + ",".join(["", *kline(1).split(",")[1:]]),
            r"line 3: not a 5-minute kline: it opens at None",
            id="no time",
        ),
        pytest.param(
            f"{NAME}.csv",
            kline(0, prices="100,high,90,105"),
            r"line 1: high should be a number, not 'high'",
            id="text for a price",
        ),
        pytest.param(
            f"{NAME}.csv",
            "17,1,1,1,1,1,299999,1,1,1,1,0\n",
            r"line 1: not a \d+-minute kline",
            id="of the year 1970",
        ),
        pytest.param(
            f"{NAME}.csv",
            HEADER + kline(0, lasts=1) + kline(1, lasts=1),
            r"line 2: not a 5-minute kline",
            id="all of another interval",
        ),
        pytest.param("klines.csv", kline(0), "keep the name that Binance gave it", id="of whom"),
        pytest.param("BTCUSDT_251226-5m-2025-10-01.csv", kline(0), "dated future", id="dated"),
        pytest.param(
            "BTCUSD_PERP-5m-2025-10-01.csv", kline(0), "coin-margined", id="coin-margined"
        ),
        pytest.param(
            f"{NAME}.csv",
            HEADER + kline(0, volume="0", quote="0", bought="0", count=300),
            "mark, index or premium prices",
            id="mark prices",
        ),
        pytest.param(
            f"data/spot/daily/klines/BTCUSDT/5m/{NAME}.csv", kline(0), "spot market", id="spot"
        ),
    ],
)
def test_what_is_no_kline_of_a_perpetual_is_refused(refusal, name, text, sentence):
    """In one sentence, with the line where one is to blame."""
    assert re.search(sentence, refusal(name, text))
