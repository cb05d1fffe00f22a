"""``perpscope backfill``: by the collector where one runs, and in this process where none does.

Either way the same lines tell how it goes: ``done`` of ``total`` for each venue,
then one ``filled`` for each with what is known now and what went wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analytics.errors import LakeError, LakeLocked
from collector.backfill import coverage, plan
from collector.backfill.archive import Archive
from collector.backfill.coverage import Covered
from collector.backfill.together import together
from collector.cycles.venue_collector import VenueCollector
from collector.service import timetable
from collector.service.app import Program, opened
from collector.service.control import Report, ask, takes_work
from collector.settings import Settings
from collector.venues import VENUES


def backfill_work(program: Program) -> Callable[[dict[str, Any], Report], Awaitable[None]]:
    """Return the work that fills in the history of *program*'s venues and reports how it goes."""

    async def work(asked: dict[str, Any], report: Report) -> None:
        chosen = [one for one in program.venues if one.name in asked["venues"]]
        await together(_fill(program, one, asked, report) for one in chosen)

    return work


def run(settings: Settings, *, days: float, archive: bool, said: Console, told: Console) -> bool:
    """Fill in the last *days*; return whether at least one venue answered.

    Args:
        settings: Of the lake, and which venues; for the rest a running collector uses its own.
        days: How far back. [days]
        archive: Whether the public archive is asked for all days.
        said: Where progress and problems go.
        told: Where the coverage goes.

    Raises:
        LakeError: The lake cannot be written.
        SettingsError: The simulator that the settings name does not answer.
    """
    asked = {"days": days, "archive": archive, "venues": settings.venues}
    with _Screen(said) as screen:
        try:
            asyncio.run(_alone(settings, asked, screen.report))
        except LakeLocked:
            if not takes_work(settings.data_dir):
                raise
            said.print("a collector holds the lake: it does the work")
            asyncio.run(ask(settings.data_dir, "backfill", dict(asked), screen.report))
    if screen.error is not None:
        raise LakeError(screen.error)
    screen.sum_up(told)
    return any(filled["sound"] for filled in screen.filled)


async def _alone(settings: Settings, asked: dict[str, Any], report: Report) -> None:
    """Hold the lake, choose the instruments as a collector would, and fill in."""
    async with opened(settings) as program:
        await asyncio.gather(*(timetable.universe(program, one) for one in program.venues))
        await backfill_work(program)(asked, report)


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
        problems.append(f"{one.name}: no instruments chosen, so nothing was asked")
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


class _Screen:
    """Progress bars as they come; what was filled in is kept for the end."""

    def __init__(self, said: Console) -> None:
        self._said = said
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=said,
            transient=True,
        )
        self._bars: dict[tuple[str, str], Any] = {}
        self.filled: list[dict[str, Any]] = []
        self.error: str | None = None

    def __enter__(self) -> _Screen:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

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
                self._said.print(sentence, markup=False)
            case {"error": sentence}:
                self.error = str(sentence)

    def sum_up(self, told: Console) -> None:
        """Print the coverage, then what went wrong."""
        covered = [Covered.from_json(one) for line in self.filled for one in line["covered"]]
        if covered:
            told.print(coverage.as_table(covered))
        for line in self.filled:
            mine = [one for one in covered if one.venue == line["filled"]]
            for note in coverage.reach_notes(VENUES[line["filled"]], mine):
                self._said.print(note, markup=False, highlight=False, soft_wrap=True)
            for problem in line["problems"]:
                self._said.print(problem, markup=False, highlight=False, soft_wrap=True)
