"""Sending a message to a channel's address: apprise in a process of its own, which has so long."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from pydantic import SecretStr

from analytics.errors import ChannelError
from collector.alerts.channels import scrubbed
from collector.settings import CHANNEL

TIMEOUT_S: Final = 60.0
"""How long a message may take: mail to several recipients is sent one by one. [wall s]"""


@dataclass(frozen=True, slots=True)
class Service:
    """What an address is of, and the longest message that it takes."""

    title: str
    """As people know it: Telegram."""
    title_maxlen: int
    """0: a title stands before the body. [characters]"""
    body_maxlen: int
    """[characters]"""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, as plain text."""

    title: str
    body: str


async def describe(addresses: Sequence[SecretStr]) -> list[Service | ChannelError]:
    """Return what each of *addresses* is of, or why apprise takes no such address."""
    if not addresses:
        return []
    try:
        answers = await _asked(addresses, None)
    except ChannelError as error:
        return [error] * len(addresses)
    return [
        ChannelError(scrubbed(answer["error"], address))
        if answer["error"] is not None
        else Service(**answer["service"])
        for address, answer in zip(addresses, answers, strict=True)
    ]


async def send(address: SecretStr, message: Message) -> Service:
    """Send *message* to *address*; return what that is of.

    Raises:
        ChannelError: It did not arrive, as far as is known: a service that took it and did not
            say so in time has it all the same.
    """
    (answer,) = await _asked([address], {"title": message.title, "body": message.body})
    if answer["error"] is not None:
        reason = scrubbed(answer["error"], address) or "the service did not take it"
        raise ChannelError(reason)
    return Service(**answer["service"])


async def _asked(
    addresses: Sequence[SecretStr], message: dict[str, str] | None
) -> list[dict[str, Any]]:
    """Return what the process answers; it is killed when that takes too long or is cancelled."""
    asked = {"addresses": [one.get_secret_value() for one in addresses], "message": message}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CHANNEL)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "collector.alerts.apprise_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=kept | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            heard, _ = await process.communicate(json.dumps(asked).encode())
    except TimeoutError:
        raise ChannelError(f"no answer within {TIMEOUT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise ChannelError(f"the process that sends ended with code {process.returncode}")
    answers: list[dict[str, Any]] = json.loads(heard)
    return answers
