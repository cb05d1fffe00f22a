"""What every test needs: the developer's own settings kept out, and the recordings found."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
from pathlib import Path

import duckdb
import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tests import extension

# The same examples in every run, however slow the machine: a test that fails fails again.
hypothesis.settings.register_profile("the same each time", derandomize=True, deadline=None)
hypothesis.settings.load_profile("the same each time")

# What a shell starts in the background ignores SIGINT, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]

LONGEST = (
    "browser",
    "faults",
    "test_command_line.py",
    "dashboard/test_overview.py",
    "analytics/lake/test_maintenance.py",
    "test_demo.py",
    "analytics/lake/test_damage.py",
    "dashboard/test_health.py",
    "dashboard/test_market.py",
    "test_running_collector.py",
    "collector/backfill",
    "dashboard",
    "analytics/lake",
    "test_interrupts.py",
    "collector",
)
"""What takes longest, in this order: begun last, it would leave the other process idle."""


QUERIED = REPOSITORY / "tests" / "analytics"
ASKED_ELSEWHERE = [QUERIED / "test_later_history.py"]
"""Asks what test_one_clock.py asks, which connects as the product does."""


class FilesAndDemo(LoadFileScheduling):
    """A file each for the processes that share the tests; all that look at the demo are one.

    It takes long to start, and is started once for all of them.
    """

    def _split_scope(self, nodeid: str) -> str:
        demo = "tests/browser/demo/"
        return demo if nodeid.startswith(demo) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    """Hand the tests out so where ``--dist loadfile`` asks for it."""
    return FilesAndDemo(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """Put the longest files first; within each the order stays."""

    def place(item):
        path = item.path.relative_to(REPOSITORY / "tests").as_posix()
        return next((n for n, name in enumerate(LONGEST) if path.startswith(name)), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def _empty_folder(tmp_path_factory):
    """One for all: to make a numbered folder, pytest looks through all that are there."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch, _empty_folder):
    """A variable or a .env of the person who runs the tests must not change their outcome."""
    for name in list(os.environ):
        if name.startswith("PERPSCOPE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(_empty_folder)
    yield
    for left in _empty_folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


@pytest.fixture(scope="session", autouse=True)
def _the_extension_is_taken_as_it_is():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", extension.trusting(duckdb.connect))
        yield


@pytest.fixture(scope="module", autouse=True)
def _lakes_are_small(request):
    """But where the lake and its queries are what is tested.

    Of a whole module, as lakes that all of its tests share are opened before each of them.
    """
    if QUERIED in request.path.parents and request.path not in ASKED_ELSEWHERE:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", extension.for_small_lakes(duckdb.connect))
        yield


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded real data beside the repository; skips where there is none."""
    folder = REPOSITORY.parent / "shared" / "real"
    if not folder.is_dir():
        pytest.skip("the recorded real data is not beside this checkout (../shared/real)")
    return folder


@pytest.fixture
def recorded(recordings):
    """Reads a recorded payload; skips the test where the recordings are not at hand."""

    def read(name):
        path = recordings / name
        if not path.exists():
            pytest.skip(f"the recording {name} is not among the recorded real data")
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes()).decode()
        return json.loads(path.read_text())

    return read
