"""``perpscope import``: by the collector where one runs, and in this process where none does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analytics import formats
from analytics.control.collector_socket import takes_work
from analytics.errors import LakeError, LakeLocked, QueryError
from analytics.lake.writer import Lake
from collector.commands.progress import ProgressScreen
from collector.imports.summary import ImportSummary
from collector.service.control_socket import ask
from collector.service.import_work import import_work


def run(
    folder: Path,
    files: Sequence[Path],
    err: Console,
    out: Console,
    *,
    undo: Sequence[int] = (),
) -> bool:
    """Import *files* into the lake in *folder*; return whether all were taken.

    Args:
        folder: Where the lake lies.
        files: What to import.
        undo: The ids of imports that are taken back first.
        err: Where progress and refusals go.
        out: Where the summary goes.

    Raises:
        QueryError: There is no import to undo with such an id.
        LakeError: The lake cannot be written.
    """
    asked: dict[str, object] = {
        "files": [str(file.absolute()) for file in files],
        "undo": list(undo),
    }
    screen = _Screen(err)
    try:
        with screen:
            _import(folder, asked, screen)
    finally:
        # Also where a later file failed: what was stored until then stays stored.
        screen.sum_up(out)
    if screen.error is not None:
        raise QueryError(screen.error) if screen.is_wrong_input else LakeError(screen.error)
    return screen.refusals == 0


def _import(folder: Path, asked: dict[str, object], screen: _Screen) -> None:
    try:
        with Lake(folder) as lake:
            import_work(lake)(asked, screen.report)
    except LakeLocked:
        if not takes_work(folder):
            raise
        screen.report({"waiting": "a collector is running; it does the work"})
        asyncio.run(ask(folder, "import", asked, screen.report))


class _Screen(ProgressScreen):
    """Progress bars and refusals as they come; summaries are kept for the end."""

    def __init__(self, err: Console) -> None:
        super().__init__(err)
        self.summaries: list[ImportSummary] = []
        self.refusals = 0
        self.is_wrong_input = False

    def report(self, line: dict[str, Any]) -> None:
        """Show one *line* of how the work goes."""
        match line:
            case {"file": name}:
                for task in self._progress.task_ids:
                    self._progress.remove_task(task)
                self._progress.add_task(Path(name).name, total=None)
            case {"done": done, "total": total}:
                self._progress.update(self._progress.task_ids[-1], completed=done, total=total)
            case {"summary": summary}:
                self.summaries.append(ImportSummary.from_json(summary))
            case {"refusal": sentence}:
                self.refusals += 1
                self._say(f"refused: {sentence}")
            case {"waiting": sentence} | {"undone": sentence}:
                self._say(sentence)
            case {"error": sentence}:
                self.error, self.is_wrong_input = str(sentence), bool(line.get("is_input"))

    def sum_up(self, out: Console) -> None:
        """Print what became of the files that were taken."""
        if self.summaries:
            out.print(_table(self.summaries))
        for note in dict.fromkeys(note for one in self.summaries for note in one.notes):
            self._say(note)


def _table(summaries: Sequence[ImportSummary]) -> Table:
    table = Table(
        "id", "file", "type", "rows read", "stored", "already known", "refused", "from", "to"
    )
    for one in summaries:
        stored = [
            formats.plural(rows, name.removesuffix("s"))
            for name, rows in one.stored.items()
            if rows
        ]
        if one.bars_filled:
            stored.append(f"{formats.plural(one.bars_filled, 'bar')} filled")
        if one.replaced:
            stored.append(f"{one.replaced:,} differ, replaced")
        known = [f"{one.already_there:,}"]
        if one.differing:
            known.append(f"{one.differing:,} differ, kept as stored")
        refused = [f"{rows:,} {why}" for why, rows in one.refused.items()]
        refused += [f"{times:,} × {why}" for why, times in one.values_refused.items()]
        table.add_row(
            "" if one.number is None else str(one.number),
            Text(Path(one.file).name),
            one.kind,
            f"{one.rows_read:,}",
            "\n".join(stored) or "nothing new",
            "\n".join(known),
            Text("\n".join(refused) or "none"),
            *("" if ts is None else f"{ts:%Y-%m-%d %H:%M}" for ts in (one.first_ts, one.last_ts)),
        )
    return table
