"""``perpscope backfill``: by the collector where one runs, and in this process where none does."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.console import Console

from analytics.control.collector_socket import takes_work
from analytics.errors import LakeError, LakeLocked
from collector.backfill import coverage
from collector.backfill.coverage import Covered
from collector.commands.progress import ProgressScreen
from collector.service import timetable
from collector.service.app import opened
from collector.service.backfill_work import backfill_work
from collector.service.control_socket import Report, ask
from collector.settings import Settings
from collector.venues import VENUES


def run(settings: Settings, *, days: float, archive: bool, err: Console, out: Console) -> bool:
    """Fill in the last *days*; return whether at least one venue answered.

    Args:
        settings: Of the lake, and which venues; for the rest a running collector uses its own.
        days: How far back. [days]
        archive: Whether the public archive is asked for all days.
        err: Where progress and problems go.
        out: Where the coverage goes.

    Raises:
        LakeError: The lake cannot be written.
        SettingsError: The simulator that the settings name does not answer.
    """
    asked = {"days": days, "archive": archive, "venues": settings.venues}
    with _Screen(err) as screen:
        try:
            asyncio.run(_alone(settings, asked, screen.report))
        except LakeLocked:
            if not takes_work(settings.data_dir):
                raise
            err.print("a collector is running; it does the work")
            asyncio.run(ask(settings.data_dir, "backfill", dict(asked), screen.report))
    if screen.error is not None:
        raise LakeError(screen.error)
    screen.sum_up(out)
    return any(filled["sound"] for filled in screen.filled)


async def _alone(settings: Settings, asked: dict[str, Any], report: Report) -> None:
    """Hold the lake, choose the instruments as a collector would, and fill in."""
    async with opened(settings) as program:
        await asyncio.gather(*(timetable.refresh_universe(program, one) for one in program.venues))
        await backfill_work(program)(asked, report)


class _Screen(ProgressScreen):
    """Progress bars as they come; what was filled in is kept for the end."""

    def __init__(self, err: Console) -> None:
        super().__init__(err)
        self._bars: dict[tuple[str, str], Any] = {}
        self.filled: list[dict[str, Any]] = []

    def report(self, line: dict[str, Any]) -> None:
        """Show one *line* of how the work goes."""
        match line:
            case {"venue": venue, "what": what, "done": done, "total": total}:
                if (venue, what) not in self._bars:
                    self._bars[venue, what] = self._progress.add_task(f"{venue}: {what}")
                self._progress.update(self._bars[venue, what], completed=done, total=total)
            case {"filled": _}:
                self.filled.append(line)
            case {"waiting": sentence}:
                self._say(sentence)
            case {"error": sentence}:
                self.error = str(sentence)

    def sum_up(self, out: Console) -> None:
        """Print the coverage, then what went wrong."""
        covered = [Covered.from_json(one) for line in self.filled for one in line["covered"]]
        if covered:
            out.print(coverage.as_table(covered))
        for line in self.filled:
            mine = [one for one in covered if one.venue == line["filled"]]
            for note in coverage.reach_notes(VENUES[line["filled"]], mine):
                self._say(note)
            for problem in line["problems"]:
                self._say(problem)
