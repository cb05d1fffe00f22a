"""Ctrl-C, wherever it comes: exit code 130, and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.lake.writer import Lake
from collector.service import interrupts
from tests.waiting import HANG_S

REPOSITORY = Path(__file__).resolve().parents[1]

BLOCKING = "import sys, time\nsys.stderr.write('here\\n')\nsys.stderr.flush()\ntime.sleep(60)\n"
"""A module whose import takes as long as a test needs."""


@contextmanager
def started(*command, cwd, **variables):
    """Run a command in *cwd*, where its modules are looked for first."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": f"{cwd}:{REPOSITORY}", **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said_after_ctrl_c(process):
    """Press Ctrl-C; return the exit code and all that was said."""
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=HANG_S)
    return process.returncode, stderr


@pytest.mark.parametrize("slow", ["typer", "duckdb", "aiohttp", "ccxt"])
def test_while_libraries_are_imported(tmp_path, slow):
    """The first second of every command."""
    (tmp_path / f"{slow}.py").write_text(BLOCKING)

    with started("-m", "perpscope", "doctor", cwd=tmp_path) as process:
        assert "here" in process.stderr.readline()

        assert said_after_ctrl_c(process) == (130, "")


def test_while_the_dashboard_is_imported(tmp_path):
    """Streamlit takes a second of its own."""
    (tmp_path / "streamlit.py").write_text(BLOCKING)

    with started("-m", "dashboard", cwd=tmp_path) as process:
        assert "here" in process.stderr.readline()

        assert said_after_ctrl_c(process) == (130, "")


def test_a_command_in_the_background_goes_on_ignoring_it(tmp_path):
    """As a shell has it that starts one with & in a script."""
    (tmp_path / "typer.py").write_text(BLOCKING.replace("60", "0") + "sys.exit(7)\n")
    ignoring = f"trap '' INT; exec {sys.executable} -m perpscope"
    told = subprocess.run(
        ["sh", "-c", ignoring],  # noqa: S607
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert (told.returncode, told.stderr) == (7, "here\n")


IN_A_QUERY = """
import os, signal, threading
import duckdb
from collector.service import interrupts

connection = duckdb.connect(config={"threads": 1})
try:
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    connection.execute("select sum(hash(range)) from range(1000000000)").fetchall()
except (RuntimeError, KeyboardInterrupt) as error:
    print(interrupts.is_behind(error))
"""


def test_in_the_midst_of_a_query():
    """DuckDB says RuntimeError; what is behind it is still to be seen.

    In a process of its own, whose signal is nobody else's. The query has an end, and one thread:
    now and then DuckDB waits for others that do not hear of it.
    """
    ran = subprocess.run(
        [sys.executable, "-c", IN_A_QUERY],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )

    assert (ran.stdout, ran.stderr) == ("True\n", "")


def test_nothing_is_behind_an_ordinary_error():
    """However long its chain."""
    error = ValueError("a")
    error.__cause__ = LookupError("b")
    error.__cause__.__context__ = error

    assert not interrupts.is_behind(error)


IMPORTED_BARS = 1_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Bars of one contract: some seconds of work for an import."""
    file = tmp_path_factory.mktemp("large") / "large.parquet"
    start = np.datetime64("2016-01-01", "ms")
    bars = {
        "venue": ["binance"] * IMPORTED_BARS,
        "symbol": ["OLD/USDT:USDT"] * IMPORTED_BARS,
        "ts": start + np.arange(IMPORTED_BARS) * np.timedelta64(5, "m"),
        "close": np.arange(IMPORTED_BARS) + 1.0,
    }
    pq.write_table(pa.table(bars), file)
    return file


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.0])
def test_in_the_midst_of_an_import(tmp_path, large, after_s):
    """At whatever moment it is; the lake opens as ever afterwards."""
    lake = tmp_path / "lake"
    with started(
        "-m", "perpscope", "import", str(large), cwd=tmp_path, PERPSCOPE_DATA_DIR=str(lake)
    ) as process:
        opened = threading.Event()
        while not (lake / "collector.lock").exists():
            assert process.poll() is None, process.stderr.read()
            opened.wait(0.02)
        opened.wait(after_s)

        code, said = said_after_ctrl_c(process)

    # Python itself ends by the signal when its own end is under way; to a shell it is the same.
    assert code in (130, -signal.SIGINT), said
    assert "Traceback" not in said
    with Lake(lake) as again:
        assert not again.damaged
