"""Bars that are completed piece by piece."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files

from analytics.lake.bars import VALUES, known_at

NOON = datetime.fromisoformat("2026-03-01 12:00")
COLUMNS = "select symbol, open, close, oi_usd, origin, snapshot_count from bars order by symbol"


def test_adds_new_bars_and_fills_what_is_null(lake, bars, asked):
    """Prices from one file and open interest from another make one bar."""
    lake.append(("bars", bars({"symbol": "A", "open": 1.0})))

    changed = lake.fill_bars(bars({"symbol": "A", "oi_usd": 5.0}, {"symbol": "B", "oi_usd": 6.0}))

    assert changed == (1, 1)
    assert asked(lake, COLUMNS) == [
        ("A", 1.0, None, 5.0, "live", 10),
        ("B", None, None, 6.0, "live", 10),
    ]


def test_overwrites_nothing(lake, bars, asked):
    """What was heard first stays, and so do the bar's origin and count of snapshots."""
    lake.append(("bars", bars(open=1.0, close=None)))

    changed = lake.fill_bars(bars(open=9.0, close=2.0, origin="import", snapshot_count=0))

    assert changed == (0, 1)
    assert asked(lake, COLUMNS) == [("S0", 1.0, 2.0, None, "live", 10)]


def test_the_same_rows_again_change_nothing(lake, bars, asked):
    """An import may be repeated; no bar is written that gains nothing."""
    given = bars({"open": 1.0}, {"open": 2.0, "ts": NOON + timedelta(minutes=5)})
    lake.fill_bars(given)
    files = list(lake.layout.data.rglob("*.parquet"))

    assert lake.fill_bars(given) == (0, 0)
    assert lake.fill_bars(bars(origin="import")) == (0, 0)
    assert list(lake.layout.data.rglob("*.parquet")) == files


def test_incoming_rows_for_one_bar_complete_each_other(lake, bars, asked):
    """Each known value counts, the first where two know it, for new and for stored bars."""
    lake.append(("bars", bars(symbol="A", open=1.0)))
    pieces = [{"close": 2.0}, {"oi_usd": 5.0, "close": 8.0}, {"open": 9.0, "oi_usd": 7.0}]
    given = [piece | {"symbol": symbol} for symbol in ("A", "B") for piece in pieces]

    changed = lake.fill_bars(bars(*given))

    assert changed == (1, 1)
    assert asked(lake, COLUMNS) == [
        ("A", 1.0, 2.0, 5.0, "live", 10),
        ("B", 9.0, 2.0, 5.0, "live", 10),
    ]


def test_fills_bars_of_several_months_and_files(lake, bars, asked):
    """Deletions in several files at once lose no bar and double none, merged or not."""
    times = [NOON + timedelta(days=12 * number) for number in range(6)]
    for time in times:
        lake.append(
            ("bars", bars(*({"symbol": symbol, "ts": time, "open": 1.0} for symbol in "AB")))
        )

    changed = lake.fill_bars(bars(*({"symbol": "A", "ts": time, "close": 2.0} for time in times)))
    lake.maintain(datetime.fromisoformat("2026-06-01"), whole_days=True)

    assert changed == (0, 6)
    query = "select symbol, count(*), count(distinct ts), sum(open), sum(close) from bars"
    assert asked(lake, f"{query} group by symbol order by symbol") == [
        ("A", 6, 6, 6.0, 12.0),
        ("B", 6, 6, 6.0, None),
    ]


def test_no_bars_are_no_work(lake, bars):
    """An empty file is not an error."""
    assert lake.fill_bars(bars().slice(0, 0)) == (0, 0)


def test_a_renewed_bar_takes_the_fresh_figures_and_keeps_the_rest(lake, bars, asked):
    """Late snapshots correct a bar; what they do not know stays, and so does its being ours."""
    lake.append(("bars", bars({"symbol": "A"}, {"symbol": "B"}, open=1.0, close=2.0)))

    fresh = bars(symbol="A", open=5.0, close=None, oi_usd=6.0, snapshot_count=11, origin="import")
    changed = lake.renew_bars(fresh)

    assert changed == (0, 1)
    assert lake.renew_bars(fresh) == (0, 0)
    assert asked(lake, COLUMNS) == [
        ("A", 5.0, 2.0, 6.0, "live", 11),
        ("B", 1.0, 2.0, None, "live", 10),
    ]


def test_a_bar_is_not_made_anew_of_fewer_snapshots(lake, bars, asked):
    """Most of those that it was made of may be gone by now: the one that is left knows less."""
    lake.renew_bars(bars(high=9.0, close=2.0, snapshot_count=10))

    changed = lake.renew_bars(bars(high=1.0, close=1.0, snapshot_count=1))

    assert changed == (0, 0)
    assert asked(lake, "select high, close, snapshot_count from bars") == [(9, 2, 10)]


def test_bars_that_were_filled_in_are_known_to_an_append(lake, bars):
    """Whichever way a bar came, it is there once."""
    lake.fill_bars(bars(close=1.0))
    lake.renew_bars(bars(close=1.0, symbol="S1"))

    assert lake.append(("bars", bars({}, {"symbol": "S1"}, {"symbol": "S2"}))) == {"bars": 1}


def at(hours):
    return NOON + timedelta(hours=hours)


def stamped(rows, hours):
    return known_at(rows, at(hours).replace(tzinfo=UTC))


KNOWN = "select known_ts, filled from bars order by symbol"


def test_each_value_is_known_from_when_it_came(lake, bars, asked):
    """Three backfills complete a bar, and each keeps the time of what it brought."""
    lake.append(("bars", stamped(bars(open=1.0, high=None), 1)))
    lake.fill_bars(stamped(bars(open=7.0, close=2.0, origin="backfill"), 2))
    lake.fill_bars(stamped(bars(close=8.0, oi_usd=5.0, origin="backfill"), 3))
    lake.fill_bars(stamped(bars(close=9.0, oi_usd=9.0, origin="backfill"), 4))

    assert asked(lake, KNOWN) == [(at(1), {"close": at(2), "oi_usd": at(3)})]


def test_a_bar_that_is_made_anew_knows_its_new_figures_from_then_on(lake, bars, asked):
    """What the late snapshots changed; what they confirm was known before."""
    lake.append(("bars", stamped(bars(open=1.0, close=2.0, oi_usd=5.0), 1)))

    lake.renew_bars(stamped(bars(open=1.0, close=3.0, snapshot_count=11), 2))

    assert asked(lake, KNOWN) == [(at(1), {"close": at(2)})]
    assert asked(lake, COLUMNS) == [("S0", 1.0, 3.0, 5.0, "live", 11)]


def test_a_fetched_bar_is_known_earlier_where_it_turns_out_to_have_been_heard(lake, bars, asked):
    """Readings of a recording count from their bar's end on; what else it holds does not."""
    fetched = {"origin": "backfill", "snapshot_count": 0, "close": 2.0, "oi_usd": 5.0}
    lake.fill_bars(stamped(bars(**fetched), 3))

    lake.renew_bars(bars(close=4.0, origin="import", snapshot_count=2))

    assert asked(lake, KNOWN) == [(None, {"oi_usd": at(3)})]


def test_a_bar_of_ours_is_not_known_before_it_was_written(lake, bars, asked):
    """Whatever is imported beside it."""
    lake.append(("bars", stamped(bars(close=2.0, snapshot_count=1), 1)))

    lake.renew_bars(bars(close=4.0, origin="import", snapshot_count=2))

    assert asked(lake, KNOWN) == [(at(1), None)]


def test_every_value_of_a_bar_is_seen_as_it_was_known():
    """A column that is new is in known_bars.sql, too."""
    text = (files("analytics") / "sql" / "known_bars.sql").read_text("utf-8")

    assert re.findall(r"filled\['(\w+)'\] > .*, null, (\w+)\) as (\w+)", text) == [
        (name, name, name) for name in VALUES
    ]
