"""The dashboard as a process: Streamlit's server, which ends with 0 on SIGTERM, 130 on SIGINT.

``python -m dashboard`` takes the options of ``streamlit run``.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType

INTERRUPTED = 130
"""What shells count for a command that SIGINT ended."""


def _end(number: int, _frame: FrameType | None) -> None:
    # The server stops in order first and then raises the signal anew, for whoever was here before.
    sys.exit(INTERRUPTED if number == signal.SIGINT else 0)


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    # The import takes a second; a signal that comes meanwhile is a signal like any other.
    from streamlit.web import cli

    # Else what goes wrong goes to stdout, in colours.
    plain = ("--logger.enableRich", "false")
    cli.main(["run", str(Path(__file__).with_name("server") / "app.py"), *plain, *sys.argv[1:]])


if __name__ == "__main__":
    main()
