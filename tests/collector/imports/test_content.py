"""Files that are too large: refused before they fill the memory of the collector."""

from __future__ import annotations

import gzip
import sqlite3
import zipfile
from contextlib import closing

import pytest

from collector.imports import content

ZEROS = bytes(5_000_000)


@pytest.fixture
def bounds(monkeypatch):
    """Bounds that a test can pass."""
    monkeypatch.setattr(content, "LARGEST_FILE", 100_000)
    monkeypatch.setattr(content, "LARGEST_UNPACKED", 1_000_000)


@pytest.fixture
def unread(monkeypatch):
    """Fails where a whole member of a zip file is read."""

    def read(*_):
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "read", read)


def test_a_plain_file_over_the_bound_is_refused(bounds, refusal):
    """The sentence says what is wrong with it and what to do."""
    assert "it has more than 0.0 GB; split it" in refusal("a.csv", ZEROS)


def test_a_database_over_the_bound_is_refused(bounds, refusal, tmp_path):
    """Its rows would be held in memory too."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("create table metrics (symbol)")
        database.execute("insert into metrics values (zeroblob(200000))")
        database.commit()

    assert "it has more than" in refusal("b.db", (tmp_path / "a.db").read_bytes())


def test_a_zip_bomb_is_refused_without_being_unpacked(bounds, unread, refusal):
    """A small file can hold more than there is memory."""
    assert "unpacked it has more than" in refusal("a.zip", ZEROS)


def test_a_zip_bomb_that_lies_about_its_size_is_damaged(bounds, refusal, write):
    """No more than it says of itself is ever unpacked."""
    honest = write("a.zip", ZEROS).read_bytes()
    lying = honest.replace(len(ZEROS).to_bytes(4, "little"), (1000).to_bytes(4, "little"))

    assert "damaged" in refusal("b.csv", lying)


def test_a_gzip_bomb_is_refused_on_the_way(bounds, refusal):
    """Its length is only known by unpacking it."""
    assert "unpacked it has more than" in refusal("a.csv.gz", gzip.compress(ZEROS))


def test_a_device_is_refused(untouched, now):
    """Some of them never end."""
    with pytest.raises(content.ImportRefused, match="no ordinary file"):
        content.read(content.Path("/dev/zero"))
