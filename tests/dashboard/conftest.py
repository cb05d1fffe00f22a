"""The dashboard on a small real lake, which a test fills before it runs the app."""

from __future__ import annotations

import asyncio
import shutil
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, app_test, local_script_runner

from analytics.files.upload_commands import ImportUpload
from analytics.lake.records import Cycle, Instrument, Snapshot
from analytics.lake.schema import arrow_schema
from analytics.lake.writer import Lake
from analytics.rules.columns import COLUMNS
from collector.runtime.clock import Clock
from collector.runtime.guarded_tasks import GuardedTasks
from collector.service.alert_work import AlertWork
from collector.service.control_socket import taking_work
from collector.service.trade_work import TradeWork
from collector.service.upload_work import import_upload_work
from dashboard.loaders.source import settings
from tests.collector.alerts.made import passes
from tests.waiting import HANG_S, until

MAIN = Path(__file__).parents[2] / "dashboard" / "main.py"


class Record:
    """What a test wants recorded; nothing is stored before ``publish``."""

    noon = datetime(2025, 10, 22, 12, 44, tzinfo=UTC)

    def __init__(self, folder, made):
        self.folder, self.made = folder, made
        self.rows, self.bars, self.instruments = [], [], []

    def snapshot(self, symbol, *, venue="binance", at=noon, **values):
        values = {"base": symbol.partition("/")[0], **values}
        self.rows.append(Snapshot(venue=venue, symbol=symbol, received_ts=at, **values))

    def cycle(self, *, venue="binance", at=noon, **values):
        counts = {"asked": 1, "answered": 1, "skipped": 0, "refused": 0}
        unknown = {"refused_reasons": None, "latency_ms": 120.0, "budget_used_pct": 12.0}
        given = {**counts, **unknown, "requests": 3, "error": None, **values}
        started = at - timedelta(seconds=1)
        self.rows.append(Cycle(venue=venue, started_ts=started, finished_ts=at, **given))

    def bar(self, symbol, *, venue="binance", ended=noon, **values):
        """A bar that was over at *ended*."""
        start = (ended - timedelta(minutes=5)).replace(tzinfo=None)
        base = symbol.partition("/")[0]
        key = {"venue": venue, "symbol": symbol, "base": base, "ts": start}
        self.bars.append({**key, "snapshot_count": 10, "origin": "live", **values})

    def instrument(self, symbol, *, venue="binance", in_universe=True, base=None, multiplier=1):
        self.instruments.append(
            Instrument(
                venue=venue,
                symbol=symbol,
                venue_id=symbol,
                base=base or symbol.partition("/")[0],
                multiplier=multiplier,
                contract_size=1,
                linear=True,
                quote="USDT",
                oi_unit="contracts",
                in_universe=in_universe,
                first_seen_ts=self.noon - timedelta(days=9),
                last_seen_ts=self.noon,
            )
        )

    def publish(self, origin="live", **info):
        """Store and publish all of it; a lake that an earlier test made of the same is copied."""
        if self.folder.exists():
            self._append(self.folder, origin, info)
            return
        content = repr((self.rows, self.bars, self.instruments, origin, info))
        if content not in self.made.lakes:
            made = self.made.folder / str(len(self.made.lakes))
            self._append(made, origin, info)
            self.made.lakes[content] = made
        # Without its times: a page says how long ago it was published.
        shutil.copytree(self.made.lakes[content], self.folder, copy_function=shutil.copy)

    def _append(self, folder, origin, info):
        with Lake(folder, origin=origin) as lake:
            lake.append_records(self.rows)
            if self.bars:
                lake.append(("bars", _bars(self.bars)))
            for venue in {one.venue for one in self.instruments}:
                of_venue = [one for one in self.instruments if one.venue == venue]
                lake.replace_instruments(venue, of_venue)
            if info:
                lake.set_info(**info)
            lake.publish()


class Made:
    """The lakes that tests have published, by what is in them; nobody changes one."""

    def __init__(self, folder):
        self.folder, self.lakes = folder, {}


def _bars(rows):
    given = {name for row in rows for name in row}
    return pa.Table.from_pylist(
        rows, schema=pa.schema([field for field in arrow_schema("bars") if field.name in given])
    )


@pytest.fixture(scope="session", autouse=True)
def _packages_are_looked_through_once():
    """For components that they may bring AppTest does so at every run: half of its time."""
    with pytest.MonkeyPatch.context() as patch:
        scan = cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(scope="session", autouse=True)
def _a_run_is_waited_for_without_polling():
    """AppTest looks a thousand times a second whether it is over."""
    poll = local_script_runner.require_widgets_deltas

    def wait(runner, timeout):
        runner._script_thread.join(timeout)
        if not runner.script_stopped():
            poll(runner, 0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_script_runner, "require_widgets_deltas", wait)
        yield


@pytest.fixture(scope="session", autouse=True)
def _scripts_are_compiled_once():
    """Each run of AppTest compiles the pages' scripts anew."""
    compiled = ScriptCache()
    with pytest.MonkeyPatch.context() as patch:
        for module in (app_test, local_script_runner):
            patch.setattr(module, "ScriptCache", lambda: compiled)
        yield


@pytest.fixture(scope="session")
def _made(tmp_path_factory):
    return Made(tmp_path_factory.mktemp("made"))


@pytest.fixture
def record(tmp_path, monkeypatch, _made):
    """What the app will find in its lake."""
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    yield Record(tmp_path / "data", _made)
    settings.cache_clear()


@pytest.fixture
def app(record):
    """The whole app, from its entry."""
    yield AppTest.from_file(str(MAIN), default_timeout=HANG_S)
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def opened(app, record):
    """A function that publishes the record, mostly, and opens a page as its URL asks."""

    def at(path, publish=True, **asked):
        if publish:
            record.publish()
        app.switch_page(path)
        for name, value in asked.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return at


@pytest.fixture
def collector(record, monkeypatch, tmp_path):
    """A collector's socket on the record's lake, as long as the block lasts: nothing collects."""
    monkeypatch.setenv("PERPSCOPE_EDIT_RULES", "token")
    monkeypatch.setenv("PERPSCOPE_EDIT_TOKEN", "sixteen letters!")
    settings.cache_clear()

    @contextmanager
    def serving():
        clock = SimpleNamespace(now=lambda: record.noon - timedelta(seconds=30))
        ready, over = threading.Event(), threading.Event()

        async def serve(lake, running):
            works = {
                **AlertWork(settings(), clock, lake, running).works(),
                **TradeWork(settings(), clock, lake).works(),
                ImportUpload.work: import_upload_work(settings(), lake),
            }
            async with (
                GuardedTasks(Clock()) as tasks,
                taking_work(record.folder, works, tasks),
            ):
                ready.set()
                await asyncio.to_thread(over.wait)

        with Lake(record.folder) as lake, passes(lake, clock, columns=COLUMNS) as running:
            thread = threading.Thread(target=asyncio.run, args=(serve(lake, running),))
            thread.start()
            until(lambda: ready.is_set() or not thread.is_alive(), "the socket")
            try:
                yield
            finally:
                over.set()
                thread.join()

    return serving
