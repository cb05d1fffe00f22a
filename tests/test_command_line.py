"""The command line: each command runs, says what it does, and its exit code means something."""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import structlog
from typer.testing import CliRunner

import perpscope
from analytics.lake.writer import Lake
from analytics.settings import PREFIX
from collector.service import interrupts
from collector.settings import Settings
from tests.waiting import HANG_S, published, until

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = [
    command.name or command.callback.__name__ for command in perpscope.app.registered_commands
]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a perpscope command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "perpscope", *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **variables},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


@dataclass(frozen=True)
class Ended:
    """What a process would have ended with, and said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run_here(monkeypatch, capfd):
    """Runs a command as ``run`` does, without the two seconds of starting a process."""
    handlers, level = list(logging.root.handlers), logging.root.level

    def run_here(*arguments: str, **variables: str) -> Ended:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["perpscope", *arguments])
        with pytest.raises(SystemExit) as ended:
            perpscope.main()
        return Ended(ended.value.code, *capfd.readouterr())

    yield run_here
    interrupts.raise_again()
    for handler in logging.root.handlers:
        if handler not in handlers:
            handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_a_line_in_the_readme(command):
    """A newcomer finds each command without reading code."""
    shown = CliRunner().invoke(perpscope.app, [command, "--help"])

    assert shown.exit_code == 0
    assert f"`perpscope {command}" in (REPOSITORY / "README.md").read_text("utf-8")


def test_the_command_line_itself_imports_no_large_library():
    """So that help, and the word on a mistyped option, come at once."""
    large = {"aiohttp", "ccxt", "duckdb", "numpy", "pandas", "pyarrow", "pydantic", "streamlit"}
    code = f"import perpscope, sys; print(sorted({large} & sys.modules.keys()))"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=True,
    )

    assert shown.stdout == "[]\n"


def test_the_readme_lists_every_setting():
    """A setting that nobody can find is none."""
    readme = (REPOSITORY / "README.md").read_text("utf-8")

    listed = set(re.findall(rf"^\| `{PREFIX}(\w+)`", readme, re.MULTILINE))

    assert listed == {name.upper() for name in Settings.model_fields}


def test_a_wrong_setting_ends_with_2_and_one_line_on_stderr():
    """No traceback for an operator's typo."""
    ended = run("collect", PERPSCOPE_TOP_N="none")

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.strip().startswith("perpscope: PERPSCOPE_TOP_N='none'")


def test_an_unwritable_folder_ends_with_4(tmp_path, run_here):
    """The sentence says which folder and which setting."""
    (tmp_path / "file").touch()

    ended = run_here("collect", "--once", PERPSCOPE_DATA_DIR=str(tmp_path / "file" / "lake"))

    assert ended.returncode == 4
    assert "PERPSCOPE_DATA_DIR" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [("collect", "--once"), ("query", "table_rows")])
def test_a_lake_of_a_later_version_ends_with_4(tmp_path, run_here, command):
    """Both ends of it say what to do, and touch nothing."""
    with Lake(tmp_path) as lake:
        lake.set_info(schema_version="99")
        lake.publish()

    ended = run_here(*command, PERPSCOPE_DATA_DIR=str(tmp_path))

    assert ended.returncode == 4
    assert ended.stdout == ""
    assert "schema version 99" in ended.stderr
    assert "update perpscope" in ended.stderr


def test_a_simulator_that_is_not_there_ends_with_2(tmp_path, run_here):
    """The sentence says what to start."""
    ended = run_here(
        "collect",
        "--once",
        PERPSCOPE_SIMULATOR="http://127.0.0.1:9",
        PERPSCOPE_DATA_DIR=str(tmp_path),
    )

    assert ended.returncode == 2
    assert "perpscope simulate" in ended.stderr


def test_a_refused_file_ends_with_5_and_stores_nothing(tmp_path, run_here):
    """A file of another kind is named, with what was wrong."""
    nonsense = tmp_path / "nonsense.csv"
    nonsense.write_text("a,b\n1,2\n", "utf-8")

    ended = run_here("import", str(nonsense), PERPSCOPE_DATA_DIR=str(tmp_path / "lake"))

    assert ended.returncode == 5
    assert ended.stdout == ""
    assert "nonsense.csv" in ended.stderr
    assert not list((tmp_path / "lake" / "lake").rglob("*snapshots/**/*.parquet"))


@pytest.fixture(scope="module")
def simulator():
    """A simulator as the command starts it; its address."""
    options = ["--port", "0", "--instruments", "30", "--speed", "5"]
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "simulate", *options],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGTERM)
        assert process.wait(HANG_S) == 0


def test_collects_once_from_the_simulator(simulator, tmp_path):
    """One cycle of three venues is in the lake, and doctor finds all sound."""
    lake = str(tmp_path / "lake")
    variables = {"PERPSCOPE_SIMULATOR": simulator, "PERPSCOPE_DATA_DIR": lake}

    ended = run("collect", "--once", **variables)
    examined = run("doctor", **variables)

    assert ended.returncode == 0, ended.stderr
    assert examined.returncode == 0, examined.stdout
    assert "60 snapshots, origin simulator" in examined.stdout


@pytest.fixture
def okx_is_down(simulator):
    """OKX answers nothing but errors during the test."""
    fault = {"venue": "okx", "path": "*", "kind": "status", "status": 503}
    faults = f"{simulator}/simulator/faults"
    urllib.request.urlopen(faults, json.dumps(fault).encode(), timeout=HANG_S).close()
    yield
    mended = urllib.request.Request(faults, method="DELETE")
    urllib.request.urlopen(mended, timeout=HANG_S).close()


@pytest.mark.usefixtures("okx_is_down")
@pytest.mark.parametrize(("venues", "code"), [(["okx"], 3), (["okx", "bybit"], 0)])
def test_once_ends_with_3_where_not_one_venue_answered(simulator, tmp_path, run_here, venues, code):
    """One that does is enough; the one that does not is named either way."""
    options = [text for venue in venues for text in ("--venue", venue)]

    ended = run_here(
        "collect",
        "--once",
        *options,
        PERPSCOPE_SIMULATOR=simulator,
        PERPSCOPE_DATA_DIR=str(tmp_path),
    )

    assert ended.returncode == code, ended.stderr
    assert "okx: list of instruments: " in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_a_single_cycle_cleanly(simulator, tmp_path, number, code):
    """Cron may be impatient, too."""
    variables = {"PERPSCOPE_SIMULATOR": simulator, "PERPSCOPE_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "collect", "--once"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **variables},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until((tmp_path / "public.ducklake").exists)

        process.send_signal(number)

        assert process.wait(HANG_S) == code
        assert "Traceback" not in process.stderr.read()


def snapshots_in(folder: Path) -> int:
    """Return how many snapshots are published in *folder*."""
    return rows_in(folder, "snapshots")


def rows_in(folder: Path, table: str) -> int:
    """Return how many rows of *table* are published in *folder*."""
    return sum(count for (count,) in published(folder, f"select count(*) from {table}"))


def test_doctor_finds_what_is_wrong(tmp_path, run_here):
    """Exit code 1, and a sentence for each thing."""
    ended = run_here(
        "doctor",
        PERPSCOPE_SIMULATOR="http://127.0.0.1:9",
        PERPSCOPE_DATA_DIR=str(tmp_path),
        PERPSCOPE_MIN_FREE_MB=str(10**9),
    )

    assert ended.returncode == 1
    assert "no simulator answers" in ended.stdout
    assert "writing stops below" in ended.stdout


def worked_by_ended_children_s():
    """Return the time on a core that all processes took which this one started. [s]"""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_a_collector_and_what_it_stored_stays(simulator, tmp_path, number, code):
    """An operator may stop it at any time: it takes 5 s at most.

    How long it takes beside other tests says nothing, so what it works until it has ended
    is looked at, and half as fast a machine allowed for.
    """
    worked_before_s = worked_by_ended_children_s()
    with subprocess.Popen(
        [sys.executable, "-m", "perpscope", "collect"],
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PERPSCOPE_SIMULATOR": simulator,
            "PERPSCOPE_DATA_DIR": str(tmp_path),
            "PERPSCOPE_COLLECTOR_PORT": "0",
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert any("collecting" in line for line in process.stderr)
            until(lambda: snapshots_in(tmp_path) >= 60)

            worked = psutil.Process(process.pid).cpu_times()
            process.send_signal(number)

            assert process.wait(HANG_S) == code
            worked_s = worked_by_ended_children_s() - worked_before_s
            assert worked_s - worked.user - worked.system < 10
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()
    assert snapshots_in(tmp_path) >= 60


def test_a_signal_in_the_midst_of_an_import_ends_the_collector_and_costs_nothing(
    simulator, tmp_path
):
    """Whoever asked for the import is told; the same command takes all of it afterwards."""
    lake, file, no_file = tmp_path / "lake", tmp_path / "large.parquet", tmp_path / "not.parquet"
    bars_of_two_years(file)
    no_file.write_text("no rows")
    variables = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "PERPSCOPE_SIMULATOR": simulator,
        "PERPSCOPE_DATA_DIR": str(lake),
        "PERPSCOPE_COLLECTOR_PORT": "0",
        "PERPSCOPE_BACKFILL_HOURS": "0",
    }
    collect = [sys.executable, "-m", "perpscope", "collect"]
    importing = [sys.executable, "-m", "perpscope", "import", str(file)]
    # Its refusal comes from the collector, at work by then.
    refused_first = [*importing[:-1], str(no_file), str(file)]
    with subprocess.Popen(collect, env=variables, stderr=subprocess.PIPE, text=True) as collector:
        try:
            assert any("collecting" in line for line in collector.stderr)
            with subprocess.Popen(
                refused_first, env=variables, stderr=subprocess.PIPE, text=True
            ) as importer:
                assert any("it does the work" in line for line in importer.stderr)
                assert any("refused:" in line for line in importer.stderr)

                collector.send_signal(signal.SIGTERM)

                assert collector.wait(HANG_S) == 0
                assert "the collector stopped before" in importer.stderr.read()
                assert importer.wait(HANG_S) == 4
            assert "Traceback" not in collector.stderr.read()
        finally:
            collector.kill()

    again = subprocess.run(
        importing, env=variables, capture_output=True, text=True, timeout=HANG_S, check=False
    )

    assert again.returncode == 0, again.stderr
    assert rows_in(lake, "bars where symbol = 'OLD/USDT:USDT'") == BARS_OF_TWO_YEARS


BARS_OF_TWO_YEARS = 2 * 365 * 288


def bars_of_two_years(file):
    """Write five-minute bars of one contract: some seconds of work for an import."""
    rows = BARS_OF_TWO_YEARS
    start = np.datetime64("2016-01-01", "ms")
    table = pa.table(
        {
            "venue": ["binance"] * rows,
            "symbol": ["OLD/USDT:USDT"] * rows,
            "ts": start + np.arange(rows) * np.timedelta64(5, "m"),
            "close": np.arange(rows) + 1.0,
        }
    )
    pq.write_table(table, file)
