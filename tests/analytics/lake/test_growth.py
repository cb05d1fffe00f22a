"""A lake of an earlier version is opened, and has everything of this one afterwards."""

from __future__ import annotations

from datetime import datetime

import pytest

from analytics.errors import LakeError
from analytics.lake import Lake, schema
from analytics.records import Gap, Liquidation

NOON = datetime.fromisoformat("2026-03-01 12:00")

LIQUIDATION = Liquidation(
    venue="okx",
    symbol="BTC/USDT:USDT",
    base="BTC",
    side="long",
    price=60_000.0,
    quantity_base=0.5,
    usd=30_000.0,
    venue_ts=NOON,
    received_ts=NOON,
    id="1",
)
GAP = Gap(
    venue="okx",
    channel="trades",
    symbol="*",
    started_ts=NOON,
    ended_ts=NOON,
    reason="closed",
    outcome="repaired",
    repaired_rows=3,
)


@pytest.fixture
def first_version(folder, snapshots, cycle):
    """A lake as the first version left it: without streams, liquidations and gaps."""
    with Lake(folder) as lake:
        lake.append(("snapshots", snapshots()), ("cycles", cycle()))
        with lake.cursor() as cursor:
            cursor.execute("alter table cycles drop column streams")
            cursor.execute("drop table liquidations")
            cursor.execute("drop table gaps")
            cursor.execute("update lake_info set value = '1' where key = 'schema_version'")
        lake.publish()
    return folder


def test_an_older_lake_grows_what_it_lacks_and_keeps_its_rows(first_version, cycle, asked):
    """What was stored before has NULL in the new columns; new rows go in beside it."""
    with Lake(first_version) as lake:
        assert lake.damaged == []
        assert lake.info()["schema_version"] == str(schema.VERSION)
        assert asked(lake, "select venue, streams from cycles") == [("binance", None)]
        assert asked(lake, "select count(*) from snapshots") == [(3,)]
        for table in schema.TABLES:
            described = asked(lake, f"describe {table}")
            assert [row[0] for row in described] == schema.arrow_schema(table).names
        stored = lake.append_records([LIQUIDATION, GAP, LIQUIDATION])
        assert stored == {"gaps": 1, "liquidations": 1}
        assert lake.append_records([LIQUIDATION, GAP]) == {"gaps": 0, "liquidations": 0}


def test_growth_that_fails_leaves_the_lake_as_it_was(first_version, monkeypatch, asked):
    """Half a new version is none: the next start begins again."""
    with monkeypatch.context() as patch:
        patch.setattr("analytics.lake.identity._keep_in_catalog", _stop)
        with pytest.raises(LakeError, match="Input/output error"):
            Lake(first_version)

    with Lake(first_version) as lake:
        assert lake.info()["schema_version"] == str(schema.VERSION)
        assert asked(lake, "select count(*) from gaps") == [(0,)]


def _stop(*_):
    raise OSError(5, "Input/output error")


def test_a_reader_says_what_an_older_lake_needs(first_version, reader):
    """Its queries would ask for tables that are not there."""
    with pytest.raises(LakeError, match="perpscope collect"), reader.cursor():
        pass

    Lake(first_version).close()
    with pytest.raises(LakeError, match="perpscope collect"), reader.cursor():
        pass
    with Lake(first_version) as lake:
        lake.publish()
    with reader.cursor() as cursor:
        assert cursor.execute("select count(*) from gaps").fetchall() == [(0,)]
