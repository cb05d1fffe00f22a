"""Work that other commands hand to a running collector, or do themselves where none runs.

Either way the same lines tell how it goes. Of an import: ``file``, then ``done`` of
``total``, then a ``summary`` or a ``refusal`` for each file. Of a backfill: ``done`` of
``total`` for each venue, then one ``filled`` for each with what is known now and what
went wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analytics import formats
from analytics.errors import ImportRefused
from analytics.lake.writer import Lake
from collector.backfill import plan
from collector.backfill.archive import Archive, together
from collector.cycles.venue_collector import VenueCollector
from collector.imports.files import import_file
from collector.imports.reader_process import ReaderProcess, reading
from collector.service.app import Program
from collector.service.control_socket import Report, Work
from collector.settings import Settings


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


def backfill_work(program: Program) -> Callable[[dict[str, Any], Report], Awaitable[None]]:
    """Return the work that fills in the history of *program*'s venues and reports how it goes."""

    async def work(asked: dict[str, Any], report: Report) -> None:
        chosen = [one for one in program.venues if one.name in asked["venues"]]
        await together(_fill(program, one, asked, report) for one in chosen)

    return work


async def _fill(
    program: Program, one: VenueCollector, asked: dict[str, Any], report: Report
) -> None:
    """Fill in the history of one venue."""

    def progress(what: str, done: int, total: int) -> None:
        report({"venue": one.name, "what": what, "done": done, "total": total})

    stretch = plan.before(program.clock.now(), timedelta(days=asked["days"]))
    archive = _archive(program.settings, all_days=asked["archive"])
    outcome = await program.histories[one.name].fill(stretch, progress, archive)
    problems = outcome.problems()
    if not one.universe.chosen:
        problems.append(f"{one.name}: no instruments chosen, nothing requested")
    report(
        {
            "filled": one.name,
            "covered": [covered.as_json() for covered in outcome.covered],
            "problems": problems,
            "sound": bool(one.universe.chosen) and bool(outcome.answered or not outcome.requests),
        }
    )


def _archive(settings: Settings, *, all_days: bool) -> Archive | None:
    """Return the public archive; None for a simulator, which has no past in the real one.

    Unless the settings name one, which then is the simulator's.
    """
    if settings.simulator is not None and "archive_url" not in settings.model_fields_set:
        return None
    return Archive(settings.archive_url.rstrip("/"), settings.data_dir, all_days)
