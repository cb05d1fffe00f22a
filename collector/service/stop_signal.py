"""The signals that ask a program that runs until it is stopped to stop."""

from __future__ import annotations

import asyncio
import signal


class StopSignal(asyncio.Event):
    """Set by the first SIGINT, SIGTERM or SIGHUP after it is made, in a running loop."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupted = False
        """Whether SIGINT was among them: the program then ends as interrupted."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._came, number)

    def _came(self, number: int) -> None:
        self.interrupted |= number == signal.SIGINT
        self.set()
