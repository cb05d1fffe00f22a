"""How tests wait for programs: as long as it takes, and no longer than a hang."""

from __future__ import annotations

import time
from collections.abc import Callable

HANG_S = 300.0
"""Nothing takes so long, however busy the machine: what does, hangs. [s]"""


def until(condition: Callable[[], object], what: str = "what was waited for") -> None:
    """Wait until *condition* holds; fail where *what* hangs."""
    deadline = time.monotonic() + HANG_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.05)
