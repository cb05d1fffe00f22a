"""Tables in our own words: what the columns mean, and what is wrong with others."""

from __future__ import annotations

import gzip
import io
import re
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

BARS = "venue,symbol,ts,open,high,low,close,volume_usd\n"
BAR = "okx,BTC/USDT:USDT,2025-10-01T00:05:00Z,1,2,0.5,1.5,100\n"
READINGS = "venue,symbol,received_ts,price,oi_usd\n"
READING = "okx,BTC/USDT:USDT,2025-10-01T00:05:01.250Z,1.5,100\n"


def parquet_of(**columns):
    """Return the bytes of a Parquet file."""
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_bars_are_stored_as_they_are(take, rows):
    """Of any venue, with the columns there are; the origin says import."""
    summary = take("bars.csv", BARS + BAR)

    (bar,) = rows("select * from bars")
    assert bar["ts"] == datetime(2025, 10, 1, 0, 5)  # noqa: DTZ001
    assert (bar["venue"], bar["symbol"], bar["base"]) == ("okx", "BTC/USDT:USDT", "BTC")
    assert [bar[name] for name in ("open", "high", "low", "close")] == [1, 2, 0.5, 1.5]
    assert (bar["oi_usd"], bar["snapshot_count"], bar["origin"]) == (None, 0, "import")
    assert (summary.kind, summary.venue) == ("bars (CSV)", "okx")


def test_readings_become_snapshots_and_bars(take, rows):
    """Finer than five minutes, they are kept as heard, and a bar is made of them."""
    other = READING.replace("00:05:01.250Z,1.5", "00:06:00,1.7")

    summary = take("readings.csv", READINGS + READING + other)

    first, _ = rows("select * from snapshots order by received_ts")
    assert first["received_ts"] == datetime(2025, 10, 1, 0, 5, 1, 250_000)  # noqa: DTZ001
    assert (first["price"], first["flags"], first["venue_ts"]) == (1.5, "imported", None)
    (bar,) = rows("select * from bars")
    assert (bar["open"], bar["close"], bar["snapshot_count"]) == (1.5, 1.7, 2)
    assert summary.stored == {"snapshots": 2, "bars": 1}


@pytest.mark.parametrize(
    "written",
    [
        "2025-10-01T00:05:00Z",
        "2025-10-01 00:05:00",
        "2025-10-01T00:05",
        "2025-10-01T02:05:00+02:00",
        "2025-09-30 20:35:00-0330",
        "1759277100000",
    ],
)
def test_times_may_be_written_in_several_ways(take, rows, written):
    """With a zone, without one (then UTC), or as milliseconds since 1970."""
    take("bars.csv", BARS + BAR.replace("2025-10-01T00:05:00Z", written))

    assert rows("select ts from bars") == [{"ts": datetime(2025, 10, 1, 0, 5)}]  # noqa: DTZ001


@pytest.mark.parametrize(
    "written",
    ["1759277100", "soon", "epoch", "infinity", "0001-01-01", "2025-10-01", "2025-10-01+00:00"],
)
def test_what_is_no_time_of_this_market_refuses_the_file(refusal, written):
    """Seconds since 1970 would be taken for milliseconds: better to ask."""
    text = BARS + BAR + BAR.replace("2025-10-01T00:05:00Z", written)

    assert f"line 3: ts should be a time, not '{written}'" in refusal("bars.csv", text)


def test_a_base_is_taken_from_the_file_or_from_the_symbol(take, rows):
    """Multipliers are no part of an asset's name."""
    header = READINGS.replace("price", "base,price")
    lines = [
        READING.replace("BTC/USDT:USDT", symbol).replace("Z,", f"Z,{base},")
        for symbol, base in [
            ("1000PEPE/USDT:USDT", ""),
            ("kBONK/USDC:USDC", ""),
            ("币安人生/USDT:USDT", ""),
            ("XBT/USD:BTC", "BTC"),
        ]
    ]

    take("readings.csv", header + "".join(lines))

    bases = [row["base"] for row in rows("select base from snapshots order by base")]
    assert bases == ["BONK", "BTC", "PEPE", "币安人生"]


def test_an_export_can_be_imported_again(take, rows):
    """Columns that say where a row is from are ours to write."""
    text = (
        "venue,symbol,ts,close,snapshot_count,origin\n"
        "okx,BTC/USDT:USDT,2025-10-01 00:05:00,1.5,10,live\n"
    )

    take("export.csv", text)
    take(
        "readings.csv",
        READINGS.replace("price", "flags,price")
        + READING.replace("Z,", "Z,refused:mark:sign,")
        + READING.replace("01.250Z,", "02Z,imported,"),
    )

    assert rows("select snapshot_count, origin from bars where close = 1.5 order by all limit 1")
    assert rows("select origin, snapshot_count from bars") == [
        {"origin": "import", "snapshot_count": 10}
    ]
    flags = [row["flags"] for row in rows("select flags from snapshots order by received_ts")]
    assert flags == ["refused:mark:sign imported", "imported"]


def test_impossible_numbers_are_refused_one_by_one(take, rows):
    """NaN, infinity, a price of 0 and an imbalance of 3 become NULL and are counted."""
    header = "venue,symbol,received_ts,price,mark,index,book_imbalance,oi_usd\n"
    line = "okx,BTC/USDT:USDT,2025-10-01T00:05:01Z,0,nan,inf,3,-1\n"

    summary = take("readings.csv", header + line + line.replace("0,nan,inf,3,-1", "1,2,3,0,0"))

    assert summary.values_refused == {
        "price: zero or negative": 1,
        "mark: not a finite number": 1,
        "index: not a finite number": 1,
        "book_imbalance: out of range": 1,
        "oi_usd: zero or negative": 1,
    }
    assert summary.refused == {"no values": 1}
    (row,) = rows("select price, mark, index, book_imbalance, oi_usd from snapshots")
    assert list(row.values()) == [1, 2, 3, 0, 0]


def test_dated_futures_are_left_out_and_counted(take):
    text = BARS + BAR + BAR.replace("BTC/USDT:USDT", "BTC/USDT:USDT-251226")

    summary = take("bars.csv", text)

    assert summary.refused == {"dated future, not a perpetual": 1}
    assert summary.stored["bars"] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(
            "timestamp,open,high,low,close,volume\n2025-10-01 00:00:00,1,1,1,1,1\n",
            "line 1: columns missing: 'venue', 'symbol', 'ts' .* or 'received_ts'",
            id="no venue, symbol and time",
        ),
        pytest.param(
            BARS.replace("volume_usd", "volumeusd") + BAR,
            "line 1: unknown column 'volumeusd' in bars, did you mean 'volume_usd'",
            id="nearly a column",
        ),
        pytest.param(
            READINGS.replace("price", "close") + READING,
            "line 1: unknown column 'close' in readings",
            id="a column of the other table",
        ),
        pytest.param(
            BARS.replace("open", "received_ts") + BAR,
            "it has both ts and received_ts",
            id="two times",
        ),
        pytest.param(
            BARS.replace("open", "close") + BAR,
            "line 1: column 'close' appears twice",
            id="a column twice",
        ),
        pytest.param(
            BARS + BAR + BAR.replace("00:05:00Z", "00:06:00Z"),
            "line 3: ts is 2025-10-01 00:06:00, not on a five-minute mark; .* received_ts",
            id="readings called bars",
        ),
        pytest.param(
            BARS + BAR.replace("okx", "OKX"),
            "line 2: venue is 'OKX'; use lower case",
            id="a venue in capitals",
        ),
        pytest.param(
            BARS + BAR + BAR.replace("BTC/USDT:USDT", "BTCUSDT"),
            "line 3: symbol is 'BTCUSDT'; use the form BTC/USDT:USDT",
            id="the venue's own name",
        ),
        pytest.param(BARS + BAR.replace("okx", ""), "line 2: venue is empty", id="no venue"),
        pytest.param(
            BARS + BAR.replace("2025-10-01T00:05:00Z", ""), "line 2: ts is empty", id="no time"
        ),
        pytest.param(
            BARS + BAR + BAR.replace("1.5", "NULL"),
            "line 3: close should be a number, not 'NULL'",
            id="a word for nothing",
        ),
        pytest.param(
            BARS + BAR + BAR.replace("1.5", '"1,5"'),
            "line 3: close should be a number, not '1,5'",
            id="a decimal comma",
        ),
        pytest.param(
            BARS.replace(",", ";") + BAR.replace(",", ";"),
            "line 1: its columns are separated by semicolons; use commas",
            id="semicolons",
        ),
        pytest.param(
            BARS.replace(",", "\t") + BAR.replace(",", "\t"),
            "line 1: its columns are separated by tabs",
            id="tabs",
        ),
        pytest.param(
            "1717200000000;100,0;102,0;98,0\n",
            "line 1: its columns are separated by semicolons",
            id="semicolons and decimal commas",
        ),
        pytest.param(
            BARS + BAR + BAR.replace("okx", "x" * 140_000).replace(",", ",,"),
            "line 3: a field is too long: a field is limited to 128 KiB",
            id="a field of 140 kB",
        ),
        pytest.param(
            BARS + BAR + BAR.replace("okx", "x" * 140_000),
            "line 3: venue is 'xxxxx",
            id="a venue of 140 kB",
        ),
        pytest.param(
            BARS + BAR + BAR.replace("BTC", "B" * 300),
            "line 3: symbol is not a valid name: over 200 letters",
            id="a symbol of 300 letters",
        ),
        pytest.param(
            BARS + BAR + BAR.replace("BTC", "B\x1b[31m"),
            "line 3: symbol is not a valid name",
            id="a symbol with a control character",
        ),
        pytest.param(
            "x" * 140_000 + "\n" + BAR,
            "line 1: its first line is too long: a field is limited to 128 KiB",
            id="a first line of 140 kB",
        ),
        pytest.param(
            (BARS + BAR).encode() + BAR.replace("BTC", "B\xdcC").encode("latin-1"),
            "line 3: not UTF-8 text",
            id="latin-1",
        ),
        pytest.param((BARS + BAR).encode("utf-16"), "line 1: not UTF-8 text", id="utf-16"),
        pytest.param(BARS + BAR + "\0\0\0\0", "line 3: it contains a zero byte", id="zero bytes"),
        pytest.param("", "the file is empty", id="empty"),
        pytest.param("\n\n", "it contains only blank lines", id="blank"),
        pytest.param("<html><body>502</body></html>\n", "line 1: columns missing", id="a web page"),
        pytest.param('{"venue": "okx"}\n', "line 1: columns missing", id="JSON"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(refusal, text, sentence):
    """One sentence with file and line; nothing of the file is stored."""
    assert re.search(rf"table\.csv(, |: ){sentence}", refusal("table.csv", text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"\xef\xbb\xbf" + (BARS + BAR).encode(), id="with a byte order mark"),
        pytest.param(gzip.compress((BARS + BAR).encode()), id="gzip"),
        pytest.param((BARS + BAR).replace("\n", "\r\n"), id="lines of Windows"),
        pytest.param("\n" + BARS + "\n" + BAR + "\n\n", id="blank lines"),
        pytest.param((BARS + BAR).replace("okx", '"okx"'), id="quotation marks"),
    ],
)
def test_the_ways_of_writing_csv_are_all_read(take, text):
    assert take("bars.csv", text).stored["bars"] == 1


def test_a_last_line_without_an_end_is_taken_and_said(take):
    """Whether a number was cut there cannot be seen, so it is said."""
    whole, cut = take("whole.csv", BARS + BAR), take("cut.csv", (BARS + BAR)[:-1])

    assert whole.notes == ()
    assert any("the last line has no line break" in note for note in cut.notes)


def test_a_file_without_rows_stores_nothing(take):
    """It is not malformed; there is only nothing in it."""
    for text in (BARS, BARS[:-1]):
        summary = take("bars.csv", text)

        assert (summary.rows_read, summary.stored) == (0, {"snapshots": 0, "bars": 0})
        assert (summary.venue, summary.first_ts) == ("", None)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(pa.array([1759277100000], pa.timestamp("ms")), id="timestamp"),
        pytest.param(
            pa.array([1759277100000000], pa.timestamp("us", "Europe/Berlin")), id="with a zone"
        ),
        pytest.param(pa.array([1759277100000], pa.int64()), id="milliseconds"),
        pytest.param(pa.array(["2025-10-01T02:05:00+02:00"]), id="text"),
    ],
)
def test_parquet_is_read_with_times_of_any_kind(take, rows, times):
    """As pandas, Arrow and DuckDB write them."""
    data = parquet_of(
        venue=pa.array(["okx"]).dictionary_encode(),
        symbol=["BTC/USDT:USDT"],
        ts=times,
        close=pa.array([2], pa.int32()),
    )

    summary = take("bars.parquet", data)

    (bar,) = rows("select ts, close from bars")
    assert bar == {"ts": datetime(2025, 10, 1, 0, 5), "close": 2.0}  # noqa: DTZ001
    assert summary.kind == "bars (Parquet)"
    assert summary.first_ts == datetime(2025, 10, 1, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"close": ["1.5"]}, "column 'close' has type string, not double"),
        ({"close": [True]}, "column 'close' has type bool, not double"),
        ({"clsoe": [1.5]}, "unknown column 'clsoe' in bars, did you mean 'close'"),
        ({"ts": ["soon"]}, "row 1: ts should be a time, not 'soon'"),
        ({"ts": [1759277100001]}, "row 1: ts is 2025-10-01 00:05:00.001"),
        (
            {"ts": pa.array([2**62], pa.timestamp("us"))},
            "row 1: ts is outside the years 2009 to 2099",
        ),
        ({"symbol": pa.array([None], pa.string())}, "row 1: symbol is empty"),
        ({"ts": pa.array([20000], pa.date32())}, "ts has dates without a time of day"),
    ],
)
def test_parquet_with_something_wrong_is_refused(refusal, columns, sentence):
    """Parquet has no lines; where it matters the row is named."""
    good = {"venue": ["okx"], "symbol": ["BTC/USDT:USDT"], "ts": [1759277100000], "close": [1.5]}

    said = refusal("bars.parquet", parquet_of(**{**good, **columns}))

    assert f"bars.parquet: {sentence}" in said


CLOSES = {
    "venue": ["okx"] * 3,
    "symbol": ["BTC/USDT:USDT"] * 3,
    "ts": ["2025-10-01 00:00", "2025-10-01 00:05", "2025-10-01 00:10"],
    "close": [1.0, 2.0, 3.0],
}


@pytest.mark.parametrize("name", ["__index_level_0__", "index", "level_0", "Unnamed: 0"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_index_of_pandas_is_left_out(take, rows, name, ending):
    """What numbers the rows is no price, though reset_index calls it as the index price."""
    frame = pa.table({name: [0, 1, 2], **CLOSES}).to_pandas()
    data = parquet_of(**{name: [0, 1, 2], **CLOSES}) if ending == "parquet" else None

    summary = take(f"bars.{ending}", data or frame.to_csv(index=False))

    found = rows('select close, "index" from bars order by ts')
    assert found == [{"close": close, "index": None} for close in (1, 2, 3)]
    assert "the pandas index was ignored" in summary.notes


def test_a_csv_as_pandas_writes_it_is_read(take, rows):
    """Its first column, the index, has no name; after a filter it has holes."""
    frame = pa.table(CLOSES).to_pandas().drop(1)

    take("bars.csv", frame.to_csv())

    assert [row["close"] for row in rows("select close from bars order by ts")] == [1, 3]


def test_an_index_price_is_no_index_of_pandas(take, rows):
    take("bars.parquet", parquet_of(**{**CLOSES, "index": [3.0, 1.0, 2.0]}))

    assert [row["index"] for row in rows("select index from bars order by ts")] == [3, 1, 2]


def test_open_interest_of_0_beside_lost_ratios_is_absent(take, rows):
    """In an outage a venue states 0; where an instrument never has ratios, 0 may be true."""
    head = "venue,symbol,ts,close,oi_base,oi_usd,ls_accounts\n"
    line = "{},BTC/USDT:USDT,2025-10-01 00:{:02},1,{},{},{}\n".format
    binance = line("binance", 0, 5, 5, 1.2) + line("binance", 5, 0, 0, "")
    others = line("hyperliquid", 0, 0, 0, "") + line("binance", 10, 0, 0, 1.3)

    summary = take("bars.csv", head + binance + others)

    found = rows("select venue, oi_base, oi_usd from bars order by venue, ts")
    assert [(row["oi_base"], row["oi_usd"]) for row in found] == [
        (5, 5),
        (None, None),
        (0, 0),
        (0, 0),
    ]
    assert summary.values_refused == {
        "oi_base: 0 in place of missing ratios": 1,
        "oi_usd: 0 in place of missing ratios": 1,
    }
