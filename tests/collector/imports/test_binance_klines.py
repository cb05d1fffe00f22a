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
    nth, minutes=5, prices="100,110,90,105", volume="5", quote="500", bought="200", unit=1, count=9
):
    """Return the line of the *nth* kline after midnight."""
    opened = int(START + nth * minutes * 60_000) * unit
    closed = opened + minutes * 60_000 * unit - 1
    return f"{opened},{prices},{volume},{closed},{quote},{count},2,{bought},0\n"


@pytest.mark.parametrize("header", [HEADER, ""], ids=["with a first line", "without"])
def test_a_kline_of_five_minutes_is_a_bar(take, rows, header):
    """Volumes are in USD: quote volume, and of it what takers bought and sold."""
    summary = take(f"{NAME}.zip", header + kline(0) + kline(1))

    first, second = rows("select * from bars order by ts")
    assert first["ts"].replace(tzinfo=UTC) == datetime(2025, 10, 1, tzinfo=UTC)
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

    summary = take("BTCUSDT-1m-2025-10-01.csv", "".join(lines))

    assert [row["ts"].minute for row in rows("select ts from bars order by ts")] == [0, 10]
    assert summary.refused == {"of five minutes whose other minutes are missing": 4}


def test_times_in_microseconds_are_read_and_said(take, rows):
    """Binance's newer files have them, those of the spot market first."""
    summary = take(f"{NAME}.csv", kline(0, unit=1000))

    (bar,) = rows("select ts from bars")
    assert bar["ts"].replace(tzinfo=UTC) == datetime(2025, 10, 1, tzinfo=UTC)
    assert any("microseconds" in note for note in summary.notes)


def test_a_repeated_kline_counts_once(take):
    summary = take(f"{NAME}.csv", kline(0) * 2)

    assert summary.refused == {"an exact repeat": 1}
    assert summary.stored["bars"] == 1


def test_prices_that_cannot_be_are_refused_by_value(take, rows):
    """A price of 0 becomes NULL; the volume beside it stays."""
    summary = take(f"{NAME}.csv", kline(0, prices="100,110,0,105"))

    (bar,) = rows("select low, close, volume_usd from bars")
    assert list(bar.values()) == [None, 105, 500]
    assert summary.values_refused == {"low: zero or negative where it cannot be": 1}


def test_prices_that_contradict_each_other_refuse_the_row(take):
    """A close above the high means a shifted column, not a price."""
    summary = take(f"{NAME}.csv", kline(0, prices="100,101,90,105") + kline(1))

    assert summary.refused == {"open or close outside high and low": 1}
    assert summary.stored["bars"] == 1


@pytest.mark.parametrize("interval", ["3m", "15m", "1h", "1d", "1s", "1mo"])
def test_other_intervals_are_refused_with_the_way_out(refusal, interval):
    """Bars are five minutes; the sentence says which file to take instead."""
    said = refusal(f"BTCUSDT-{interval}-2025-10-01.csv", kline(0))

    assert re.search(f"says {interval}, .* use the file of 5m or of 1m", said)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        pytest.param(
            f"{NAME}.csv",
            HEADER + kline(0) + kline(1, 15),
            r"line 3: this is not a kline of 5 min: it opens at",
            id="longer than its name says",
        ),
        pytest.param(
            f"{NAME}.csv",
            kline(0) + kline(1.2),
            r"line 2: this is not a kline of 5 min: it opens at 1759277160000",
            id="off its mark",
        ),
        pytest.param(
            f"{NAME}.csv",
            kline(0) + kline(1)[:40],
            r"line 2: 12 columns are expected, there are \d",
            id="cut in a line",
        ),
        pytest.param(
            f"{NAME}.csv",
            kline(0) + ",".join(["", *kline(1).split(",")[1:]]),
            r"line 2: this is not a kline of 5 min: it opens at None",
            id="no time",
        ),
        pytest.param(
            f"{NAME}.csv",
            kline(0, prices="100,high,90,105"),
            r"line 1: high should be a number, it is 'high'",
            id="text for a price",
        ),
        pytest.param(
            f"{NAME}.csv",
            "17,1,1,1,1,1,299999,1,1,1,1,0\n",
            r"line 1: this is not a kline",
            id="of the year 1970",
        ),
        pytest.param("klines.csv", kline(0), "its name should be", id="of whom"),
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
            f"data/spot/daily/klines/BTCUSDT/5m/{NAME}.csv", kline(0), "the spot market", id="spot"
        ),
    ],
)
def test_what_is_no_kline_of_a_perpetual_is_refused(refusal, name, text, sentence):
    """In one sentence, with the line where one is to blame."""
    assert re.search(sentence, refusal(name, text))
