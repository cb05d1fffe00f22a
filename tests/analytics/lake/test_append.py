"""What an append stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest

from analytics.errors import LakeError
from analytics.lake import schema
from analytics.lake.records import Cycle, Instrument, Snapshot
from analytics.lake.writer import Lake

NOON = datetime.fromisoformat("2026-03-01 12:00")
COUNT = "select count(*) from snapshots"


def instrument(symbol, venue="binance"):
    return Instrument(
        venue=venue,
        symbol=symbol,
        venue_id=symbol,
        base=symbol,
        multiplier=1.0,
        contract_size=1.0,
        linear=True,
        quote="USDT",
        oi_unit="contracts",
        in_universe=True,
        first_seen_ts=NOON,
        last_seen_ts=NOON,
    )


def test_stores_and_publishes_what_was_appended(lake, reader, snapshots, asked):
    """A row comes back with the values it went in with, and the caller hears how many did."""
    stored = lake.append(("snapshots", snapshots(2, price=1.5, flags="imported")))
    lake.publish()

    assert stored == {"snapshots": 2}
    rows = asked(reader, "select symbol, received_ts, price, flags from snapshots order by symbol")
    assert rows == [("S0", NOON, 1.5, "imported"), ("S1", NOON, 1.5, "imported")]


def test_an_append_with_no_rows_stores_nothing(lake, snapshots):
    """A venue that answered nothing is not an error."""
    assert lake.append(("snapshots", snapshots(0))) == {"snapshots": 0}
    assert lake.append() == {}


def test_leaves_out_rows_whose_key_is_stored(lake, snapshots, asked):
    """Sending rows again after a crash stores none twice and changes none."""
    lake.append(("snapshots", snapshots(2, price=1.0)))

    stored = lake.append(("snapshots", snapshots(3, price=2.0)))

    assert stored == {"snapshots": 1}
    rows = asked(lake, "select symbol, price from snapshots order by symbol")
    assert rows == [("S0", 1.0), ("S1", 1.0), ("S2", 2.0)]


def test_leaves_out_stored_rows_after_a_restart_and_a_merge(folder, lake, snapshots, asked):
    """Nothing about idempotence lives in memory or in the layout of files."""
    lake.append(("snapshots", snapshots(2)))
    lake.append(("snapshots", snapshots(2, NOON + timedelta(seconds=30))))
    lake.maintain(NOON, whole_days=True)
    lake.close()

    with Lake(folder) as again:
        stored = again.append(
            ("snapshots", snapshots(2)), ("snapshots", snapshots(2, NOON + timedelta(seconds=30)))
        )

        assert stored == {"snapshots": 0}
        assert asked(again, COUNT) == [(4,)]


def test_the_first_of_two_rows_with_one_key_counts(lake, snapshots, asked):
    """Within a part and between the parts of a call, earlier rows win."""
    twice = pa.concat_tables([snapshots(500, price=float(n)) for n in range(20)])

    stored = lake.append(("snapshots", twice), ("snapshots", snapshots(500, price=99.0)))

    assert stored == {"snapshots": 500}
    assert asked(lake, "select distinct price from snapshots") == [(0.0,)]


def test_absent_columns_become_null(lake, snapshots, asked):
    """Unknown is NULL, never 0, and columns may come in any order."""
    rows = snapshots(1, price=None, oi_usd=5.0)

    lake.append(("snapshots", rows.select(rows.column_names[::-1])))

    assert asked(lake, "select price, mark, oi_usd, flags from snapshots") == [
        (None, None, 5.0, None)
    ]


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-7))])
def test_aware_times_are_stored_as_utc_milliseconds(lake, asked, zone):
    """An instant is the same whatever zone it was said in, down to its day's partition."""
    instant = datetime(2026, 3, 1, 23, 59, 59, 123_456, tzinfo=UTC)
    local = pa.array([instant.astimezone(zone)])
    row = {"venue": ["v"], "symbol": ["s"], "base": ["b"], "received_ts": local, "venue_ts": local}

    lake.append(("snapshots", pa.table(row)))

    stored = datetime.fromisoformat("2026-03-01 23:59:59.123")
    assert asked(lake, "select received_ts, venue_ts from snapshots") == [(stored, stored)]
    assert lake.append(("snapshots", pa.table(row))) == {"snapshots": 0}


def test_records_of_any_types_go_in_together(lake, asked):
    """A cycle's rows of all tables are one commit."""
    snapshot = Snapshot(
        venue="binance", symbol="S", base="S", received_ts=NOON.replace(tzinfo=UTC), price=1.0
    )
    cycle = Cycle(
        venue="binance",
        started_ts=NOON,
        finished_ts=NOON,
        asked=1,
        answered=1,
        skipped=0,
        refused=0,
        refused_reasons=None,
        latency_ms=None,
        requests=1,
        budget_used_pct=None,
        error=None,
    )

    stored = lake.append_records([snapshot, cycle, instrument("S"), snapshot])

    assert stored == {"snapshots": 1, "cycles": 1, "instruments": 1}
    assert asked(lake, "select received_ts from snapshots") == [(NOON,)]


def test_a_commit_is_all_or_nothing(lake, snapshots, cycle, asked, monkeypatch):
    """When the second table fails, the first keeps nothing, and neither do its folders."""

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("analytics.lake.session.sync_with_folders", refuse)
        with pytest.raises(LakeError, match="cannot write"):
            lake.append(("snapshots", snapshots()), ("cycles", cycle()))

    assert asked(lake, f"select ({COUNT}), (select count(*) from cycles)") == [(0, 0)]
    assert list(lake.layout.data.rglob("*.parquet")) == []
    assert lake.append(("snapshots", snapshots()), ("cycles", cycle())) == {
        "snapshots": 3,
        "cycles": 1,
    }


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"color": "red"}, "snapshots has no column color"),
        ({"price": "much"}, "snapshots.price is not double"),
        ({"base": None}, "snapshots.base must have a value in every row"),
        ({"received_ts": None}, "snapshots.received_ts must have a value in every row"),
    ],
)
def test_rows_that_do_not_fit_are_refused(lake, snapshots, asked, columns, complaint):
    """The error names the table, the column and what is wrong; nothing is stored."""
    with pytest.raises(LakeError, match=complaint):
        lake.append(("snapshots", snapshots(**columns)))

    assert asked(lake, COUNT) == [(0,)]


def test_replaces_the_instruments_of_one_venue_alone(lake, asked):
    """A delisted contract goes, another venue's contracts stay, an empty list empties."""
    query = "select venue, symbol from instruments order by all"
    lake.replace_instruments("binance", [instrument("A"), instrument("B")])
    lake.replace_instruments("okx", [instrument("A", "okx")])

    lake.replace_instruments("binance", [instrument("B"), instrument("C")])
    replaced = asked(lake, query)
    lake.replace_instruments("binance", [])

    assert replaced == [("binance", "B"), ("binance", "C"), ("okx", "A")]
    assert asked(lake, query) == [("okx", "A")]


def test_facts_about_the_lake_are_replaced_and_survive(folder, lake):
    """Each key has the value it was given last, also after maintenance and a restart."""
    lake.set_info(clock="a")
    lake.set_info(clock="b", other="x")
    lake.maintain(datetime.now(UTC) + timedelta(hours=3), whole_days=True)
    lake.set_info(clock="c")
    lake.close()

    with Lake(folder) as again:
        assert again.info() == {
            "schema_version": str(schema.VERSION),
            "origin": "live",
            "clock": "c",
            "other": "x",
        }
        assert list(again.layout.home("lake_info").iterdir()) == []


@pytest.mark.parametrize("failing", ["sync_with_folders", "sync"])
def test_rows_of_an_append_that_failed_can_be_sent_again(
    lake, snapshots, asked, monkeypatch, failing
):
    """Whether the commit reached the disk before the error or not, no row is stored twice."""
    lake.append(("snapshots", snapshots()))
    later = ("snapshots", snapshots(at=NOON + timedelta(minutes=1)))

    def refuse(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(f"analytics.lake.session.{failing}", refuse)
        with pytest.raises(LakeError, match="cannot write"):
            lake.append(later)
    lake.append(later)

    assert asked(lake, "select count(*), count(distinct (symbol, received_ts)) from snapshots") == [
        (6, 6)
    ]


def test_rows_that_come_late_or_out_of_order_are_told_from_stored_ones(lake, snapshots, asked):
    """Nothing depends on time moving on, for one venue or beside another."""
    times = [NOON + timedelta(minutes=minute) for minute in (5, 1, 9, 5, 3, 1, 9, 0)]

    stored = [
        lake.append(("snapshots", snapshots(2, at, venue=venue)))["snapshots"]
        for at in times
        for venue in ("binance", "okx")
    ]

    assert stored == [2, 2, 2, 2, 2, 2, 0, 0, 2, 2, 0, 0, 0, 0, 2, 2]
    assert asked(lake, COUNT) == [(20,)]
