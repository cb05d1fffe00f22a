"""Files damaged at random: stored whole or refused, and never anything else."""

from __future__ import annotations

import gzip
import io
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from analytics.errors import ImportRefused
from analytics.files.parsing import parse

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MIDNIGHT = datetime(2025, 10, 1, tzinfo=UTC)


def csv_text(rows=40):
    """Bars of our own, a Chinese name among them."""
    lines = ["venue,symbol,ts,open,high,low,close,oi_usd"]
    for nth in range(rows):
        ts = MIDNIGHT + timedelta(minutes=5 * nth)
        lines.append(f"binance,币安人生/USDT:USDT,{ts.isoformat()},1.25,1.5,1.0,1.375,{nth}000.5")
    return "\n".join(lines).encode() + b"\n"


def packed_zip(data):
    """The same in a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", data)
    return buffer.getvalue()


def packed_parquet():
    """Some bars in Parquet."""
    times = [MIDNIGHT.replace(tzinfo=None) + timedelta(minutes=5 * nth) for nth in range(40)]
    buffer = io.BytesIO()
    columns = {"venue": ["binance"] * 40, "symbol": ["BTC/USDT:USDT"] * 40, "ts": times}
    parquet.write_table(pa.table({**columns, "close": [1.5] * 40}), buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("malformed")


@pytest.fixture(scope="module")
def recording(folder):
    """A small recording in SQLite."""
    path = folder / "good.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "create table metrics (symbol text, price real, volume_24h real, oi_usd real, "
            "oi_abs_usd real, vol_usd real, timestamp text)"
        )
        database.executemany(
            "insert into metrics values ('BTC', 1.5, null, null, 100.0, 50.0, ?)",
            [(f"2025-10-20 18:00:{nth % 60:02}.{nth:06}",) for nth in range(300)],
        )
        database.commit()
    return path.read_bytes()


def outcome(folder: Path, name: str, data: bytes) -> int | None:
    """Return the rows read, or None for a refusal; anything else is an error."""
    path = folder / name
    path.write_bytes(data)
    try:
        return parse(path, NOW).rows_read
    except ImportRefused as refusal:
        assert str(path) in str(refusal)  # noqa: PT017 - the sentence names the file
        assert "nothing was stored" in str(refusal)  # noqa: PT017
        return None


WHOLE = csv_text()


@settings(deadline=None, max_examples=60)
@given(length=st.integers(0, len(WHOLE)))
def test_a_csv_cut_anywhere_is_read_to_its_last_line_or_refused(folder, length):
    """No row before the cut is lost silently."""
    cut = WHOLE[:length]

    rows = outcome(folder, "cut.csv", cut)

    if rows is not None:
        assert rows == max(cut.rstrip(b"\n").count(b"\n"), 0)


@settings(deadline=None, max_examples=60)
@given(place=st.integers(0, len(WHOLE) - 1), byte=st.binary(min_size=0, max_size=3))
def test_a_csv_with_bytes_replaced_is_read_or_refused(folder, place, byte):
    outcome(folder, "changed.csv", WHOLE[:place] + byte + WHOLE[place + 1 :])


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 0.999))
@pytest.mark.parametrize("pack", [gzip.compress, packed_zip])
def test_a_packed_file_cut_anywhere_is_refused(folder, pack, share):
    """Its checksum is at its end, or its list of members is."""
    data = pack(WHOLE)

    assert outcome(folder, "cut.packed", data[: int(share * len(data))]) is None


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 0.999), flip=st.integers(1, 255))
def test_parquet_cut_or_changed_anywhere_is_read_or_refused(folder, share, flip):
    data = packed_parquet()
    place = int(share * len(data))

    assert outcome(folder, "cut.parquet", data[:place]) is None
    outcome(
        folder, "changed.parquet", data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
    )


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 0.999), flip=st.integers(1, 255))
def test_a_sqlite_file_cut_or_changed_anywhere_is_read_or_refused(folder, recording, share, flip):
    place = int(share * len(recording))
    changed = recording[:place] + bytes([recording[place] ^ flip]) + recording[place + 1 :]

    outcome(folder, "cut.sqlite", recording[:place])
    outcome(folder, "changed.sqlite", changed)


@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=200))
@pytest.mark.parametrize(
    "start", [b"", b"PAR1", b"PK\x03\x04", b"\x1f\x8b\x08", b"venue,symbol,ts\n"]
)
def test_anything_at_all_is_read_or_refused(folder, start, data):
    outcome(folder, "anything", start + data)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({}, "must have one member, this one has 0"),
        ({"a.csv": "x", "b.csv": "y"}, "must have one member, this one has 2"),
        ({"notes.txt": "x"}, "neither CSV nor Parquet"),
    ],
)
def test_a_zip_with_other_members_is_refused(tmp_path, members, sentence):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)

    with pytest.raises(ImportRefused, match=rf"archive\.zip: .*{sentence}"):
        parse(path, NOW)
