"""Recordings of futuresboard: the real ones, and what can be wrong with such files."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from analytics.errors import ImportRefused
from analytics.files import contracts
from analytics.files.recordings import MOCK
from analytics.lake.writer import Lake
from collector.imports.files import import_file

SQLITE = "series/futuresboard_2025-10-20_22.sqlite"
CSV = "series/futuresboard_2025-10-14_18.csv"
SNAPSHOTS = "select symbol, received_ts, price, oi_usd from snapshots order by all"
COLUMNS = "symbol, timeframe, price, volume_24h, oi_usd, oi_abs_usd, vol_usd, timestamp"


def silent(_done, _total):
    """Take no notice of progress."""


def recorded(recordings, statement):
    """What the recorder's own file answers."""
    path = (recordings / SQLITE).absolute().as_uri()
    with closing(sqlite3.connect(f"{path}?mode=ro&immutable=1", uri=True)) as database:
        return database.execute(statement).fetchall()


@pytest.fixture(scope="module")
def real(recordings, tmp_path_factory):
    """The lake with the real SQLite recording in it, and the summary of its import."""
    with Lake(tmp_path_factory.mktemp("real"), reserve_bytes=0) as opened:
        yield opened, import_file(opened, recordings / SQLITE, silent)


@pytest.fixture
def stored(real):
    """What a query finds in that lake."""
    lake, _ = real

    def stored(statement):
        with lake.cursor() as cursor:
            return cursor.execute(statement).to_arrow_table().to_pylist()

    return stored


@pytest.fixture
def recording(tmp_path):
    """Make a recording of the given rows, in the order of COLUMNS."""

    def make(*rows):
        path = tmp_path / "recording.sqlite"
        with closing(sqlite3.connect(path)) as database:
            database.execute(f"create table metrics ({COLUMNS})")
            marks = ", ".join("?" * 8)
            database.executemany(f"insert into metrics values ({marks})", rows)
            database.commit()
        return path

    return make


def reading(symbol="BTC", price=100.0, oi=1000.0, volume=50.0, at="2025-10-20 18:00:00.000500"):
    return (symbol, "5m", price, None, None, oi, volume, at)


def test_the_real_recording_adds_up(real):
    """Every one of the 23,006 rows is stored or refused for a stated reason."""
    _, summary = real

    assert summary.rows_read == 23_006
    assert summary.refused == {
        MOCK: 20,
        "dated future, not a perpetual": 28,
        "exact duplicate": 1,
        "second reading of a pair in the same millisecond": 1,
    }
    assert summary.stored["snapshots"] == 23_006 - sum(summary.refused.values())
    assert summary.values_refused == {"price: zero or negative": 56}
    assert summary.venue == "binance"
    assert summary.first_ts == datetime(2025, 10, 20, 18, 3, 9, 990_000, tzinfo=UTC)
    assert summary.last_ts == datetime(2025, 10, 22, 12, 44, 22, 295_000, tzinfo=UTC)


def test_the_mock_rows_are_the_first_twenty_and_no_others(recordings):
    """The signature stands for how the recorder invented values, not for a number of rows."""
    mocks = recorded(
        recordings,
        "select rowid from metrics "
        "where volume_24h = round(vol_usd) and oi_usd = round(oi_abs_usd) order by rowid",
    )
    filled = recorded(recordings, "select count(*) from metrics where volume_24h is not null")

    assert [row for (row,) in mocks] == list(range(1, 21))
    assert filled == [(20,)]


def test_no_invented_price_gets_in(stored):
    """BTC never stood at 115150.05 in that recording."""
    assert stored("select * from snapshots where price = 115150.05") == []
    assert stored("select * from bars where high >= 115000") == []


def test_a_name_in_chinese_keeps_its_name_and_its_prices(stored, recordings):
    """币安人生 is there with exactly the values of the file."""
    found = stored(
        "select price, oi_usd, volume_24h_usd, received_ts from snapshots "
        "where symbol = '币安人生/USDT:USDT' order by received_ts"
    )

    expected = recorded(
        recordings,
        "select price, oi_abs_usd, vol_usd, timestamp from metrics "
        "where symbol = '币安人生' and volume_24h is null order by timestamp",
    )
    assert len(expected) > 50
    assert [(row["price"], row["oi_usd"], row["volume_24h_usd"]) for row in found] == [
        row[:3] for row in expected
    ]
    assert f"{found[0]['received_ts']}".startswith(expected[0][3][:23])


def test_what_binance_said_is_taken_and_nothing_else(stored):
    """The constants and zeros of the recorder do not become funding, ratios or books."""
    (known,) = stored(
        "select count(*) as rows, count(price) as price, count(oi_usd) as oi, "
        " count(venue_ts) as ts, count(funding_rate) as funding, count(ls_accounts) as ls,"
        " count(book_imbalance) as book, count_if(flags = 'imported') as flagged from snapshots"
    )

    assert (known["price"], known["oi"]) == (known["rows"] - 56, known["rows"])
    assert known["flagged"] == known["rows"]
    assert [known[name] for name in ("ts", "funding", "ls", "book")] == [0, 0, 0, 0]


def test_every_five_minutes_with_a_reading_have_a_bar(real, stored):
    """The bars hold all readings between them, and no others were made."""
    _, summary = real

    (bars,) = stored("select count(*) as bars, sum(snapshot_count)::bigint as readings from bars")
    assert bars["bars"] == summary.stored["bars"]
    assert bars["readings"] == summary.stored["snapshots"]
    (first,) = stored(
        "select open, close, snapshot_count, origin from bars "
        "where symbol = 'BTC/USDT:USDT' order by ts limit 1"
    )
    assert (first["open"], first["origin"]) == (110298.5, "import")


def test_importing_twice_stores_nothing_twice(real, recordings, stored):
    """The second time everything is known already, and says so."""
    lake, first = real
    before = stored(SNAPSHOTS)

    second = import_file(lake, recordings / SQLITE, silent)

    assert second.stored == dict.fromkeys(first.stored, 0)
    assert second.bars_filled == 0
    assert second.already_there == first.stored["snapshots"]
    assert stored(SNAPSHOTS) == before


def test_the_real_csv_is_taken_whole(lake, recordings, rows):
    """345 readings; what was empty is NULL, the five-minute ratio is ls_accounts."""
    summary = import_file(lake, recordings / CSV, silent)

    with (recordings / CSV).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    stored = rows("select * from snapshots order by received_ts, symbol")
    assert summary.stored["snapshots"] == len(lines) == len(stored)
    lines.sort(key=lambda line: (line["timestamp"], line["symbol"]))
    for line, row in zip(lines, stored, strict=True):
        assert f"{row['received_ts']}" == line["timestamp"]
        assert row["symbol"] == f"{line['symbol']}/USDT:USDT"
        for theirs, ours in (
            ("price", "price"),
            ("oi_usd", "oi_usd"),
            ("volume_24h", "volume_24h_usd"),
            ("global_ls_5m", "ls_accounts"),
        ):
            assert row[ours] == (float(line[theirs]) if line[theirs] else None)


def test_open_interest_in_coins_knows_the_multiplier_and_the_rounding(lake, recording, rows):
    """4,000 USD at 2 USD per 1000 coins are 2,000,000 coins; at 0.08 nobody can tell."""
    path = recording(
        reading("1000PEPE", price=2.0, oi=4000.0), reading("1000BONK", price=0.08, oi=4000.0)
    )

    import_file(lake, path, silent)

    stored = {row["base"]: row["oi_base"] for row in rows("select base, oi_base from snapshots")}
    assert stored == {"PEPE": 2_000_000, "BONK": None}
    (pepe,) = rows("select * from instruments where base = 'PEPE'")
    assert (pepe["symbol"], pepe["multiplier"]) == ("1000PEPE/USDT:USDT", 1000)
    assert pepe["in_universe"] is False


def test_a_price_rounded_to_nothing_is_refused_and_the_row_lives_on(lake, recording, rows):
    """Open interest is as good as ever when the price was too small to be recorded."""
    summary = import_file(lake, recording(reading("PEPE", price=0.0)), silent)

    assert summary.values_refused == {"price: zero or negative": 1}
    (row,) = rows("select price, oi_usd from snapshots")
    assert row == {"price": None, "oi_usd": 1000.0}


def test_exact_repeats_are_removed_and_counted(lake, recording):
    """The recorder wrote some readings once for each of its timeframes."""
    summary = import_file(lake, recording(*[reading()] * 4), silent)

    assert (summary.rows_read, summary.stored["snapshots"]) == (4, 1)
    assert summary.refused == {"exact duplicate": 3}


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        pytest.param(reading(price="dear"), "row 2 .* text where a number is expected", id="text"),
        pytest.param(reading(at="yesterday"), "row 2 .* 'yesterday'", id="no time"),
        pytest.param(reading(at=None), "row 2 .* None", id="time absent"),
    ],
)
def test_a_wrong_value_refuses_the_whole_recording(lake, recording, rows, row, sentence):
    """The sentence names file and row; the good row before it is not stored either."""
    with pytest.raises(ImportRefused, match=rf"recording\.sqlite: {sentence}"):
        import_file(lake, recording(reading(), row), silent)

    assert rows("select * from snapshots") == []


def test_a_reading_without_a_symbol_is_left_out(lake, recording):
    summary = import_file(lake, recording(reading(), reading(symbol=None)), silent)

    assert summary.refused == {"no symbol": 1}
    assert summary.stored["snapshots"] == 1


def test_a_sqlite_file_of_something_else_is_refused(lake, tmp_path):
    """Whatever else it is, it says which columns it lacks."""
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("create table metrics (symbol, price)")

    with pytest.raises(ImportRefused, match="columns missing: timestamp, volume_24h, oi_usd"):
        import_file(lake, path, silent)


def test_a_damaged_sqlite_file_is_refused(lake, recording, rows):
    """A copy cut short is no recording."""
    path = recording(*[reading(at=f"2025-10-20 18:00:{n % 60:02}.{n:06}") for n in range(2000)])
    path.write_bytes(path.read_bytes()[:20_000])

    with pytest.raises(ImportRefused, match="recording.sqlite: the SQLite file cannot be read"):
        import_file(lake, path, silent)

    assert rows("select * from snapshots") == []


def test_a_wrong_value_in_the_csv_is_refused_with_its_line(take, recordings, rows):
    """Line 41 is line 41 in an editor."""
    lines = (recordings / CSV).read_text().splitlines()
    time, symbol, _, *others = lines[40].split(",")
    lines[40] = ",".join([time, symbol, "dear", *others])

    with pytest.raises(ImportRefused, match=r"board\.csv, line 41: price should be a number"):
        take("board.csv", "\n".join(lines) + "\n")

    assert rows("select * from snapshots") == []


def test_numbers_stored_as_whole_numbers_are_read(lake, recording, rows):
    """SQLite keeps 100.0 as 100 where a column has no type, and no column is always filled."""
    summary = import_file(lake, recording(reading(price=100, oi=1000, volume=None)), silent)

    assert summary.stored["snapshots"] == 1
    assert rows("select price, volume_24h_usd from snapshots") == [
        {"price": 100.0, "volume_24h_usd": None}
    ]


@pytest.mark.parametrize("name", ["X\x00Y", "X\x1b[2J", "X\u202eY", "X\nY", "X" * 201])
def test_a_name_that_can_do_harm_names_no_contract(name):
    """In a recording as in a venue's own list; a NUL would even spoil what is stored beside it."""
    known, unknown = contracts.of_names(["BTC", name], contracts.of_asset)

    assert list(known) == ["BTC"]
    assert unknown == {name: "symbol with over 200 letters, or unprintable ones"}
