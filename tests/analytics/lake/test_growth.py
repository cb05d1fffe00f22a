"""A lake of an earlier version is opened, and has everything of this one afterwards."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from analytics.errors import LakeError
from analytics.lake import schema, upgrade
from analytics.lake.records import Gap, Liquidation
from analytics.lake.upgrade import Step
from analytics.lake.writer import Lake

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


OF_BOTH_SIDES = {"oi_raw": 90.0, "oi_base": 90_000.0, "oi_usd": 450.0, "oi_venue_usd": 452.0}
OF_ONE_SIDE = (45.0, 45_000.0, 225.0, 226.0)


def _second_version(folder, origin, snapshots, bars):
    """Leave a lake as the second version did, with Bybit's open interest of both sides."""
    bar = {"oi_base": 8.0, "oi_usd": 40.0, "oi_usd_open": 20.0, "oi_usd_high": 60.0}
    bar |= {"oi_usd_low": 10.0, "close": 5.0}
    minutes = [NOON + timedelta(minutes=5 * n) for n in range(3)]
    of = ("live", "backfill", "import")
    made = [bar | {"ts": ts, "origin": origin} for ts, origin in zip(minutes, of, strict=True)]
    with Lake(folder, origin=origin) as lake:
        lake.append(
            ("snapshots", snapshots(1, venue="bybit", flags="partial:trades", **OF_BOTH_SIDES))
        )
        lake.append(("snapshots", snapshots(1, venue="binance", **OF_BOTH_SIDES)))
        read = {"venue": "bybit", "flags": "imported", **OF_BOTH_SIDES}
        lake.append(("snapshots", snapshots(1, at=NOON + timedelta(seconds=1), **read)))
        silent = {"venue": "bybit", "price": 5.0}
        lake.append(("snapshots", snapshots(1, at=NOON + timedelta(seconds=2), **silent)))
        lake.append(("bars", bars(*made, venue="bybit")), ("bars", bars(*made)))
        with lake.cursor() as cursor:
            cursor.execute("update lake_info set value = '2' where key = 'schema_version'")


SNAPSHOTS = (
    "select venue, oi_raw, oi_base, oi_usd, oi_venue_usd, flags from snapshots "
    "order by venue, received_ts"
)
BARS = (
    "select origin, oi_base, oi_usd, oi_usd_open, oi_usd_high, oi_usd_low, close from bars "
    "where venue = '{}' order by ts"
)


@pytest.mark.parametrize("starts", [1, 2])
def test_bybits_open_interest_becomes_that_of_one_side_once(folder, snapshots, bars, asked, starts):
    """What Bybit said is halved and marked; other venues and what files said stay."""
    _second_version(folder, "live", snapshots, bars)

    for _ in range(starts):
        Lake(folder).close()

    with Lake(folder) as lake:
        assert asked(lake, SNAPSHOTS) == [
            ("binance", *OF_BOTH_SIDES.values(), None),
            ("bybit", *OF_ONE_SIDE, "partial:trades oi-halved"),
            ("bybit", *OF_BOTH_SIDES.values(), "imported"),
            ("bybit", None, None, None, None, None),
        ]
        whole, half = (8.0, 40.0, 20.0, 60.0, 10.0, 5.0), (4.0, 20.0, 10.0, 30.0, 5.0, 5.0)
        assert asked(lake, BARS.format("bybit")) == [
            ("live", *half),
            ("backfill", *half),
            ("import", *whole),
        ]
        assert {row[1:] for row in asked(lake, BARS.format("binance"))} == {whole}
        assert json.loads(lake.info()["bybit_oi_halved"]) == {
            "snapshots": 1,
            "snapshots_until": "2026-03-01 12:00:00",
            "bars": 2,
            "bars_until": "2026-03-01 12:05:00",
        }


def test_a_simulated_lake_is_right_as_it_is(folder, snapshots, bars, asked):
    """The simulator stated one side under the name that Bybit gives to both."""
    _second_version(folder, "simulator", snapshots, bars)

    with Lake(folder) as lake:
        assert asked(lake, SNAPSHOTS)[1] == ("bybit", *OF_BOTH_SIDES.values(), "partial:trades")
        assert asked(lake, BARS.format("bybit"))[0][1] == 8.0
        assert "bybit_oi_halved" not in lake.info()


def test_rows_that_an_older_program_left_unlisted_are_mended_too(
    folder, snapshots, bars, asked, live_files
):
    """Killed in its last append, it left a file that the start of the new version takes in."""
    with Lake(folder.with_name("other")) as other:
        at = NOON + timedelta(minutes=1)
        other.append(("snapshots", snapshots(1, at=at, venue="bybit", **OF_BOTH_SIDES)))
    (file,) = live_files(folder.with_name("other"))
    _second_version(folder, "live", snapshots, bars)
    there = folder / file.relative_to(folder.with_name("other"))
    shutil.copy(file, there)

    with Lake(folder) as lake:
        assert lake.recovered == 1
        assert asked(lake, SNAPSHOTS)[-1] == ("bybit", *OF_ONE_SIDE, "oi-halved")


def test_rows_written_since_an_upgrade_stay_where_the_catalog_of_before_is_put_back(
    folder, snapshots, bars, asked
):
    """From a backup: what it has is mended again, and what it lacks was of one side already."""
    _second_version(folder, "live", snapshots, bars)
    backup = (folder / "catalog.duckdb").read_bytes()
    with Lake(folder) as lake:
        at = NOON + timedelta(minutes=1)
        lake.append(("snapshots", snapshots(1, at=at, venue="bybit", **OF_BOTH_SIDES)))
    (folder / "catalog.duckdb").write_bytes(backup)

    with Lake(folder) as lake:
        assert asked(lake, SNAPSHOTS)[1:] == [
            ("bybit", *OF_ONE_SIDE, "partial:trades oi-halved"),
            ("bybit", *OF_BOTH_SIDES.values(), "imported"),
            ("bybit", None, None, None, None, None),
            ("bybit", *OF_BOTH_SIDES.values(), None),
        ]


def test_rows_are_halved_once_where_the_start_is_cut_short(
    folder, snapshots, bars, monkeypatch, asked
):
    """The rows and the version are one commit: neither half nor quarter."""
    _second_version(folder, "live", snapshots, bars)
    with monkeypatch.context() as patch:
        last = Step(version=3, run=_stop)
        patch.setattr("analytics.lake.upgrade.STEPS", (*upgrade.STEPS, last))
        with pytest.raises(LakeError, match="Input/output error"):
            Lake(folder)

    with Lake(folder) as lake:
        assert asked(lake, SNAPSHOTS)[1] == ("bybit", *OF_ONE_SIDE, "partial:trades oi-halved")


def test_what_an_older_lake_fetched_counts_as_fetched_at_its_upgrade(folder, bars, asked):
    """When it was, is not known. What was heard, by us or a recorder, was known at its end."""
    minutes = [NOON + timedelta(minutes=5 * n) for n in range(4)]
    made = [
        {"origin": "live", "snapshot_count": 10},
        {"origin": "live", "snapshot_count": 10, "volume_usd": 5.0},
        {"origin": "import", "snapshot_count": 2},
        {"origin": "backfill", "snapshot_count": 0, "volume_usd": 5.0},
    ]
    rows = [{"close": 1.0, "ts": ts, **row} for ts, row in zip(minutes, made, strict=True)]
    with Lake(folder) as lake:
        lake.append(("bars", bars(*rows)))
        with lake.cursor() as cursor:
            cursor.execute("alter table bars drop column known_ts")
            cursor.execute("alter table bars drop column filled")
            cursor.execute("update lake_info set value = '2' where key = 'schema_version'")

    began = datetime.now(UTC).replace(tzinfo=None)
    for _ in range(2):
        Lake(folder).close()

    with Lake(folder) as lake:
        since = datetime.fromisoformat(lake.info()["fetch_times_since"]).replace(tzinfo=None)
        assert began - timedelta(milliseconds=1) <= since
        assert asked(lake, "select known_ts, filled, close from bars order by ts") == [
            (None, None, 1.0),
            (None, {"volume_usd": since}, 1.0),
            (None, None, 1.0),
            (since, None, 1.0),
        ]
        assert asked(lake, "select count(*) from bars") == [(4,)]


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


def test_what_venues_call_by_another_name_is_one_base_from_then_on(folder, snapshots, bars, asked):
    """Once, in every table, and only where the venue means it; values stay as they were."""
    meant = {
        ("bybit", "NEIROCTO"): "NEIRO",
        ("binance", "LUNA2"): "LUNA",
        ("binance", "LUNA"): "LUNC",
        ("okx", "LUNA"): "LUNA",
        ("okx", "BEAMX"): "BEAMX",
    }
    with Lake(folder) as lake:
        for (venue, base), place in zip(meant, range(9), strict=False):
            named = {"venue": venue, "symbol": f"S{place}", "base": base}
            lake.append(("bars", bars(named, close=1.0 + place)))
            lake.append_records([replace(LIQUIDATION, venue=venue, base=base, symbol=f"S{place}")])
        with lake.cursor() as cursor:
            cursor.execute("update lake_info set value = '2' where key = 'schema_version'")
    with Lake(folder) as lake:
        for table in ("bars", "liquidations"):
            found = asked(lake, f"select base from {table} order by symbol")  # noqa: S608
            assert [base for (base,) in found] == list(meant.values())
        closes = asked(lake, "select close from bars order by symbol")
        assert [close for (close,) in closes] == [1.0, 2.0, 3.0, 4.0, 5.0]
    with Lake(folder) as lake:
        assert asked(lake, "select base from bars where symbol = 'S1'") == [("LUNA",)]
