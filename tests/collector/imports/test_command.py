"""``perpscope import``: who does the work, and what is said when not all of it could be done."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from analytics.cli import query_cli
from analytics.errors import LakeError, LakeLocked, QueryError
from analytics.lake.writer import Lake
from collector.commands import import_files
from collector.service import import_work
from collector.service.control_socket import ask, taking_work

READINGS = (
    "venue,symbol,received_ts,price\n"
    "binance,BTC/USDT:USDT,2025-10-01T00:00:01Z,1\n"
    "binance,BTC/USDT:USDT,2025-10-02T00:00:01Z,1\n"
)


class Screens:
    """What an import writes to stderr and to stdout."""

    def __init__(self):
        self.err = Console(file=io.StringIO(), width=250)
        self.out = Console(file=io.StringIO(), width=250)

    def run(self, folder, *files):
        return import_files.run(folder, files, self.err, self.out)


def test_a_lake_that_another_command_holds_is_refused_with_its_holder(tmp_path, write):
    """An import beside an import is not sent to a collector that is not there."""
    screens = Screens()
    with Lake(tmp_path), pytest.raises(LakeLocked, match=r"another collector \(process \d+"):
        screens.run(tmp_path, write("a.csv", READINGS))

    assert screens.err.file.getvalue().strip() == ""


def test_files_stored_before_a_failure_are_summed_up(tmp_path, write, monkeypatch):
    """Whoever imports a hundred files reads how far it came."""
    screens = Screens()
    import_file = import_work.import_file

    def failing(lake, path, progress, **more):
        if path.name == "second.csv":
            raise LakeError("the disk is full")
        return import_file(lake, path, progress, **more)

    monkeypatch.setattr(import_work, "import_file", failing)
    with pytest.raises(LakeError, match="the disk is full"):
        screens.run(tmp_path / "lake", write("first.csv", READINGS), write("second.csv", READINGS))

    assert "first.csv" in screens.out.file.getvalue()
    assert "2 snapshots" in screens.out.file.getvalue()


def test_a_file_may_be_called_anything(tmp_path, write):
    """Brackets are no markup."""
    screens = Screens()

    taken = screens.run(tmp_path / "lake", write("a [bold]b.csv", READINGS))

    assert taken
    assert "a [bold]b.csv" in screens.out.file.getvalue()


def test_what_a_refusal_names_is_printed_as_it_is(tmp_path, write):
    """``:x:`` in a file is no emoji."""
    screens = Screens()

    taken = screens.run(tmp_path / "lake", write("a.csv", "root:x:0:0\n"))

    assert not taken
    assert "root:x:0:0" in screens.err.file.getvalue()


def test_an_import_that_is_stopped_stays_stored_and_goes_on_the_next_time(lake, write, rows):
    """The collector stops between two commits, also while bars are made."""
    path = str(write("a.csv", READINGS))
    out = []

    def report(line):
        out.append(line)
        if out.count({"done": 2, "total": 4}) == 2:
            raise LakeError("the collector stopped")

    with pytest.raises(LakeError, match="the collector stopped"):
        import_work.import_work(lake)({"files": [path]}, report)
    assert rows("select count(*)::integer as n from snapshots") == [{"n": 2}]
    assert rows("select count(*)::integer as n from bars") == [{"n": 0}]

    again = []
    import_work.import_work(lake)({"files": [path]}, again.append)

    assert again[-1]["summary"]["already_there"] == 2
    assert again[-1]["summary"]["stored"]["bars"] == 2


BARS = "venue,symbol,ts,close\nokx,BTC/USDT:USDT,2025-10-01 00:00,{}\n"


def test_an_import_is_listed_corrected_and_taken_back(tmp_path, write):
    """By the command line, with the id that the summary and the list say."""
    screens, folder = Screens(), tmp_path / "lake"

    def close():
        with Lake(folder, reserve_bytes=0) as lake, lake.cursor() as cursor:
            return cursor.execute("select close from bars").fetchall()

    for nth, price in enumerate((80, 103)):
        assert screens.run(folder, write(f"{nth}/bars.csv", BARS.format(price)))
    assert close() == [(103,)]
    assert "1 differ, replaced" in screens.out.file.getvalue()

    listed = io.StringIO()
    wall = datetime(2026, 10, 1, tzinfo=UTC)
    assert query_cli.ask(folder, "imports", (), "csv", listed, wall=wall) == 2
    assert listed.getvalue().splitlines()[1].startswith("2,")

    assert import_files.run(folder, (), screens.err, screens.out, undo=[2])
    assert close() == [(80,)]
    assert "import 2 undone: 1 row restored\n" in screens.err.file.getvalue()


async def test_a_collector_takes_imports_back_for_another_command(lake, write, rows, tasks):
    """Only it may write; the command asks it over its socket."""
    import_work.import_work(lake)({"files": [str(write("bars.csv", BARS.format(80)))]}, print)
    folder, err = lake.layout.folder, []

    async with taking_work(folder, {"import": import_work.import_work(lake)}, tasks):
        await ask(folder, "import", {"undo": [1]}, err.append)
        await ask(folder, "import", {"undo": [1]}, err.append)

    assert rows("select * from bars") == []
    assert err[-1]["error"].startswith("import 1 was already undone")


async def test_an_unknown_id_is_wrong_input_here_and_in_the_collector(tmp_path, lake, tasks):
    """The command ends with 2, as for any wrong argument, whoever looks it up."""
    screens, folder = Screens(), lake.layout.folder

    def undo(folder):
        import_files.run(folder, (), screens.err, screens.out, undo=[9])

    with pytest.raises(QueryError, match="there is no import 9"):
        undo(tmp_path / "another lake")
    async with taking_work(folder, {"import": import_work.import_work(lake)}, tasks):
        with pytest.raises(QueryError, match="there is no import 9"):
            await asyncio.to_thread(undo, folder)
