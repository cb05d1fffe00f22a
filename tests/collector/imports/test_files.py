"""The way of a file into the lake: whole or not at all, in pieces, beside a collector."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from analytics.errors import ImportRefused, LakeError
from analytics.lake.imports import Import
from collector.imports import files
from collector.imports.files import import_file
from collector.imports.summary import ImportSummary

BTC = "BTC/USDT:USDT"
MIDNIGHT = datetime(2025, 10, 1, tzinfo=UTC)
HEADER = "venue,symbol,received_ts,price\n"


def reading(seconds, price=1.0, venue="binance", symbol=BTC):
    """A line of readings, *seconds* after midnight."""
    at = MIDNIGHT + timedelta(seconds=seconds)
    return f"{venue},{symbol},{at.isoformat()},{price}\n"


def snapshots(*seconds, price=2.0):
    """What a collector appends: snapshots heard *seconds* after midnight."""
    times = [MIDNIGHT.replace(tzinfo=None) + timedelta(seconds=each) for each in seconds]
    return pa.table(
        {
            "venue": ["binance"] * len(times),
            "symbol": [BTC] * len(times),
            "base": ["BTC"] * len(times),
            "received_ts": pa.array(times, pa.timestamp("ms")),
            "price": [price] * len(times),
        }
    )


def test_the_summary_survives_json(take):
    """The collector does the work; the command line shows what it says."""
    summary = take("readings.csv", HEADER + reading(1) + reading(2, price=-1))

    sent = json.loads(json.dumps(summary.as_json()))

    assert ImportSummary.from_json(sent) == summary
    assert summary.file.endswith("readings.csv")


def test_progress_grows_to_the_whole_with_every_commit(lake, write, monkeypatch, now):
    """Rows and the bars made of them both count; the last report is all of all."""
    monkeypatch.setattr(files, "CHUNK", 2)
    path = write("readings.csv", HEADER + "".join(reading(300 * n) for n in range(5)))
    reports = []

    import_file(lake, path, lambda done, total: reports.append((done, total)), now=now)

    assert {total for _, total in reports} == {10}
    done = [done for done, _ in reports]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 10)
    assert {2, 4, 5} <= set(done)


def test_rows_go_in_by_time_whatever_their_order_in_the_file(lake, write, monkeypatch, now):
    """An interrupted import leaves a beginning, not a sieve."""
    monkeypatch.setattr(files, "CHUNK", 2)
    path = write("readings.csv", HEADER + reading(30) + reading(20) + reading(10))
    pieces = []
    add = Import.add_snapshots

    def watched(self, rows):
        pieces.append(rows["received_ts"].to_pylist())
        return add(self, rows)

    monkeypatch.setattr(Import, "add_snapshots", watched)
    import_file(lake, path, lambda _done, _total: None, now=now)

    assert [[time.second for time in piece] for piece in pieces] == [[10, 20], [30]]


def test_an_interrupted_import_is_completed_by_the_next(lake, write, rows, monkeypatch, now):
    """What is stored is known, the rest is added, and no bar is missing."""
    monkeypatch.setattr(files, "CHUNK", 1)
    path = write("readings.csv", HEADER + "".join(reading(300 * n) for n in range(4)))
    add, calls = Import.add_snapshots, iter(range(10))

    def failing(self, rows):
        if next(calls) == 2:
            raise LakeError("the disk is full")
        return add(self, rows)

    monkeypatch.setattr(Import, "add_snapshots", failing)
    with pytest.raises(LakeError):
        import_file(lake, path, lambda _done, _total: None, now=now)
    assert rows("select count(*)::integer as n from bars") == [{"n": 0}]

    monkeypatch.setattr(Import, "add_snapshots", add)
    summary = import_file(lake, path, lambda _done, _total: None, now=now)

    assert (summary.already_there, summary.stored) == (2, {"snapshots": 2, "bars": 4})


def test_readings_are_corrected_and_taken_back_with_their_bars(lake, take, rows):
    """The bar of a corrected reading is made anew; undone, it is what it was before."""
    lake.append(("snapshots", snapshots(20, price=2.0)))
    first = take("readings.csv", HEADER + reading(30, price=9.0) + reading(310, price=9.0))
    second = take("later/readings.csv", HEADER + reading(30, price=3.0) + reading(310, price=9.0))

    assert (first.number, second.number) == (1, 2)
    assert (second.replaced, second.already_there) == (1, 1)
    assert [row["close"] for row in rows("select close from bars order by ts")] == [3, 9]

    lake.undo_import(2, MIDNIGHT, lambda _done, _total: None)
    assert [row["close"] for row in rows("select close from bars order by ts")] == [9, 9]
    lake.undo_import(1, MIDNIGHT, lambda _done, _total: None)
    assert rows("select price from snapshots") == [{"price": 2.0}]
    assert rows("select * from bars") == []


def test_live_cycles_go_on_during_an_import(lake, write, monkeypatch, rows, now):
    """Each commit lets the collector have its turn, and its rows stay apart."""
    monkeypatch.setattr(files, "CHUNK", 20)
    path = write("readings.csv", HEADER + "".join(reading(10 * n) for n in range(200)))
    between = []
    finished = threading.Event()

    def collect():
        second = 100_000
        while not finished.is_set():
            lake.append(("snapshots", snapshots(second)))
            between.append(second)
            second += 30
            finished.wait(0.01)

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        summary = import_file(lake, path, lambda _done, _total: None, now=now)
    finally:
        finished.set()
        collector.join()

    assert summary.stored["snapshots"] == 200
    assert len(between) >= 5
    (stored,) = rows("select count(*)::integer as n from snapshots")
    assert stored["n"] == 200 + len(between)


def test_a_bar_does_not_depend_on_the_order_of_arrival(lake, take, rows):
    """A reading that comes after its bar was made is folded in."""
    lake.append(("snapshots", snapshots(0, 60, price=2.0)))
    take("first.csv", HEADER + reading(30, price=2.0))

    summary = take("second.csv", HEADER + reading(90, price=9.0))

    (bar,) = rows("select open, high, close, snapshot_count from bars")
    assert list(bar.values()) == [2.0, 9.0, 9.0, 4]
    assert summary.stored == {"snapshots": 1, "bars": 0}


def test_bars_are_made_of_all_snapshots_of_their_five_minutes(lake, take, rows):
    """Where no bar is yet, what was collected and what is imported make one together."""
    lake.append(("snapshots", snapshots(0, 200, price=2.0)))

    take("readings.csv", HEADER + reading(100, price=5.0))

    (bar,) = rows("select open, high, close, snapshot_count from bars")
    assert list(bar.values()) == [2.0, 5.0, 2.0, 3]


def test_only_the_five_minutes_touched_get_bars(lake, take, rows):
    """Bars of other stretches and instruments are the collector's to write."""
    lake.append(("snapshots", snapshots(0, 300, 600)))

    take("readings.csv", HEADER + reading(310) + reading(910, symbol="ETH/USDT:USDT"))

    found = rows("select symbol, ts from bars order by ts")
    assert [(row["symbol"], row["ts"].minute) for row in found] == [(BTC, 5), ("ETH/USDT:USDT", 15)]


def test_five_minutes_that_are_not_over_get_no_bar_yet(lake, write, rows):
    """Their bar is written when they are over, by the collector that goes on."""
    path = write("readings.csv", HEADER + reading(10) + reading(310))

    import_file(lake, path, lambda _done, _total: None, now=MIDNIGHT + timedelta(minutes=7))

    assert [row["ts"].minute for row in rows("select ts from bars")] == [0]
    assert len(rows("select * from snapshots")) == 2


def test_readings_of_the_future_are_refused(lake, write, rows):
    """One row of next year would be the latest state for a year."""
    path = write("readings.csv", HEADER + reading(10) + reading(1000))

    summary = import_file(
        lake, path, lambda _done, _total: None, now=MIDNIGHT + timedelta(minutes=7)
    )

    assert summary.refused == {"time in the future": 1}


def test_several_venues_and_days_in_one_file(take, rows):
    """Each venue gets its own bars."""
    day = 86_400

    summary = take(
        "readings.csv", HEADER + reading(0) + reading(day, venue="okx") + reading(3 * day)
    )

    assert summary.venue == "binance, okx"
    assert summary.stored == {"snapshots": 3, "bars": 3}
    assert [row["venue"] for row in rows("select venue from bars order by ts")] == [
        "binance",
        "okx",
        "binance",
    ]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("absent.csv", "no such file"), ("", "it is a folder; list the files in it")],
)
def test_what_is_no_file_is_refused(untouched, tmp_path, name, sentence):
    with pytest.raises(ImportRefused, match=sentence):
        import_file(untouched, tmp_path / name, lambda _done, _total: None)


def test_the_real_minute_bars_without_venue_and_symbol_are_refused(untouched, recordings):
    """A plain OHLCV file does not say whose prices these are; the sentence says what to add."""
    path = recordings / "series" / "btc_perp_1m_2022-01.csv.gz"

    with pytest.raises(ImportRefused, match="line 1: columns missing: 'venue', 'symbol', 'ts'"):
        import_file(untouched, path, lambda _done, _total: None)
