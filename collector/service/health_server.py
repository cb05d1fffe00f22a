"""The collector's HTTP server on loopback: /healthz for people, /metrics for Prometheus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from analytics.errors import SettingsError
from analytics.untrusted.hosts import is_ours
from collector.cycles.venue_collector import VenueCollector
from collector.service.app import Program
from collector.service.servers import served
from collector.settings import LOOPBACK

LATE_CYCLES = 3
"""A venue that has not finished a cycle for this many is reported as silent."""


def health(program: Program) -> dict[str, object]:
    """Return how *program* is: what /healthz answers.

    ``status`` is ``ok``, or ``degraded`` while a venue fails or is silent, its newest rows
    are of a time to come, the lake refuses rows, batches were lost, a task ended that is to run
    for ever and has not run long enough since, a job failed when it ran last, or the alert rules
    could not be evaluated; a fault in their file alone leaves it ``ok``. ``clock`` says
    when and how far the clock stepped last since the start, null if it never did.
    """
    now = program.clock.now()
    venues = {one.name: _venue(program, one, now) for one in program.venues}
    troubled = any(venue["silent"] or venue["ahead"] or venue["error"] for venue in venues.values())
    write_queue, step = program.write_queue, program.clock_steps.newest
    tasks, failing = program.tasks.troubles(), program.jobs_failing()
    alerts = program.alerts.status
    lossy = write_queue.fault is not None or write_queue.dropped > 0
    degraded = troubled or lossy or bool(tasks or failing or alerts.pass_fault)
    return {
        "status": "degraded" if degraded else "ok",
        "now": now.isoformat(),
        "clock": None if step is None else step.sentence(),
        "venues": venues,
        "tasks": tasks,
        "jobs_failing": failing,
        "jobs_skipped": program.jobs_missed(),
        "lake_fault": write_queue.fault,
        "batches_waiting": write_queue.waiting,
        "batches_dropped": write_queue.dropped,
        "set_aside": program.lake.damaged,
        "alerts": json.loads(alerts.as_json()),
    }


def _venue(program: Program, one: VenueCollector, now: datetime) -> dict[str, object]:
    """Return the status of a venue.

    Its age is counted on the monotonic clock, which no step moves; the times in its rows
    may still lie ahead of the other, until its next cycle, after a step back.
    """
    interval_s = program.settings.interval_s
    latest, counted_s = (
        program.counters.latest.get(one.name),
        program.counters.counted_s.get(one.name),
    )
    age_s = None if counted_s is None else program.clock.monotonic_s() - counted_s
    stamped = None if latest is None else (now - latest.finished_ts).total_seconds()
    return {
        "age_s": age_s,
        "silent": age_s is None or age_s > LATE_CYCLES * interval_s,
        "ahead": stamped is not None and stamped < -interval_s,
        "instruments": 0 if latest is None else latest.answered,
        "error": None if latest is None else latest.error,
        "streams": _streams(one),
    }


def _streams(one: VenueCollector) -> dict[str, object] | None:
    """Return the status of a venue's streams by channel; None if it has none."""
    if one.feed is None:
        return None
    return {name: status.as_json() for name, status in one.feed.statuses().items()}


@asynccontextmanager
async def answering(port: int, program: Program) -> AsyncIterator[int]:
    """Answer /healthz and /metrics on loopback *port* (0 for any) until the block ends.

    Yields:
        The port.

    Raises:
        SettingsError: The port is taken.
    """

    async def healthz(_request: web.Request) -> web.Response:
        body = health(program)
        status = 200 if body["status"] == "ok" else 503
        text = json.dumps(body, ensure_ascii=False)
        return web.Response(text=text, status=status, content_type="application/json")

    async def metrics(_request: web.Request) -> web.Response:
        program.counters.waiting.set(program.write_queue.waiting)
        program.counters.dropped.set(program.write_queue.dropped)
        program.counters.show_alerts(program.alerts)
        for job, times in program.jobs_missed().items():
            program.counters.missed.labels(job).set(times)
        for one in program.venues:
            if one.feed is not None:
                program.counters.show(one.feed)
        body = generate_latest(program.counters.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application(middlewares=[_only_as(program.settings.allowed_hosts)])
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)

    async def listen(protocol: web.Server) -> asyncio.Server:
        nonlocal port
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(protocol, LOOPBACK, port)
        except OSError as error:
            raise SettingsError(
                f"PERPSCOPE_COLLECTOR_PORT={port}: {error.strerror}; "
                "choose another port, or 0 for any free one"
            ) from error
        # Of any free port, the one that it got: whoever watches goes on looking there.
        port = int(server.sockets[0].getsockname()[1])
        return server

    async with served(program.tasks, "health server", app, listen):
        yield port


def _only_as(names: Collection[str]) -> Middleware:
    """Return what refuses requests under other names than loopback's and *names*."""

    @web.middleware
    async def refusing(request: web.Request, handler: Handler) -> web.StreamResponse:
        hosts = request.headers.getall("Host", ())
        if len(hosts) == 1 and is_ours(hosts[0], names):
            return await handler(request)
        raise web.HTTPForbidden(
            text="unknown host name; "
            "if a proxy serves the collector under it, add it to PERPSCOPE_ALLOWED_HOSTS\n"
        )

    return refusing
