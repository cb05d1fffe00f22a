"""``perpscope alerts send-test``: a message to a channel, so that its address is known to work."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from collector.alerts import channels, sending
from collector.settings import channel_addresses


def run(folder: Path, name: str, out: Console) -> None:
    """Send a message to the channel *name*, and say on *out* that it arrived.

    Raises:
        SettingsError: There is no such channel, or .env holds an address and others may read it.
        ChannelError: It did not take the message.
    """
    found = channels.read(folder, channel_addresses())
    address = found.address(name)
    message = sending.Message(
        "Test message from perpscope", f"Alerts of rules that name the channel {name} arrive here."
    )
    service = asyncio.run(sending.send(address, message))
    out.print(f"sent to {name} ({service.title})", markup=False, highlight=False)
