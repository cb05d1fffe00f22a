"""The log: JSON lines, rotated, at the level asked for."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from collector.service import logs


@pytest.fixture(autouse=True)
def _put_back():
    handlers, level = list(logging.root.handlers), logging.root.level
    yield
    for handler in logging.root.handlers:
        if handler not in handlers:
            handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


def lines(folder) -> list[dict]:
    text = (folder / "collector.log").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_each_line_is_json_with_time_and_level(tmp_path):
    """Names in any script stay readable."""
    logs.start(tmp_path, "INFO")

    structlog.get_logger("a.module").warning("refused", symbol="币安人生")

    (line,) = lines(tmp_path)
    assert line["event"] == "refused"
    assert line["level"] == "warning"
    assert line["timestamp"].endswith("Z")
    assert "币安人生" in (tmp_path / "collector.log").read_text("utf-8")


def test_nothing_of_it_goes_to_stdout(tmp_path, capfd):
    """That is for data, which another program may read."""
    logs.start(tmp_path, "INFO")

    structlog.get_logger("a.module").warning("refused")

    told = capfd.readouterr()
    assert "refused" in told.err
    assert told.out == ""


def test_keeps_only_what_the_level_asks_for(tmp_path):
    """PERPSCOPE_LOG_LEVEL=WARNING is quiet."""
    logs.start(tmp_path, "WARNING")

    structlog.get_logger("a.module").info("chatter")

    assert lines(tmp_path) == []


def test_rotates_and_keeps_five_files(tmp_path, monkeypatch):
    """A disk is not filled by a log."""
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    logs.start(tmp_path, "INFO")

    for number in range(200):
        structlog.get_logger("a.module").info("cycle", number=number)

    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["collector.log", *(f"collector.log.{n}" for n in range(1, 5))]
    assert all(file.stat().st_size <= 2000 for file in tmp_path.iterdir())
    assert logs.FILES * 10 * 2**20 == 50 * 2**20
