"""Files that do their reader harm: read in a process of its own, which is ended; nobody waits."""

from __future__ import annotations

import asyncio
import gzip
import signal
import sqlite3
import subprocess
import sys
import threading
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics.errors import ImportRefused
from analytics.files import child_process
from analytics.files.parsing import parse
from analytics.files.reader_process import reading
from analytics.lake.writer import Lake
from collector.service import import_work
from collector.service.control_socket import ask, taking_work

NOW = datetime(2026, 10, 1, tzinfo=UTC)
BARS = "venue,symbol,ts,close\nokx,BTC/USDT:USDT,2025-10-01 00:00,80\n"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Reads files in a process of its own."""
    with reading(tmp_path_factory.mktemp("read"), lambda: None) as one:
        yield one


def test_what_the_other_process_reads_is_what_is_read_here(reader, write):
    """Tables, counts and words come over whole."""
    text = BARS + BARS.splitlines()[1] + "\n" + "okx,BTC/USDT:USDT,2025-10-01 00:05,-1\n"
    path = write("bars.csv", text)

    here, there = parse(path, NOW), reader.read(path, NOW)

    assert there.bars.equals(here.bars)
    for name in ("file", "kind", "rows_read", "refused", "values_refused", "notes", "sha256"):
        assert getattr(there, name) == getattr(here, name)


def test_a_refusal_of_the_other_process_says_the_line(reader, write):
    with pytest.raises(ImportRefused) as caught:
        reader.read(write("bars.csv", BARS + "okx,BTC/USDT:USDT,soon,1\n"), NOW)

    assert "bars.csv, line 3: ts should be a time, not 'soon'" in str(caught.value)


def zipped(path: Path, megabytes: int) -> Path:
    """Write a zip of so many MB of a CSV's line."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", BARS + BARS.splitlines()[1] * (megabytes * 2**20 // 40))
    return path


def gzipped(path: Path, megabytes: int) -> Path:
    """Write the same of a single line, which nothing can be split at."""
    path.write_bytes(gzip.compress(bytes(b"a" * megabytes * 2**20), compresslevel=1))
    return path


@pytest.mark.parametrize("pack", [zipped, gzipped])
def test_a_bomb_is_refused_and_costs_at_most_its_bound(tmp_path, pack):
    """390 MB in 0.4 MB: the reader gives up, and this process needs next to nothing."""
    path = pack(tmp_path / "bomb", 390)
    with reading(tmp_path, lambda: None) as one, pytest.raises(ImportRefused, match="split it"):
        one.read(path, NOW)


@pytest.mark.parametrize(
    "made",
    [
        "create view metrics as with recursive n(x) as (select 1 union all select x + 1 from n) "
        "select x as symbol, x as timestamp, x as price, x as volume_24h, x as oi_usd, "
        "x as oi_abs_usd, x as vol_usd from n",
        "create view metrics as select hex(zeroblob(400000000)) as symbol, 1 as timestamp, "
        "1 as price, 1 as volume_24h, 1 as oi_usd, 1 as oi_abs_usd, 1 as vol_usd",
        "create virtual table metrics using fts5(symbol, timestamp, price, volume_24h, oi_usd, "
        "oi_abs_usd, vol_usd)",
    ],
    ids=["a view without an end", "a view of 800 MB", "a virtual table"],
)
def test_what_is_no_table_of_a_recording_is_not_run(refusal, tmp_path, made):
    with closing(sqlite3.connect(tmp_path / "made.db")) as database:
        database.execute(made)
        database.commit()

    said = refusal("recording.sqlite", (tmp_path / "made.db").read_bytes())

    assert "metrics is not a table; only tables are read" in said


def test_a_value_of_megabytes_in_a_recording_is_refused(refusal, tmp_path):
    columns = "symbol, timestamp, price, volume_24h, oi_usd, oi_abs_usd, vol_usd"
    with closing(sqlite3.connect(tmp_path / "made.db")) as database:
        database.execute(f"create table metrics ({columns})")
        database.execute("insert into metrics values (zeroblob(2000000), 1, 1, 1, 1, 1, 1)")
        database.commit()

    assert "the SQLite file cannot be read" in refusal(
        "recording.sqlite", (tmp_path / "made.db").read_bytes()
    )


HANGING = """
import sys, time
for line in sys.stdin:
    time.sleep(3600)
"""


@pytest.fixture
def hanging(monkeypatch):
    """Has readers never answer."""
    popen = child_process.subprocess.Popen

    def started(arguments, **options):
        return popen([arguments[0], "-c", HANGING], **options)

    monkeypatch.setattr(child_process.subprocess, "Popen", started)


def test_a_reader_that_goes_on_too_long_is_ended(tmp_path, hanging, write):
    with reading(tmp_path, lambda: None) as one:
        one.child.max_s = 0
        with pytest.raises(ImportRefused, match="reading it took over 0 s; split it"):
            one.read(write("bars.csv", BARS), NOW)

        assert one.child.process is None


def test_a_reader_that_is_gone_is_replaced(tmp_path, write):
    """One file that ends it costs the next one nothing."""
    path = write("bars.csv", BARS)
    with reading(tmp_path, lambda: None) as one:
        one.read(path, NOW)
        one.child.process.kill()
        with pytest.raises(
            ImportRefused, match="its reader process ended|its reader process was killed"
        ):
            one.read(path, NOW)

        assert one.read(path, NOW).rows_read == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from analytics.lake.writer import Lake
from collector.service.import_work import import_work

def killed(line):
    if "done" in line:
        os.kill(os.getpid(), signal.SIGKILL)

with Lake(Path(sys.argv[1])) as lake:
    import_work(lake)({"files": [sys.argv[2]]}, killed)
"""


def test_an_import_that_is_killed_leaves_nothing_behind_for_good(tmp_path, write):
    """What was handed over can be gigabytes; the next writer deletes it, whoever that is."""
    folder, path = tmp_path / "killed", str(write("bars.csv", BARS))
    ended = subprocess.run([sys.executable, "-c", KILLED, str(folder), path], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(folder.rglob("bars.arrow"))

    Lake(folder).close()

    assert list(folder.rglob("*.arrow")) == []


async def test_a_hung_import_holds_up_neither_other_commands_nor_the_end(
    lake, hanging, write, tasks
):
    """It waits beside them, and when the collector ends, its reader is ended at once."""
    folder, path = lake.layout.folder, str(write("bars.csv", BARS))
    began = asyncio.Event()

    async def other(_asked, report):
        report({"done": 1})

    def remembered(asked, report):
        def heard(line):
            report(line)
            if line == {}:
                loop.call_soon_threadsafe(began.set)

        import_work.import_work(lake)(asked, heard)

    loop, said, told = asyncio.get_running_loop(), [], []
    works = {"import": remembered, "backfill": other}
    async with taking_work(folder, works, tasks):
        hung = asyncio.create_task(ask(folder, "import", {"files": [path]}, said.append))
        await began.wait()
        await ask(folder, "backfill", {}, told.append)
        assert told == [{"done": 1}]
        assert not hung.done()
    await hung

    assert "the collector stopped before the work was done" in said[-1]["error"]
    while any(thread.name == "work for another command" for thread in threading.enumerate()):
        await asyncio.sleep(0.01)
    assert list(lake.layout.scratch.iterdir()) == []
