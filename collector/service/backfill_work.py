"""Backfills, by a running collector for another command, or by that command where none runs.

Either way the same lines tell how it goes: ``done`` of ``total`` for each venue, then one
``filled`` for each with what is known now and what went wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from collector.backfill import plan
from collector.backfill.archive import Archive, together
from collector.cycles.venue_collector import VenueCollector
from collector.service.app import Program
from collector.service.control_socket import Report
from collector.settings import Settings


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
