"""From a stranger's files to a record: what columns are taken for, what is asked, what is built."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from analytics.bundle.write import Asked, write_bundle
from analytics.errors import ImportRefused
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from analytics.scratch import building, questions
from analytics.scratch.preview import Meaning
from collector.imports.files import import_file

START = datetime(2026, 3, 1, tzinfo=UTC)


def readings(count=40, step_s=30, **more):
    """Rows of a recorder of two pairs, in another program's words."""
    moments = [START + timedelta(seconds=step_s * (nth // 2)) for nth in range(count)]
    return pa.table(
        {
            "timestamp": pa.array([round(one.timestamp() * 1000) for one in moments]),
            "symbol": ["BTCUSDT", "1000PEPEUSDT"] * (count // 2),
            "exchange": ["BINANCE_FUTURES"] * count,
            "lastPrice": [60_000.0 + nth if nth % 2 == 0 else 0.01 for nth in range(count)],
            "openInterest": [1_000.0 + nth for nth in range(count)],
            "fundingRate": [0.0001] * count,
            **more,
        }
    )


def write_csv(path, table):
    path.write_text("\n".join(",".join(map(str, row)) for row in zip_rows(table)) + "\n")
    return path


def zip_rows(table):
    yield table.column_names
    yield from zip(*table.to_pydict().values(), strict=True)


def as_sqlite(path, table):
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"create table ticks ({', '.join(table.column_names)})")
        marks = ", ".join("?" * table.num_columns)
        database.executemany(f"insert into ticks values ({marks})", list(zip_rows(table))[1:])
        database.commit()
    return path


def as_duckdb(path, table):
    with duckdb.connect(path) as database:
        database.register("made", table)
        database.execute("create table ticks as from made")
    return path


def as_parquet(path, table):
    parquet.write_table(table, path)
    return path


def as_arrow(path, table):
    feather.write_feather(table, path)
    return path


def as_zip(path, table):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(write_csv(path.with_suffix(".txt"), table), "ticks.csv")
    return path


WRITERS = {
    "csv": write_csv,
    "sqlite": as_sqlite,
    "duckdb": as_duckdb,
    "parquet": as_parquet,
    "feather": as_arrow,
    "zip": as_zip,
}
ANSWERS = {"0/unit/openInterest": "coins", "0/funding_hours": "8"}


def test_every_format_gives_the_same_record(tmp_path, preview, built):
    """Units that names and sizes tell are taken; what they do not tell is asked, once."""
    answers = {}
    found = preview(
        *(write(tmp_path / f"ticks.{kind}", readings()) for kind, write in WRITERS.items())
    )
    assert found.refused == ()
    assert [file.format for file in found.files] == [
        *("CSV", "SQLite, table ticks", "DuckDB, table ticks", "Parquet", "Arrow", "zip, CSV")
    ]
    mapping = questions.suggested(found)
    asked = [question.key for question in questions.unanswered(found, mapping)]
    for file in found.files:
        guesses = {one.name: one.guess for one in file.columns}
        assert {name: guess.meaning for name, guess in guesses.items()} == {
            "timestamp": Meaning("time", "ms"),
            "symbol": Meaning("symbol", "name"),
            "exchange": Meaning("venue", "name"),
            "lastPrice": Meaning("price", "quote currency"),
            "openInterest": Meaning("oi_base", None),
            "fundingRate": Meaning("funding_rate", "ratio"),
        }
        assert all(guess.confidence > 0.5 and guess.reason for guess in guesses.values())
        assert (file.rows, file.step_s, len(file.first_rows)) == (40, 30.0, 8)
        wanted = {f"{file.key}/{part}" for part in ("unit/openInterest", "funding_hours")}
        assert wanted <= set(asked)
        answers |= {f"{file.key}/unit/openInterest": "coins", f"{file.key}/funding_hours": "8"}
    assert len(asked) == 2 * len(found.files)
    with pytest.raises(ImportRefused, match="an answer is missing: Unit of openInterest"):
        building.build(found, mapping, tmp_path / "none", lambda _: None)

    outcome, rows = built(found, answers)

    # Six files say the same: each row is stored once, and counted as repeated after that.
    assert (outcome.snapshots, outcome.bars, outcome.rows_read) == (40, 4, 240)
    assert outcome.refused == {"second row of a pair with the same time": 200}
    assert rows("select distinct venue, symbol, base from snapshots order by symbol") == [
        {"venue": "binance", "symbol": "1000PEPE/USDT:USDT", "base": "PEPE"},
        {"venue": "binance", "symbol": "BTC/USDT:USDT", "base": "BTC"},
    ]
    (pepe,) = rows("from snapshots where base = 'PEPE' order by received_ts limit 1")
    assert pepe["received_ts"] == START.replace(tzinfo=None)
    assert (pepe["oi_base"], pepe["oi_usd"]) == (1_001_000.0, 1001 * 0.01)
    assert (pepe["funding_rate"], pepe["funding_interval_h"]) == (0.0001, 8.0)
    assert pepe["mark"] is None
    (bar,) = rows("from bars where base = 'BTC' order by ts limit 1")
    assert (bar["open"], bar["high"], bar["close"]) == (60_000.0, 60_018.0, 60_018.0)
    assert (bar["snapshot_count"], bar["known_ts"]) == (10, None)
    facts = {row["key"]: row["value"] for row in rows("from lake_info")}
    assert json.loads(facts["clock"])["speed"] == 0
    assert outcome.last_ts == START + timedelta(seconds=30 * 19)


def test_what_a_file_does_not_say_is_asked_and_corrected_by_hand(tmp_path, preview, built):
    """Zone, quote, venue; a correction wins over the guess; rows that cannot be are counted."""
    lines = [
        "date,coin,last,oi,premium",
        "2026-03-01 09:00:00,BTC,60000,500000,1",
        "2026-03-01 09:00:00,BTC,60000,500000,1",
        "2026-03-01 09:00:30,BTC,-5,nan,2",
        "2026-03-01 09:01:00,BTC,60010,1e300,3",
        "soon,BTC,60020,500000,4",
        "2026-03-01 09:02:00,=HYPERLINK(1),60030,500000,5",
        "2026-03-01 09:02:30,BTC,=1+1,500000,6",
        "2026-03-01 09:03:00,BTC,60040,500000,7",
        "2099-03-01 09:03:00,BTC,60040,500000,7",
    ]
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    found = preview(tmp_path / "mine.csv")
    mapping = questions.suggested(found)
    open_ = {one.key: one for one in questions.unanswered(found, mapping)}
    assert list(open_) == ["0/zone", "0/quote", "0/venue", "0/unit/oi"]
    assert [value for value, _ in open_["0/unit/oi"].choices] == ["coins", "contracts", "USD"]
    assert not questions.is_answer(open_["0/zone"], "Middle/Earth")
    assert questions.is_answer(open_["0/zone"], "Asia/Kolkata")
    assert not questions.is_answer(open_["0/venue"], "My Venue")
    assert found.files[0].columns[4].guess.meaning == Meaning(None)

    answers = {"0/zone": "Asia/Tokyo", "0/quote": "USDC", "0/venue": "okx", "0/unit/oi": "USD"}
    corrected = mapping.correct("0", "premium", Meaning("spread_bps", "%"))
    outcome, rows = built(found, answers, corrected)

    stored = rows("select received_ts, symbol, price, oi_usd, spread_bps from snapshots order by 1")
    assert [(row["price"], row["oi_usd"], row["spread_bps"]) for row in stored] == [
        *((60000.0, 5e5, 100.0), (None, None, 200.0), (60010.0, None, 300.0)),
        *((None, 5e5, 600.0), (60040.0, 5e5, 700.0)),
    ]
    assert stored[0]["received_ts"] == datetime(2026, 3, 1)  # noqa: DTZ001 - 09:00 in Tokyo
    assert stored[0]["symbol"] == "BTC/USDC:USDC"
    assert outcome.refused == {
        "no time that can be": 1,
        "no name of a pair": 1,
        "second row of a pair with the same time": 1,
        "time in the future": 1,
    }
    assert outcome.values_refused == {
        "price: zero or negative": 1,
        "price: not a number": 1,
        "oi_usd: not a finite number": 1,
        "oi_usd: out of range": 1,
    }


def test_minutes_become_bars_of_five_whatever_counts_them(tmp_path, preview, built):
    """A minute is missing in the second five: no bar, since its volume would be too low."""
    minutes = [nth for nth in range(15) if nth != 7]
    files = []
    for unit, factor in {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}.items():
        table = pa.table(
            {
                "open_time": [(round(START.timestamp()) + 60 * nth) * factor for nth in minutes],
                **{name: [100.0 + nth for nth in minutes] for name in ("open", "close")},
                "high": [101.0 + nth for nth in minutes],
                "low": [99.0 + nth for nth in minutes],
                "volume": [2.0] * len(minutes),
            }
        )
        files.append(as_parquet(tmp_path / f"ETHUSDT-1m-{unit}.parquet", table))
    found = preview(*files)
    times = [file.columns[0].guess.meaning.unit for file in found.files]
    assert times == ["s", "ms", "us", "ns"]
    assert {file.symbol for file in found.files} == {"ETH/USDT:USDT"}

    answers = {f"{nth}/unit/volume": "coins" for nth in range(4)}
    outcome, rows = built(found, {**answers, "all/venue": "bybit"})

    bars = rows("from bars order by ts")
    assert [bar["ts"].minute for bar in bars] == [0, 10]
    first = bars[0]
    assert (first["open"], first["high"], first["low"], first["close"]) == (100, 105, 99, 104)
    assert first["volume_usd"] == pytest.approx(sum(2.0 * (100 + nth) for nth in range(5)))
    assert (first["known_ts"], first["origin"]) == (None, "import")
    assert outcome.refused == {"candles of five minutes that are not complete": 4 * 4}


def test_files_of_freqtrade_complete_one_another(tmp_path, preview, built):
    """Prices, mark and funding of one pair; hours give what held at their end, and nothing else."""
    frames = {
        "5m-futures": ([300 * nth for nth in range(24)], 10.0),
        "1h-mark": ([0, 3600], 11.0),
        "8h-funding_rate": ([-28800, 0, 3600], 0.0002),
    }
    files = []
    for name, (seconds, value) in frames.items():
        moments = pa.array(
            [START + timedelta(seconds=second) for second in seconds], pa.timestamp("ns", "UTC")
        )
        prices = {one: [value] * len(seconds) for one in ("open", "high", "low", "close")}
        table = pa.table({"date": moments, **prices, "volume": [1.0] * len(seconds)})
        files.append(as_arrow(tmp_path / f"XRP_USDT_USDT-{name}.feather", table))
    found = preview(*files)
    asked = [one.key for one in questions.unanswered(found, questions.suggested(found))]
    assert asked == ["all/venue", "0/unit/volume"]

    _, rows = built(found, {"all/venue": "binance", "0/unit/volume": "USD"})

    bars = rows("from bars where close is not null order by ts")
    assert len(bars) == 24
    assert [nth for nth, bar in enumerate(bars) if bar["mark"] == 11.0] == [11, 23]
    assert {bar["volume_usd"] for bar in bars} == {1.0}
    paid = bars[0]
    assert (paid["funding_rate"], paid["funding_interval_h"]) == (0.0002, 1.0)
    # The payment at 01:00 told it: nobody knew before.
    assert dict(paid["filled"])["funding_rate"] == datetime(2026, 3, 1, 1)  # noqa: DTZ001


def test_the_recorded_sqlite_is_what_an_import_makes_of_it(real, tmp_path, preview, built):
    """Every snapshot and bar, mock rows left out, and the pair in Chinese letters."""
    path = real / "futuresboard_2025-10-20_22.sqlite"
    found = preview(path)
    mapping = questions.suggested(found)
    assert [one.key for one in questions.unanswered(found, mapping)] == ["0/zone"]
    outcome, rows = built(found, {"0/zone": "UTC"})
    with Lake(tmp_path / "imported", reserve_bytes=0) as lake:
        summary = import_file(lake, path, lambda _done, _total: None)
        with lake.cursor() as cursor:
            for table, order in (("snapshots", "received_ts"), ("bars", "ts")):
                statement = f"from {table} order by venue, symbol, {order}"
                assert rows(statement) == cursor.execute(statement).to_arrow_table().to_pylist()

    assert outcome.snapshots == summary.stored["snapshots"]
    assert {**outcome.refused} == summary.refused
    assert outcome.refused["mock value of the recorder"] == 20
    assert rows("select count(*) > 0 as there from bars where base = '币安人生'") == [
        {"there": True}
    ]


def test_the_other_recorded_series_build(real, tmp_path, preview, built):
    """A minute series of BTC without zone, pair, exchange or unit: all of that is asked."""
    found = preview(real / "btc_perp_1m_2022-01.csv.gz", real / "futuresboard_2025-10-14_18.csv")
    assert found.refused == ()
    asked = [one.key for one in questions.unanswered(found, questions.suggested(found))]
    assert asked == ["all/zone", "0/stamp", "0/symbol", "0/venue", "0/unit/volume"]
    answers = {"all/zone": "UTC", "0/stamp": "end", "0/symbol": "BTC/USDT:USDT"}

    outcome, rows = built(found, {**answers, "0/venue": "bybit", "0/unit/volume": "USD"})

    (bybit,) = rows(
        "select count(*) as bars, sum(volume_usd) as usd from bars where venue = 'bybit'"
    )
    assert bybit["bars"] == 9006
    assert outcome.snapshots == 345


RULE = """
[[rule]]
name = "Rise"
when = "price > 60010"
"""


def test_a_bundle_is_opened_as_the_record_it_is(tmp_path, preview, built):
    """Of a record that was built; one byte of it changed, and it is refused."""
    table = readings(2 * 200)
    found = preview(as_parquet(tmp_path / "ticks.parquet", table))
    outcome, rows = built(found, ANSWERS)
    before = rows("from snapshots order by symbol, received_ts")
    bundle = tmp_path / "record.zip"
    asked = Asked(
        start=START + timedelta(minutes=10),
        end=outcome.last_ts,
        rules_text=RULE,
        interval_s=30,
    )
    write_bundle(tmp_path / "lake", asked, bundle)

    found = preview(bundle)
    assert [file.is_bundle for file in found.files] == [True]
    assert questions.unanswered(found, questions.suggested(found)) == ()
    said, folder = [], tmp_path / "opened"
    opened = building.build(found, questions.suggested(found), folder, said.append)

    assert said[-1].is_ready
    assert opened.last_ts == outcome.last_ts
    with Reader(folder).cursor() as cursor:
        statement = "from snapshots order by symbol, received_ts"
        assert cursor.execute(statement).to_arrow_table().to_pylist() == before
        ((speed,),) = cursor.execute(
            "select value::json->>'speed' from lake_info where key = 'clock'"
        ).fetchall()
        assert float(speed) == 0
    data = bytearray(bundle.read_bytes())
    data[len(data) // 2] ^= 1
    bundle.write_bytes(data)
    with pytest.raises(ImportRefused, match=r"record\.zip: "):
        building.build(found, questions.suggested(found), tmp_path / "third", said.append)
