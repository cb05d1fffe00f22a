"""Threads still at work for another command when the collector has stopped."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Final

THREAD: Final = "work for another command"
"""The name of each."""


def end_if_left_behind(code: int) -> None:
    """End the process at once, with *code*, if a thread was left behind at its work.

    An ordinary end would stop the thread wherever it is, and in the midst of a
    library in C++ that is an abort. To be called last: nothing is closed any more.
    """
    if any(thread.name == THREAD for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
