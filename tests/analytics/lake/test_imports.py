"""Imports that can be corrected and taken back, also when they were cut short at any moment."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from analytics.errors import LakeError, QueryError
from analytics.lake.imports import Facts, Outcome
from analytics.lake.undo_import import Undone
from analytics.lake.writer import Lake

NOON = datetime.fromisoformat("2026-03-01 12:00")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
ALL = "select * from bars order by ts"


def facts(source="prices", hours=24):
    """What is said of an import of the day around noon."""
    first, last = NOON - timedelta(hours=hours), NOON + timedelta(hours=hours)
    told = {"kind": source, "file": "a.csv", "sha256": "0" * 64, "stored_ts": NOON}
    return Facts(source=source, first_ts=first, last_ts=last, **told)


def undo(lake, number):
    """Take an import back; return how many rows were set back and how many left."""
    undone = lake.undo_import(number, NOW, lambda _done, _total: None)
    return undone.set_back, undone.left


@pytest.fixture
def imported(bars):
    """Makes bars as an import has them: none of ours."""
    return lambda *given, **more: bars(*given, **{"snapshot_count": 0, "origin": "import"} | more)


def at(minutes, **values):
    """A bar so long after noon."""
    return {"ts": NOON + timedelta(minutes=minutes), **values}


def test_an_import_is_listed_with_what_it_did(lake, bars, imported, asked):
    lake.fill_bars(bars(at(0, close=1.0, oi_usd=None), at(5, close=1.0, oi_usd=9.0)))

    under_way = lake.importing(facts())
    outcome = under_way.fill_bars(
        imported(at(0, oi_usd=5.0), at(5, oi_usd=6.0), at(10, oi_usd=7.0))
    )

    assert outcome == Outcome(added=1, changed=1, replaced=0, differing=1)
    assert under_way.number == 1
    told = "select id, pieces, bars_added, bars_changed, undone_ts from imports"
    assert asked(lake, told) == [(1, 1, 1, 1, None)]


def test_an_import_that_changes_nothing_is_none(lake, imported, asked):
    lake.importing(facts()).fill_bars(imported(at(0, close=1.0)))

    again = lake.importing(facts())

    assert again.fill_bars(imported(at(0, close=1.0))) == Outcome()
    assert again.number is None
    assert asked(lake, "select count(*) from imports") == [(1,)]


def test_an_import_taken_back_leaves_what_was_there_before(lake, bars, imported, asked):
    """Filled columns are empty again, new bars are gone, and what was there is as it was."""
    lake.fill_bars(bars(at(0, close=1.0, oi_usd=None), at(5, close=2.0, oi_usd=3.0)))
    before = asked(lake, ALL)
    under_way = lake.importing(facts())
    under_way.fill_bars(imported(at(0, oi_usd=5.0), at(5, oi_usd=3.0)))
    under_way.fill_bars(imported(at(10, close=9.0, oi_usd=7.0)))

    assert undo(lake, 1) == (2, 0)

    assert asked(lake, ALL) == before
    assert asked(lake, "select pieces_undone, undone_ts from imports") == [
        (2, NOW.replace(tzinfo=None))
    ]


def test_what_was_changed_since_is_left_and_counted(lake, imported, asked):
    """A live figure that came over an imported one is not the import's any more."""
    rows = imported(at(0, close=1.0, oi_usd=5.0), at(5, close=2.0, oi_usd=6.0))
    lake.importing(facts()).fill_bars(rows)
    live = imported(at(0, close=1.5, oi_usd=None), snapshot_count=10, origin="live")
    lake.renew_bars(live)

    assert undo(lake, 1) == (2, 1)

    found = "select ts, close, oi_usd, origin from bars"
    assert asked(lake, found) == [(NOON, 1.5, None, "live")]


def test_a_correction_taken_back_gives_the_first_figures_again(lake, imported, asked):
    lake.importing(facts()).fill_bars(imported(at(0, close=80.0, oi_usd=1.0)))
    lake.importing(facts()).fill_bars(imported(at(0, close=103.0, oi_usd=1.0)))
    assert asked(lake, "select close, oi_usd from bars") == [(103.0, 1.0)]

    assert undo(lake, 2) == (1, 0)
    assert asked(lake, "select close, oi_usd from bars") == [(80.0, 1.0)]
    assert undo(lake, 1) == (1, 0)
    assert asked(lake, "select count(*) from bars") == [(0,)]


def test_imports_taken_back_in_the_order_they_came_leave_nothing(lake, imported, asked):
    """The first figure does not come back when the import it was of is undone already."""
    for close in (80.0, 103.0, 104.0):
        lake.importing(facts()).fill_bars(imported(at(0, close=close)))

    assert undo(lake, 1) == (0, 1)
    assert undo(lake, 2) == (0, 1)
    assert asked(lake, "select close from bars") == [(104.0,)]
    assert undo(lake, 3) == (1, 0)
    assert asked(lake, "select count(*) from bars") == [(0,)]


def test_only_an_import_of_the_same_source_that_still_stands_is_corrected(lake, imported, asked):
    lake.importing(facts("prices")).fill_bars(imported(at(0, close=80.0, oi_usd=1.0)))

    other = lake.importing(facts("other")).fill_bars(imported(at(0, close=90.0)))
    assert (other.replaced, other.differing) == (0, 1)

    undo(lake, 1)
    lake.renew_bars(imported(at(0, close=80.0), snapshot_count=10, origin="live"))
    again = lake.importing(facts("prices")).fill_bars(imported(at(0, close=90.0)))
    assert (again.replaced, again.differing) == (0, 1), "80 is a live figure by now"
    assert asked(lake, "select close from bars") == [(80.0,)]


def test_snapshots_are_corrected_and_taken_back(lake, snapshots, asked):
    """Readings of a recording, and the bars that were made of them."""
    lake.append(("snapshots", snapshots(1, NOON, price=1.0)))
    first, later = NOON + timedelta(seconds=10), NOON + timedelta(seconds=20)
    for price in (5.0, 6.0):
        under_way = lake.importing(facts())
        under_way.add_snapshots(snapshots(1, NOON, price=price))
        under_way.add_snapshots(snapshots(1, first, price=price))
        under_way.add_snapshots(snapshots(1, later, price=7.0))
    prices = "select price from snapshots order by received_ts"
    assert asked(lake, prices) == [(1.0,), (6.0,), (7.0,)]

    assert undo(lake, 2) == (1, 0)
    assert asked(lake, prices) == [(1.0,), (5.0,), (7.0,)]
    assert undo(lake, 1) == (2, 0)
    assert asked(lake, prices) == [(1.0,)]


@pytest.mark.parametrize(
    ("number", "twice", "sentence"),
    [(7, False, "there is no import 7"), (1, True, "was already undone, at 2026-03-02 00:00 UTC")],
)
def test_what_cannot_be_taken_back_is_said(lake, imported, number, twice, sentence):
    lake.importing(facts()).fill_bars(imported(at(0, close=80.0)))
    if twice:
        undo(lake, 1)

    with pytest.raises(QueryError, match=sentence):
        undo(lake, number)


def test_an_import_whose_journal_is_gone_is_left_as_it_is(lake, folder, imported, asked):
    lake.importing(facts()).fill_bars(imported(at(0, close=80.0)))
    next(folder.glob("imports/1/*.parquet")).unlink()

    with pytest.raises(LakeError, match="files of its journal in .* are missing"):
        undo(lake, 1)

    assert asked(lake, "select close from bars") == [(80.0,)]


def test_a_journal_that_cannot_be_read_is_named(lake, imported):
    """For whoever imports again or undoes; a fault of the disk is no fault of the file."""
    lake.importing(facts()).fill_bars(imported(at(0, close=1.0)))
    (journal,) = lake.layout.journals.rglob("*.parquet")
    journal.write_bytes(journal.read_bytes()[:-20])

    for doing in (
        lambda: lake.importing(facts()).fill_bars(imported(at(0, close=2.0))),
        lambda: undo(lake, 1),
    ):
        with pytest.raises(LakeError, match="0-bars.parquet: the journal of an import cannot be"):
            doing()


def test_what_else_lies_among_the_journals_is_left_alone(folder, imported, asked):
    """A copy of them, and what macOS leaves beside files of other disks."""
    with Lake(folder) as lake:
        lake.importing(facts()).fill_bars(imported(at(0, close=1.0)))
        (journal,) = lake.layout.journals.rglob("*.parquet")
        copy, beside = journal.parents[1] / "copy of 1", journal.with_name(f"._{journal.name}")
        copy.mkdir()
        for path in (beside, copy / journal.name):
            path.write_bytes(b"")

    with Lake(folder) as lake:
        assert undo(lake, 1) == (1, 0)
    assert (beside.exists(), (copy / journal.name).exists()) == (True, True)


def test_an_undoing_that_was_stopped_goes_on_the_next_time(lake, imported, asked):
    under_way = lake.importing(facts())
    for minutes in (0, 5, 10):
        under_way.fill_bars(imported(at(minutes, close=1.0)))

    def stop(done, _total):
        if done == 2:
            raise LakeError("the collector stopped")

    with pytest.raises(LakeError, match="the collector stopped"):
        lake.undo_import(1, NOW, stop)
    assert asked(lake, "select ts from bars") == [(NOON,)]

    assert lake.undo_import(1, NOW, lambda _done, _total: None) == Undone(1, 0)
    assert asked(lake, "select count(*) from bars") == [(0,)]


def test_maintenance_keeps_what_undoing_needs(lake, imported, asked):
    for nth in range(20):
        lake.importing(facts()).fill_bars(imported(at(5 * nth, close=1.0)))
    lake.maintain(NOW, whole_days=True)

    assert undo(lake, 3) == (1, 0)
    lake.maintain(NOW, whole_days=True)
    assert asked(lake, "select count(*) from bars") == [(19,)]
    assert asked(lake, "select count(*) from imports where undone_ts is null") == [(19,)]


KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow as pa
from datetime import datetime
from analytics.lake import bars, imports, session, writer
from analytics.lake.writer import Lake

place, folder = sys.argv[1], Path(sys.argv[2])

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

ts = datetime.fromisoformat("2026-03-01 12:00")
same = {"venue": "binance", "symbol": "S0", "base": "S0", "snapshot_count": 0, "origin": "import"}
rows = pa.Table.from_pylist([same | {"ts": ts, "close": 1.0, "oi_usd": 5.0}])
lake = Lake(folder)
lake.fill_bars(pa.Table.from_pylist([same | {"ts": ts, "close": 1.0, "origin": "live"}]))
lake.publish()
told = {"source": "s", "kind": "s", "file": "f", "sha256": "0", "stored_ts": ts}
under_way = lake.importing(imports.Facts(first_ts=ts, last_ts=ts, **told))
if place == "journal":
    imports.sync = die
elif place == "rows":
    session.sync_with_folders = die
elif place == "undo":
    under_way.fill_bars(rows)
    session.sync_with_folders = die
    lake.undo_import(1, ts, print)
elif place == "commit":
    session.sync = lambda path: die() if path == folder else None
under_way.fill_bars(rows)
"""


@pytest.mark.parametrize(
    ("place", "happened"),
    [("journal", False), ("rows", False), ("commit", True), ("undo", True)],
)
def test_a_killed_import_happened_whole_or_not_at_all(folder, asked, place, happened):
    """Before its commit nothing of it is there at the next start; after it, it can be undone."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, place, str(folder)],
        check=False,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109
    )
    assert done.returncode == -9, done.stderr.decode()

    with Lake(folder) as lake:
        ((close, oi_usd),) = asked(lake, "select close, oi_usd from bars")
        assert (close, oi_usd) == (1.0, 5.0 if happened else None)
        assert asked(lake, "select count(*) from imports") == [(int(happened),)]
        assert len(list(folder.glob("imports/*/*.parquet"))) == int(happened)
        if happened:
            assert undo(lake, 1) == (1, 0)
            assert asked(lake, "select close, oi_usd from bars") == [(1.0, None)]
