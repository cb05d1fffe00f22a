"""Imports, by a running collector for another command, or by that command where none runs.

Either way the same lines tell how it goes: ``file``, then ``done`` of ``total``, then a
``summary`` or a ``refusal`` for each file.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analytics import formats
from analytics.errors import ImportRefused
from analytics.files.reader_process import ReaderProcess, reading
from analytics.lake.writer import Lake
from collector.imports.files import import_file
from collector.service.control_socket import Report, Work


def import_work(lake: Lake) -> Work:
    """Return the work that imports files into *lake*, or takes imports back, and reports on it."""

    def work(asked: dict[str, Any], report: Report) -> None:
        for number in asked.get("undo", ()):
            report({"file": f"import {number}"})
            undone = lake.undo_import(
                number,
                datetime.now(UTC),
                lambda done, total: report({"done": done, "total": total}),
            )
            back = formats.plural(undone.set_back, "row")
            left = formats.plural(undone.left, "row")
            kept = f"; {left} with later changes kept as they are" if undone.left else ""
            report({"undone": f"import {number} undone: {back} restored{kept}"})
            lake.publish()
        with reading(lake.layout.scratch, lambda: report({})) as reader:
            for name in asked.get("files", ()):
                report({"file": name})
                _take(lake, Path(name), reader, report)

    return work


def _take(lake: Lake, file: Path, reader: ReaderProcess, report: Report) -> None:
    """Import *file*, or say why it is refused."""
    try:
        summary = import_file(
            lake,
            file,
            lambda done, total: report({"done": done, "total": total}),
            read=reader.read,
        )
    except ImportRefused as refusal:
        report({"refusal": str(refusal)})
    else:
        report({"summary": summary.as_json()})
        lake.publish()
