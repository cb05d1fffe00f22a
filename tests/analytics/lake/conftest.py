"""A lake of its own for each test, and rows to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from analytics.lake.attach import METADATA
from analytics.lake.reader import Reader
from analytics.lake.schema import arrow_schema
from analytics.lake.writer import Lake

NOON = datetime.fromisoformat("2026-03-01 12:00")

Rows = Callable[..., pa.Table]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def lake(folder: Path) -> Iterator[Lake]:
    with Lake(folder) as lake:
        yield lake


@pytest.fixture
def reader(folder: Path) -> Iterator[Reader]:
    reader = Reader(folder)
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def snapshots() -> Rows:
    """Makes snapshots of one cycle: S0, S1 … of one venue, all received at the same time."""

    def rows(count=3, at=NOON, *, venue="binance", **columns):
        names = [f"S{number}" for number in range(count)]
        return pa.table(
            {
                "venue": [venue] * count,
                "symbol": names,
                "base": names,
                "received_ts": pa.array([at] * count, pa.timestamp("ms")),
                **{name: [value] * count for name, value in columns.items()},
            }
        )

    return rows


@pytest.fixture(scope="session")
def bars() -> Rows:
    """Makes bars from dicts; what a dict does not say is the same for all."""

    def rows(*given, **columns):
        same = {"venue": "binance", "symbol": "S0", "base": "S0", "ts": NOON}
        same |= {"snapshot_count": 10, "origin": "live"} | columns
        complete = [same | row for row in given or [{}]]
        made = {name: [row.get(name) for row in complete] for row in complete for name in row}
        return pa.table(made | {"ts": pa.array(made["ts"], pa.timestamp("ms"))})

    return rows


@pytest.fixture(scope="session")
def cycle() -> Rows:
    """Makes the one row of a venue's cycle."""

    def row(at=NOON, venue="binance"):
        values = {"string": venue, "timestamp[ms]": at, "int32": 1}
        must = [field for field in arrow_schema("cycles") if not field.nullable]
        return pa.table(
            {field.name: pa.array([values[str(field.type)]], field.type) for field in must}
        )

    return row


@pytest.fixture
def asked() -> Callable[..., list[tuple[object, ...]]]:
    """Asks a lake or a reader one question."""

    def ask(source, query):
        with source.cursor() as cursor:
            return cursor.execute(query).fetchall()

    return ask


@pytest.fixture
def live_files() -> Callable[..., list[Path]]:
    """Lists the files of rows, or of deletions, that a closed lake's catalog names."""

    def files(folder, table="snapshots", kind="data"):
        with duckdb.connect(str(folder / "catalog.duckdb"), read_only=True) as catalog:
            names = catalog.execute(
                f"select file.path from ducklake_{kind}_file as file "
                "join ducklake_table as stored using (table_id) "
                f"where stored.table_name = '{table}' and file.end_snapshot is null "
                "order by file.data_file_id"
            ).fetchall()
        return [folder / "lake" / "main" / table / name for (name,) in names]

    return files


@pytest.fixture
def in_catalog() -> Callable[..., list[tuple[object, ...]]]:
    """Asks the open lake's catalog itself: ``{}`` in the query stands for its name."""

    def ask(lake, query):
        with lake.cursor() as cursor:
            return cursor.execute(query.format(METADATA)).fetchall()

    return ask
