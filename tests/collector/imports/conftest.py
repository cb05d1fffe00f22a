"""A real lake, files written for a test, and what an import left in the lake."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime

import pytest

from analytics.errors import ImportRefused
from analytics.lake.writer import Lake
from collector.imports.files import import_file


@pytest.fixture(scope="session")
def now():
    """The time of the imports, later than all that is imported."""
    return datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path):
    with Lake(tmp_path / "data", reserve_bytes=0) as opened:
        yield opened


@pytest.fixture(scope="session")
def untouched(tmp_path_factory):
    """A lake for files that are refused: it never gets a row."""
    with Lake(tmp_path_factory.mktemp("untouched"), reserve_bytes=0) as opened:
        yield opened


@pytest.fixture
def write(tmp_path):
    """Write *text* or bytes into a file of that name; a .zip gets it as its one member.

    Bytes that are *packed* already are written as they are.
    """

    def write(name, text, member=None, *, packed=False):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else text.encode()
        if name.endswith(".zip") and not packed:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(member or name.replace(".zip", ".csv"), data)
        else:
            path.write_bytes(data)
        return path

    return write


@pytest.fixture
def take(lake, write, now):
    """Write a file, import it at *now*, return the summary."""

    def take(name, text, **more):
        path = write(name, text, **more)
        return import_file(lake, path, lambda _done, _total: None, now=now)

    return take


@pytest.fixture
def refusal(untouched, write, now):
    """Write a file, have it refused, return the sentence; nothing of it is in the lake."""

    def refusal(name, text, **more):
        path = write(name, text, **more)
        with pytest.raises(ImportRefused) as caught:
            import_file(untouched, path, lambda _done, _total: None, now=now)
        with untouched.cursor() as cursor:
            for table in ("snapshots", "bars", "instruments"):
                assert cursor.execute(f"select count(*) from {table}").fetchone() == (0,)
        return str(caught.value)

    return refusal


@pytest.fixture
def rows(lake):
    """What a query finds in the lake, as dictionaries."""

    def rows(statement):
        with lake.cursor() as cursor:
            return cursor.execute(statement).to_arrow_table().to_pylist()

    return rows
