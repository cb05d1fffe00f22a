"""Kill -9 in the midst of passes over rules: nothing fires twice, and no state is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from analytics.lake.reader import Reader
from analytics.rules.engine import run
from tests.collector.alerts.made import MINUTE, READ, START, load
from tests.waiting import HANG_S, until

REPOSITORY = Path(__file__).resolve().parents[2]
KILLS = 3
MINUTES = 60


def undisturbed() -> Counter[tuple]:
    """Return the events of a collector that nothing happened to."""
    states, found = {}, Counter()
    for minute in range(MINUTES):
        now = START + minute * MINUTE
        states, events = run(READ, load(None, READ, now), states, now)
        for event in events:
            times = (event.started.replace(tzinfo=None), event.ts.replace(tzinfo=None))
            found[event.key.rule, event.key.subject.base, event.change, *times] += 1
    return found


def test_a_killed_collector_ends_with_the_events_of_an_undisturbed_one(tmp_path):
    """Whichever minute it is killed in: pending, over but kept firing, cooling down, or storing."""
    rng, ledger = random.Random(7), tmp_path / "ledger"
    command = [sys.executable, str(REPOSITORY / "tests" / "faults" / "alerts_to_kill.py")]
    command += [str(tmp_path / "lake"), str(ledger)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def behind() -> int:
        return len(ledger.read_text().split()) if ledger.exists() else 0

    killed_in = []
    for kill in range(KILLS):
        some = [*command, str(MINUTES - 1)]
        with subprocess.Popen(some, env=environment, stdin=subprocess.PIPE) as passing:
            try:
                until(lambda kill=kill: behind() >= (kill + 1) * MINUTES // (KILLS + 2))
                time.sleep(0.05 * rng.random())
            finally:
                passing.kill()
        killed_in.append(behind())
    ended = subprocess.run(
        [*command, str(MINUTES)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=HANG_S,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert 0 < killed_in[0] <= killed_in[-1] < MINUTES
    reader = Reader(tmp_path / "lake")
    with reader.cursor() as cursor:
        rows = cursor.execute("select rule, subject, change, started_ts, ts from alert_events")
        stored = Counter(rows.fetchall())
    reader.close()
    expected = undisturbed()
    assert stored == expected
    # The minutes hold all that there is to lose.
    assert {change for _, _, change, *_ in expected} == {
        *("pending", "firing", "clearing", "held", "resolved", "dropped"),
    }
