"""``perpscope simulate``: what is wrong with its arguments, and what is a bug."""

from __future__ import annotations

import socket

import pytest

from analytics.errors import SettingsError
from collector.commands import simulate


def run(**changed):
    arguments = {"port": 0, "seed": 1, "speed": 1, "recorded": None, "instruments": 1}
    simulate.run(**{**arguments, "start": None, **changed})


def test_a_taken_port_is_named():
    """Another program on it is no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(SettingsError, match=f"on port {port}: .*in use"):
            run(port=port)


def test_a_recording_that_is_not_there_is_named(tmp_path):
    """Also no traceback."""
    with pytest.raises(SettingsError, match="there is no recording at"):
        run(recorded=tmp_path / "none.db")


@pytest.mark.parametrize("bug", [ValueError("a bug"), OSError("a bug")])
def test_what_goes_wrong_while_it_serves_is_not_the_arguments_fault(bug, monkeypatch, capsys):
    """It keeps its traceback."""

    class Serving:
        url = "http://127.0.0.1:1"

    async def serve(_source, _clock, _port, ready):
        ready(Serving())
        raise bug

    monkeypatch.setattr(simulate, "serve", serve)
    with pytest.raises(type(bug), match="a bug"):
        run()

    assert capsys.readouterr().out == "http://127.0.0.1:1\n"
