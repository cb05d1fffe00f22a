"""The door for other commands: progress comes back line by line, failures as themselves."""

from __future__ import annotations

import stat

import pytest

from analytics.errors import ImportRefused, LakeError
from collector.control import ask, socket_path, taking_work


def count_to(asked, report):
    """Report each number up to the one asked for."""
    for number in range(asked["to"]):
        report({"number": number})


def refuse(asked, report):
    """Refuse whatever is asked."""
    raise ImportRefused(asked["file"], "is no recording")


async def test_work_is_done_and_its_lines_come_back_in_order(tmp_path):
    """A progress bar can follow work that another process does."""
    lines = []

    async with taking_work(tmp_path, {"count": count_to}):
        await ask(tmp_path, "count", {"to": 3}, lines.append)

    assert lines == [{"number": 0}, {"number": 1}, {"number": 2}]


async def test_an_error_comes_back_with_its_sentence(tmp_path):
    """The person at the command line reads what the collector met."""
    lines = []

    async with taking_work(tmp_path, {"refuse": refuse}):
        await ask(tmp_path, "refuse", {"file": "a.csv"}, lines.append)

    assert lines == [
        {"error": "a.csv: is no recording; nothing of it was stored", "kind": "ImportRefused"}
    ]


async def test_only_the_owner_can_open_the_socket_and_it_goes_in_the_end(tmp_path):
    """Whoever can write to it can write to the lake."""
    async with taking_work(tmp_path, {}):
        mode = stat.S_IMODE(socket_path(tmp_path).stat().st_mode)

        assert mode == 0o600
    assert not socket_path(tmp_path).exists()


async def test_a_socket_left_by_a_killed_collector_is_in_nobodys_way(tmp_path):
    """Nothing has to be deleted by hand after a power cut."""
    socket_path(tmp_path).touch()

    async with taking_work(tmp_path, {"count": count_to}):
        await ask(tmp_path, "count", {"to": 0}, print)


async def test_nobody_there_is_said(tmp_path):
    """A collector that is just stopping is not a stack trace."""
    with pytest.raises(LakeError, match="running the command again is safe"):
        await ask(tmp_path, "count", {"to": 1}, print)


async def test_a_deep_folder_gets_a_short_socket(tmp_path):
    """Systems refuse socket paths beyond about a hundred bytes."""
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 6)
    deep.mkdir(parents=True)
    lines = []

    async with taking_work(deep, {"count": count_to}):
        await ask(deep, "count", {"to": 1}, lines.append)

    assert lines == [{"number": 0}]
