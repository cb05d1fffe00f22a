"""``perpscope alerts send-test``: whether a channel works, before an alert needs it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


async def send_test(folder, name, **variables):
    """Run the command as a shell would; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "perpscope", "alerts", "send-test", name),
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "PERPSCOPE_DATA_DIR": str(folder),
            **variables,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_it_sends_a_message_and_says_to_what(sink, tmp_path):
    code, out, err = await send_test(tmp_path, "desk", PERPSCOPE_CHANNEL_DESK=sink.address)

    assert (code, out, err) == (0, "sent to desk (JSON)\n", "")
    (message,) = sink.messages
    assert message["title"] == "Test message from perpscope"
    assert "the channel desk" in message["message"]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        pytest.param("desk", 1, "error=500", id="the service refuses"),
        pytest.param("phone", 2, "no channel is called 'phone' (set up: desk)", id="no channel"),
    ],
)
async def test_it_says_why_not_and_no_address(sink, tmp_path, name, code, said):
    sink.mode = "refuses"

    ended, out, err = await send_test(tmp_path, name, PERPSCOPE_CHANNEL_DESK=sink.address)

    assert (ended, out) == (code, "")
    assert said in err
    assert not [secret for secret in sink.secrets if secret in err]
