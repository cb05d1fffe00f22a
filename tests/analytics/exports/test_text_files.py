"""CSV and TSV: what was shown, with every digit that is known; what is absent stays absent."""

from __future__ import annotations

import csv
import io

import duckdb
import pandas as pd
import pytest

from analytics.exports.csv import csv_bytes
from analytics.exports.exported_table import Column, Section
from analytics.exports.tsv import tsv_text

HEADER = [
    "Pair",
    "Heard [UTC]",
    "Price [quote currency]",
    "Open interest [USD]",
    "Price 24 h [%]",
    "Funding 8 h [%]",
    "Long/short",
    "Snapshots",
    "Listed",
]


def test_csv_reads_back_with_every_digit(section):
    """A unit stands in the header, and a number has no rounding and no sign of money."""
    header, known, unknown = csv.reader(io.StringIO(csv_bytes(section).decode("utf-8-sig")))

    assert header == HEADER
    assert known == [
        "币安人生/USDT",
        "2025-10-22T12:44:05.250Z",
        "0.3",
        "-1234567.891",
        "-3.1049",
        "0.00431",
        "1.925",
        "9007199254740991",
        "false",
    ]
    assert unknown == ["BTC/USDT"] + [""] * 8


def test_csv_opens_in_excel_with_its_names_intact(section):
    """Excel knows UTF-8 by the mark alone."""
    file = csv_bytes(section)

    assert file.startswith(b"\xef\xbb\xbf")
    assert file.count(b"\r\n") == 3
    assert "币安人生".encode() in file


def test_csv_opens_in_pandas_and_duckdb(section, tmp_path):
    """The mark does not get into the first column's name, and an empty cell is no 0."""
    file = tmp_path / "pairs.csv"
    file.write_bytes(csv_bytes(section))

    frame = pd.read_csv(file)
    rows = duckdb.sql(f'select "Pair", "Open interest [USD]" from \'{file}\'').fetchall()

    assert list(frame.columns) == HEADER
    assert frame["Open interest [USD]"].tolist()[0] == -1234567.891
    assert frame.iloc[1, 1:].isna().all()
    assert rows == [("币安人生/USDT", -1234567.891), ("BTC/USDT", None)]


def test_tsv_falls_into_cells(section):
    """Times as a sheet recognises them, which have no T and no Z."""
    header, known, unknown = (line.split("\t") for line in tsv_text(section).splitlines())

    assert header == HEADER
    assert known[:4] == [
        "币安人生/USDT",
        "2025-10-22 12:44:05.250",
        "0.3",
        "-1234567.891",
    ]
    assert known[-2:] == ["9007199254740991", "FALSE"]
    assert unknown == ["BTC/USDT"] + [""] * 8


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a\tb", "a b"),
        ("a\r\nb", "a b"),
        ("a\u2028b", "a b"),
        ('"open', '"""open"'),
        ('in "the" middle', 'in "the" middle'),
    ],
)
def test_tsv_cell_is_one_cell(text, cell):
    """No tab, no line end and no open quotation mark gets out of its cell."""
    section = Section("Names", pd.DataFrame({"name": [text]}), (Column("name", "Name"),))

    assert tsv_text(section) == f"Name\n{cell}\n"


def test_table_without_rows_is_a_header(section):
    """An empty table is no error."""
    empty = Section("Pairs", section.frame.head(0), section.columns)

    assert csv_bytes(empty).decode("utf-8-sig").splitlines() == [",".join(HEADER)]
    assert tsv_text(empty) == "\t".join(HEADER) + "\n"


def test_time_without_a_zone_is_utc():
    """As in the lake."""
    frame = pd.DataFrame({"ts": pd.to_datetime(["2025-10-22 12:44"]).astype("datetime64[ms]")})
    section = Section("Bars", frame, (Column("ts", "Start", "time"),))

    assert csv_bytes(section).decode("utf-8-sig").splitlines()[1] == "2025-10-22T12:44:00Z"


def test_column_that_is_not_there_is_named():
    """Before anything is written."""
    with pytest.raises(ValueError, match="Pairs: the frame lacks column oi_usd"):
        Section("Pairs", pd.DataFrame({"pair": []}), (Column("oi_usd", "Open interest", "usd"),))


def test_a_file_has_the_digits_that_are_known():
    """Those of venues all of them; of what is computed no noise of binary fractions."""
    frame = pd.DataFrame(
        {
            "price": [0.1 + 0.2, 98123.4567890123],
            "oi_base": [93_123_456_789.123, 1e-12],
            "funding_8h_pct": [100 * 0.000_079_238_688_592, -0.01],
            "oi_delta_pct": [-0.23786606481021044, 123_456.789_123],
            "z_oi": [1 / 3, 2e-17],
        }
    )
    columns = tuple(map(Column.of, frame.columns))

    lines = csv_bytes(Section("Figures", frame, columns)).decode("utf-8-sig").splitlines()

    assert lines[1] == "0.3,93123456789.123,0.0079238688592,-0.23786606,0.33333333"
    assert lines[2] == "98123.4567890123,1e-12,-0.01,123456.79,2e-17"
    assert lines[0].endswith("OI change [%],z of OI change [standard deviations]")
