"""Files that are too large: refused before they fill the memory of the collector."""

from __future__ import annotations

import gzip
import os
import socket
import sqlite3
import zipfile
from contextlib import closing

import pytest

from analytics.files import content
from collector.imports.files import import_file

BARS = "venue,symbol,ts,close\nokx,BTC/USDT:USDT,2025-10-01 00:00,1\n"
ZEROS = bytes(5_000_000)


@pytest.fixture
def bounds(monkeypatch):
    """Bounds that a test can pass."""
    monkeypatch.setattr(content, "MAX_FILE_BYTES", 100_000)
    monkeypatch.setattr(content, "MAX_UNPACKED_BYTES", 1_000_000)


@pytest.fixture
def unread(monkeypatch):
    """Fails where a whole member of a zip file is read."""

    def read(*_):
        raise AssertionError("it was unpacked")

    monkeypatch.setattr(zipfile.ZipFile, "read", read)


def test_a_plain_file_over_the_bound_is_refused(bounds, refusal):
    """The sentence says what is wrong with it and what to do."""
    assert "it is larger than 0.0 GB; split it" in refusal("a.csv", ZEROS)


def test_a_database_over_the_bound_is_refused(bounds, refusal, tmp_path):
    """Its rows would be held in memory too."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("create table metrics (symbol)")
        database.execute("insert into metrics values (zeroblob(200000))")
        database.commit()

    assert "it is larger than" in refusal("b.db", (tmp_path / "a.db").read_bytes())


def test_a_zip_bomb_is_refused_without_being_unpacked(bounds, unread, refusal):
    """A small file can hold more than there is memory."""
    assert "it is larger than" in refusal("a.zip", ZEROS)


def test_a_zip_bomb_that_lies_about_its_size_is_damaged(bounds, refusal, write):
    """No more than it says of itself is ever unpacked."""
    honest = write("a.zip", ZEROS).read_bytes()
    lying = honest.replace(len(ZEROS).to_bytes(4, "little"), (1000).to_bytes(4, "little"))

    assert "damaged" in refusal("b.csv", lying)


def test_a_gzip_bomb_is_refused_on_the_way(bounds, refusal):
    """Its length is only known by unpacking it."""
    assert "it is larger than" in refusal("a.csv.gz", gzip.compress(ZEROS))


def test_what_is_no_ordinary_file_is_refused_at_once(untouched, now, tmp_path):
    """Some of them never end, and some wait for somebody who never comes."""
    pipe, listening = tmp_path / "pipe.csv", socket.socket(socket.AF_UNIX)
    os.mkfifo(pipe)
    with listening:
        listening.bind(str(tmp_path / "socket.csv"))

        for path in ("/dev/zero", pipe, tmp_path / "socket.csv", "/proc/self/status", tmp_path):
            with pytest.raises(content.ImportRefused):
                import_file(untouched, content.Path(path), lambda _done, _total: None, now=now)


def test_a_zip_made_anew_on_a_mac_is_read(take, write, rows):
    """The Finder packs a note beside every file; it is no second member."""
    path = write("a.zip", "")
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("bars")
        archive.writestr("bars/bars.csv", BARS)
        archive.writestr("bars/.DS_Store", b"\0\0")
        archive.writestr("__MACOSX/bars/._bars.csv", b"\0\5\x16\7")

    assert take("a.zip", path.read_bytes(), packed=True).stored["bars"] == 1


def test_two_members_are_refused_also_beside_notes_of_the_finder(write, refusal):
    path = write("a.zip", "")
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("one.csv", "two.csv", "__MACOSX/._one.csv"):
            archive.writestr(name, BARS)

    assert "this one has 2" in refusal("b.zip", path.read_bytes(), packed=True)
