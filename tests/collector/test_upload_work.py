"""An uploaded record that a page has the collector take: stored, refused, undone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from analytics import query
from analytics.control.commands import send
from analytics.errors import RuleError
from analytics.files.upload_commands import ImportUpload
from analytics.lake.layout import Layout
from analytics.lake.reader import Reader
from analytics.lake.records import Snapshot
from analytics.lake.writer import Lake
from analytics.settings import LakeSettings
from collector.service.control_socket import taking_work
from collector.service.upload_work import import_upload_work

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
BTC = {"venue": "okx", "symbol": "BTC/USDT:USDT", "base": "BTC"}
ASKED = {"lake": "server/one", "file": "mine.parquet", "sha256": "0" * 64}


def bar(ts, close):
    names = {"ts": ts.replace(tzinfo=None), "close": close, "snapshot_count": 0, "origin": "import"}
    return {**BTC, **names}


@pytest.fixture
def lakes(tmp_path):
    """The collector's lake, and an uploaded record of readings, and of bars alone before them."""
    with Lake(tmp_path) as lake:
        lake.append_records([Snapshot(**BTC, received_ts=NOON + timedelta(seconds=30), price=1.0)])
        lake.publish()
        with Lake(Layout(tmp_path).uploads / "server" / "one") as upload:
            upload.append_records(
                Snapshot(**BTC, received_ts=NOON + timedelta(seconds=30 * nth), price=100.0 + nth)
                for nth in range(20)
            )
            bars = [bar(NOON - nth * timedelta(minutes=5), 90.0 + nth) for nth in (1, 2, 3)]
            upload.append(("bars", pa.Table.from_pylist(bars)))
            upload.publish()
        yield lake, tmp_path


async def asking(lakes, tasks, heard=lambda _: None, settings=None, **changed):
    lake, folder = lakes
    work = import_upload_work(settings or LakeSettings(), lake)
    async with taking_work(folder, {ImportUpload.work: work}, tasks):
        await asyncio.to_thread(send, folder, ImportUpload, heard, **{**ASKED, **changed})


def rows(lake, question):
    with lake.cursor() as cursor:
        return cursor.execute(question).fetchall()


async def test_a_record_is_imported_with_its_provenance_and_undone(lakes, tasks):
    """What was collected wins; bars without readings count as known from the import on."""
    lake, folder = lakes
    before = rows(lake, "select * from snapshots"), rows(lake, "select * from bars")
    heard = []
    await asking(lakes, tasks, heard.append)

    assert heard[0] == {"done": 0, "total": 23}
    told = heard[-1]["imported"]
    assert (told["number"], told["snapshots"], told["bars"], told["differing"]) == (1, 19, 5, 1)
    assert rows(lake, "select price from snapshots order by received_ts limit 2") == [
        (100.0,),
        (1.0,),
    ]
    fetched = "select close, known_ts > ts + interval 1 day from bars order by ts"
    known = rows(lake, fetched)
    assert [close for close, _ in known] == [93.0, 92.0, 91.0, 109.0, 119.0]
    assert [is_later for _, is_later in known] == [True, True, True, None, None]
    with Reader(folder).cursor() as cursor:
        (listed,) = query.fetch(cursor, "imports").to_dict("records")
    assert (listed["file"], listed["kind"]) == ("mine.parquet", "uploaded record")
    assert rows(lake, "select sha256 from imports") == [("0" * 64,)]

    await asking(lakes, tasks, heard.append)
    assert heard[-1]["imported"]["number"] is None

    lake.undo_import(1, NOON, lambda *_: None)
    assert (rows(lake, "select * from snapshots"), rows(lake, "select * from bars")) == before


async def test_nothing_but_an_uploaded_record_is_read(lakes, tasks):
    """Not another lake on this machine, nor by a link that lies among the uploads."""
    _, folder = lakes
    (Layout(folder).uploads / "out").symlink_to(folder)
    for elsewhere in ("../..", "server/../../..", "/etc", "server", "server/one/lake", "out"):
        with pytest.raises(RuleError, match="no longer there"):
            await asking(lakes, tasks, lake=elsewhere)


async def test_who_may_not_edit_may_not_import(lakes, tasks):
    with pytest.raises(RuleError, match="switched off"):
        await asking(lakes, tasks, settings=LakeSettings(edit_rules="off"))
    assert rows(lakes[0], "select count(*) from imports") == [(0,)]
