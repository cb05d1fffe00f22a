"""The tables of alerts and trades through their life: growth, upkeep, retention, loss, undoing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from analytics.lake import schema
from analytics.lake.imports import Facts
from analytics.lake.records import AlertAction, AlertDelivery, AlertEvent, Snapshot, Trade
from analytics.lake.writer import Lake

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TABLES = ("alert_events", "alert_actions", "alert_deliveries", "trades")


def minute(number):
    return NOON + timedelta(minutes=number)


def happened(number, count):
    """What a pass, persons and a channel leave in a minute, of *count* pairs."""
    named = [(f"S{pair}", {"rule": "Any", "subject": f"okx S{pair}"}) for pair in range(count)]
    events = [
        AlertEvent(
            **names,
            version="v1",
            started_ts=minute(number),
            change="firing",
            ts=minute(number),
            per="pair",
            venue="okx",
            symbol=symbol,
            base=symbol,
            timeframe="5m",
            severity="info",
            alert_group="any",
            condition="price > 0",
            message="",
            seen_values="{}",
            seen_ages_s="{}",
            channels="[]",
        )
        for symbol, names in named
    ]
    at = {"started_ts": minute(number), "ts": minute(number)}
    return [
        *events,
        *(
            AlertAction(id=f"{number} {symbol}", kind="acknowledge", **names, **at)
            for symbol, names in named
        ),
        *(
            AlertDelivery(
                **{"channel": "chat", "version": "v1", "change": "firing", "attempt": 1},
                **{"outcome": "sent", **names, **at},
            )
            for _, names in named
        ),
        *(
            Trade(
                **{"id": symbol, "change_id": f"{number}", "change": "edit", "side": "long"},
                **{"venue": "okx", "symbol": symbol, "base": symbol, "opened_ts": NOON},
                **{"entry_price": 1.0, "size_base": 1.0, "leverage": 1.0},
                ts=minute(number),
                maintenance_margin_pct=0.5,
            )
            for symbol, _ in named
        ),
    ]


def rows(lake, asked):
    return {table: asked(lake, f"select * from {table} order by all") for table in TABLES}


def counts(lake, asked):
    return [len(found) for found in rows(lake, asked).values()]


def test_alerts_are_rows_like_any_other(folder, asked, bars):
    """Few at a time stand in the catalog, many in files of their own."""
    with Lake(folder) as lake:
        with lake.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"drop table {table}")
            cursor.execute("update lake_info set value = '3' where key = 'schema_version'")
        lake.append_records([Snapshot(venue="okx", symbol="S0", base="S0", received_ts=NOON)])

    # A lake of version 3 grows them.
    with Lake(folder) as lake:
        assert lake.info()["schema_version"] == str(schema.VERSION)
        for number, count in enumerate((1, 30, 16, 17, 2)):
            stored = lake.append_records(happened(number, count))
            assert stored == dict.fromkeys(TABLES, count)
            assert lake.append_records(happened(number, count)) == dict.fromkeys(TABLES, 0)
        before = rows(lake, asked)
        lake.publish()
        backup = lake.layout.catalog.read_bytes()

        # Upkeep gathers them and changes none.
        for whole_days in (False, True):
            lake.maintain(datetime.now(UTC), whole_days=whole_days)
            assert rows(lake, asked) == before
        for table in TABLES:
            listed = f"from ducklake_list_files(current_catalog(), '{table}')"
            assert len(asked(lake, listed)) == 1

        # What is forgotten of the market is not of alerts, nor is what an import takes back.
        old = minute(7 * 24 * 60)
        fresh = Snapshot(venue="okx", symbol="S0", base="S0", received_ts=old, venue_ts=old)
        lake.append_records([fresh])
        assert lake.forget_snapshots(old, timedelta(days=2)) == 1
        lake.append_records(happened(9, 20))
        told = {"kind": "prices", "file": "a.csv", "sha256": "0" * 64, "stored_ts": NOON}
        spanned = {"first_ts": NOON.replace(tzinfo=None), "last_ts": old.replace(tzinfo=None)}
        facts = Facts(source="prices", **spanned, **told)
        lake.importing(facts).fill_bars(bars({"close": 1.0}, origin="import", snapshot_count=0))
        lake.undo_import(1, NOON, lambda _done, _total: None)
        assert counts(lake, asked) == [86, 86, 86, 86]

    # A catalog from a backup gets the rows of newer files.
    lake.layout.catalog.write_bytes(backup)
    lake.layout.catalog_wal.unlink(missing_ok=True)
    with Lake(folder) as lake:
        assert lake.recovered >= 80
        assert counts(lake, asked) == [86, 86, 86, 86]
        assert all(set(before[table]) <= set(found) for table, found in rows(lake, asked).items())
