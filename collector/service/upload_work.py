"""What Studio has the collector do: take an uploaded record into the record.

Only a scratch lake in the data folder's ``uploads``, where dashboards build them, is read.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics.errors import RuleError
from analytics.files.upload_commands import ImportUpload
from analytics.lake.layout import Layout
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from analytics.settings import LakeSettings
from collector.imports.uploads import Provenance, import_upload
from collector.service.control_socket import Report, Work
from collector.service.page_work import allowed


def import_upload_work(settings: LakeSettings, lake: Lake) -> Work:
    """Return the work that imports an uploaded record into *lake*.

    It reports ``done`` of ``total``, then ``imported``: its id and the rows stored. It raises
    RuleError for what it refuses.
    """

    def work(asked: dict[str, Any], report: Report) -> None:
        command = allowed(settings, ImportUpload, asked)
        place = scratch_lake(lake.layout, command.lake)
        with closing(Reader(place, threads=1)) as upload:
            stored = import_upload(
                lake,
                upload,
                Provenance(command.file, command.sha256),
                lambda done, total: report({"done": done, "total": total}),
                datetime.now(UTC),
            )
        lake.publish()
        rows = {
            "number": stored.number,
            "filled": stored.bars_filled,
            "differing": stored.differing,
        }
        report({"imported": {**rows, **stored.rows}})

    return work


def scratch_lake(layout: Layout, name: str) -> Path:
    """Return the folder of the scratch lake that is called *name* below the uploads.

    Raises:
        RuleError: There is none, or *name* leads elsewhere.
    """
    uploads = layout.uploads.resolve()
    place = (uploads / name).resolve()
    if uploads not in place.parents or not Layout(place).public.is_file():
        raise RuleError("this uploaded record is no longer there; nothing was imported")
    return place
