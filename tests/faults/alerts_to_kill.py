"""Passes over minute after minute, and writes down each one that is behind it.

Run as a process by test_kill_alerts.py: ``python alerts_to_kill.py <lake> <ledger> <minutes>``. A
minute that is not in the ledger is passed again: it may have been stored, or not. After the last it
waits for the end of its input: a kill may come late on a busy machine.
"""

from __future__ import annotations

import sys
from pathlib import Path

from analytics.lake.writer import Lake
from tests.collector.alerts.made import Minutes, passes


def main(folder: Path, ledger: Path, minutes: int) -> None:
    ledger.touch()
    first = len(ledger.read_text().split())
    with Lake(folder, reserve_bytes=0) as lake, ledger.open("a") as behind:
        lake.publish()
        clock = Minutes()
        with passes(lake, clock) as running:
            for clock.minute in range(first, minutes):
                running.pass_now()
                assert running.status.pass_fault is None, running.status
                behind.write(f"{clock.minute}\n")
                behind.flush()
            sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
