"""Files that would harm whoever opens them: each gets one sentence, and nothing of it is run."""

from __future__ import annotations

import gzip
import io
import re
import signal
import sqlite3
import struct
import zipfile
from contextlib import closing

import duckdb
import pyarrow as pa
import pytest
from pyarrow import parquet

from analytics.scratch import inspect_files, limits, questions
from analytics.scratch.preview import Meaning
from analytics.untrusted.visible import visible

ROWS = pa.table(
    {
        "timestamp": [1_772_323_200_000 + 30_000 * nth for nth in range(10)],
        "symbol": ["BTCUSDT"] * 10,
        "price": [60_000.0 + nth for nth in range(10)],
    }
)
FINE = (
    "timestamp,symbol,price\n2026-03-01T00:00:00Z,BTCUSDT,60000\n2026-03-01T00:00:30Z,BTCUSDT,1\n"
)


def good_parquet():
    made = io.BytesIO()
    parquet.write_table(ROWS, made)
    return made.getvalue()


def zipped(*members, link=False):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members:
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o120777 << 16 if link else 0
            archive.writestr(member, data, zipfile.ZIP_DEFLATED, 1)
    return made.getvalue()


def sqlite_of(path, *statements):
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def with_footer(length):
    """A Parquet file that says its footer is of another length than it is."""
    made = good_parquet()
    return made[:-8] + struct.pack("<I", length) + b"PAR1"


NO_TABLE = "it is no table: its lines do not have the same number of columns"

BYTES = {
    "empty.csv": (b"", "the file is empty"),
    "prose.parquet": (b"Dear reader,\nthis is no table.\n", "named .parquet, but it is no Parquet"),
    "fine.parquet": (FINE.encode(), "named .parquet, but it is no Parquet"),
    "letter.csv": (
        b"Dear reader\nhow are you\n",
        NO_TABLE,
    ),
    "one_line.csv": (b"a" * 10_000_000 + b"\n", "line 1: it is longer than"),
    "long_lines.csv": (
        b"a,b\n" + (b"x" * 10_000_000 + b",1\n") * 2,
        "line 2: it is longer than",
    ),
    "image.csv": (
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9,
        "neither text nor a file|cannot be",
    ),
    "cut.parquet": (good_parquet()[:-20], "the Parquet file cannot be read"),
    "long_footer.parquet": (with_footer(2**31 - 1), "the Parquet file cannot be read"),
    "short_footer.parquet": (with_footer(3), "the Parquet file cannot be read"),
    "inside.parquet": (
        good_parquet()[:8] + b"\xff" * 60 + good_parquet()[68:],
        "the Parquet file is damaged or cut short",
    ),
    "cut.feather": (b"ARROW1\0\0" + b"\0" * 60, "the Arrow file cannot be read"),
    "cut.zip": (zipped(("ticks.csv", FINE))[:-30], "the zip file is damaged or cut short"),
    "up.zip": (zipped(("../../etc/ticks.csv", FINE)), "leads out of the zip"),
    "absolute.zip": (zipped(("/etc/ticks.csv", FINE)), "leads out of the zip"),
    "windows.zip": (zipped(("C:\\ticks.csv", FINE)), "leads out of the zip"),
    "backslash.zip": (zipped(("..\\ticks.csv", FINE)), "leads out of the zip"),
    "link.zip": (zipped(("ticks.csv", "/etc/passwd"), link=True), "is a link"),
    "bomb.zip": (zipped(("ticks.csv", bytes(401 * 2**20))), "larger than 0.4 GB; split it"),
    "two.zip": (zipped(("a.csv", FINE), ("b.csv", FINE)), "must have one member, this one has 2"),
    "inner.zip": (zipped(("a.csv", zipped(("b.csv", FINE)))), "its member is a zip file"),
    "cut.csv.gz": (
        gzip.compress(FINE.encode() * 50)[:-12],
        "the compressed file is damaged",
    ),
    "cut.sqlite": (b"SQLite format 3\0" + b"\xff" * 4000, "the SQLite file cannot be read"),
    "cut.duckdb": (b"\0" * 8 + b"DUCK" + b"\xff" * 20_000, "the DuckDB file cannot be read"),
    "ragged.csv": (FINE.encode() * 9 + b"1,2,3,4,5\n", NO_TABLE),
    "latin.csv": (FINE.encode() + b"2026-03-01T00:01:00Z,\xff\xfe,1\n", "line 4: .*utf-8"),
    "wide.csv": (
        ",".join(f"c{nth}" for nth in range(10_000)).encode() + b"\n" + b"1," * 9_999 + b"1\n",
        "it has 10,000 columns, at most 500 can be read",
    ),
    "\u202egnp.csv": (b"", "the file is empty"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    for name, (data, _) in BYTES.items():
        (folder / name).write_bytes(data)
    return folder


def test_each_gets_one_sentence_that_names_it(folder, tmp_path):
    """And a good file after all of those is read, by whichever process is left."""
    (folder / "fine.csv").write_text(FINE)
    names = [*BYTES, "fine.csv", "absent.csv"]
    before = sorted(folder.iterdir())

    found = inspect_files.read([folder / name for name in names], tmp_path / "work")

    assert [file.name for file in found.files] == ["fine.csv"]
    assert len(found.refused) == len(BYTES) + 1
    for sentence, (name, (_, reason)) in zip(found.refused, BYTES.items(), strict=False):
        assert sentence.startswith(visible(name)), sentence
        assert_says(sentence, reason)
        assert str(folder) not in sentence
    assert found.refused[-1] == "absent.csv: no such file"
    assert sorted(folder.iterdir()) == before


def assert_says(sentence, reason):
    assert re.search(reason, sentence), sentence
    assert "\n" not in sentence
    assert len(sentence) < 400


def test_databases_are_read_and_nothing_in_them_is_run(tmp_path):
    """Views that never end or read other files, triggers, virtual and generated columns."""
    victim = tmp_path / "secret.csv"
    victim.write_text("secret,word\n1,2\n")
    view = "with recursive n(x) as (select 1 union all select x + 1 from n) select x from n"
    sqlite_of(
        tmp_path / "traps.sqlite",
        "create table ticks (time text, symbol text, price real)",
        "insert into ticks (time, symbol, price) values ('2026-03-01T00:00:00Z', 'BTCUSDT', 1)",
        "insert into ticks (time, symbol, price) values ('2026-03-01T00:00:30Z', 'BTCUSDT', 2)",
        "alter table ticks add column trap real generated always as "
        "(length(hex(zeroblob(400000000)))) virtual",
        f"create view endless as {view}",
        "create trigger t after insert on ticks begin delete from ticks; end",
        "create virtual table words using fts5(word)",
    )
    sqlite_of(tmp_path / "views.sqlite", f"create view metrics as {view}")
    with duckdb.connect(tmp_path / "traps.duckdb") as database:
        database.execute(
            "create table ticks as select now() as time, 'BTCUSDT' as symbol, 1.0 as price"
        )
        database.execute(f"create view stolen as from read_csv('{victim}')")
        database.execute(f"create macro leak() as table from read_csv('{victim}')")
    with duckdb.connect(tmp_path / "views.duckdb") as database:
        database.execute(f"create view stolen as from read_csv('{victim}')")
    files = [
        tmp_path / name for name in ("traps.sqlite", "views.sqlite", "traps.duckdb", "views.duckdb")
    ]

    found = inspect_files.read(files, tmp_path / "work")

    assert [(file.name, file.rows) for file in found.files[:1]] == [("traps.sqlite", 2)]
    assert {file.format for file in found.files} == {"SQLite, table ticks", "DuckDB, table ticks"}
    assert [column.name for column in found.files[0].columns] == ["time", "symbol", "price"]
    assert found.refused == (
        "views.sqlite: the SQLite file has no table with rows; views are not read",
        "views.duckdb: the DuckDB file has no table with rows; views are not read",
    )
    # Not a byte of them changed, and nothing lies beside them.
    assert not list(tmp_path.glob("*-journal")) + list(tmp_path.glob("*.wal"))


def test_a_duckdb_of_ours_reaches_nothing_else(tmp_path):
    """The engine over a stranger's rows: no other file, no extension, no setting changed back."""
    (tmp_path / "work").mkdir()
    (tmp_path / "secret.csv").write_text("secret,word\n1,2\n")
    with limits.closed(None, tmp_path / "work") as engine:
        for statement in (
            f"from read_csv('{tmp_path}/secret.csv')",
            f"copy (select 1) to '{tmp_path}/out.csv'",
            f"attach '{tmp_path}/other.db'",
            "install httpfs",
            "load httpfs",
            "set enable_external_access = true",
            "set memory_limit = '100GB'",
        ):
            with pytest.raises(duckdb.Error):
                engine.execute(statement)


def test_a_process_that_dies_or_hangs_is_a_sentence(tmp_path, monkeypatch):
    """A crash of a library, or a file without end: the next file is read by another process."""
    for name in ("first.csv", "second.csv"):
        (tmp_path / name).write_text(FINE)
    killed = []

    def kill_once():
        # Called while an answer is waited for.
        child = killed_child[0]
        if not killed and child.process is not None:
            child.process.send_signal(signal.SIGKILL)
            child.process.wait()
            killed.append(child.process.pid)

    killed_child = []
    original = inspect_files.ChildProcess

    def remembered(*arguments):
        killed_child.append(original(*arguments))
        return killed_child[-1]

    monkeypatch.setattr(inspect_files, "ChildProcess", remembered)
    both = [tmp_path / "first.csv", tmp_path / "second.csv"]
    found = inspect_files.read(both, tmp_path / "work", kill_once)
    assert found.refused[0].startswith("first.csv: its reader process ")
    assert [file.name for file in found.files] == ["second.csv"]

    killed_child.clear()
    monkeypatch.setattr(inspect_files, "ChildProcess", lambda *given: original(*given, max_s=0))
    found = inspect_files.read([tmp_path / "first.csv"], tmp_path / "other")
    assert found.refused == ("first.csv: reading it took over 0 s; split it",)


def test_whoever_no_longer_waits_ends_the_reading(tmp_path):
    (tmp_path / "first.csv").write_text(FINE)

    def gone():
        raise RuntimeError("the page was closed")

    with pytest.raises(RuntimeError):
        inspect_files.read([tmp_path / "first.csv"], tmp_path / "work", gone)


def test_names_of_columns_are_only_names(tmp_path, preview, built):
    """Quotes, SQL and formulas in the first line reach neither a statement nor another column."""
    names = ['time"; drop table bars; --', "=cmd|' /C calc'!A0", "sym'bol", "pri\u202ece"]
    table = ROWS.append_column("last", ROWS["price"]).rename_columns([*names])
    parquet.write_table(table, tmp_path / "names.parquet")
    found = preview(tmp_path / "names.parquet")
    (file,) = found.files
    assert [column.name for column in file.columns] == names
    mapping = questions.suggested(found)
    for name, meaning in zip(
        names,
        (
            Meaning("time", "ms"),
            Meaning("symbol", "name"),
            Meaning("price", "quote currency"),
            Meaning("mark", "quote currency"),
        ),
        strict=True,
    ):
        mapping = mapping.correct(file.key, name, meaning)

    outcome, rows = built(found, {"0/venue": "okx"}, mapping)

    assert outcome.snapshots == 10
    assert [row["mark"] for row in rows("from snapshots order by received_ts")] == ROWS[
        "price"
    ].to_pylist()
