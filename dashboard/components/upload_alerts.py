"""The alerts of an uploaded record, stored in it by a process of its own: its memory is given back.

No collector passes over its rules: they are looked back on when it is built, and when they are
saved.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Final

from analytics.errors import LakeError

log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 900.0
_PROGRAM: Final = "analytics.rules.store_look_back"


def store_alerts(lake: str, rules: str, *, anew: bool = False) -> int:
    """Store the alerts of *rules*, the text of a file, in the folder *lake*; return how many fired.

    Where some are stored already it changes nothing, unless they are to be found *anew*.

    Raises:
        LakeError: They could not be stored.
    """
    program = [sys.executable, "-m", _PROGRAM, lake, *(["--anew"] if anew else [])]
    try:
        done = subprocess.run(
            program, input=rules, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise LakeError(f"no alerts after {_TIMEOUT_S / 60:.0f} minutes") from error
    if done.returncode:
        log.error("alerts of an uploaded record not stored: %s", done.stderr)
        raise LakeError("the look-back failed; the dashboard's log has the traceback")
    return int(done.stdout)
