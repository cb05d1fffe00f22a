"""Time of a pass over alert rules, and of a look back at what they would have done.

    python benchmarks/alerts.py LAKE [--passes 60] [--days 7] [--end 2026-03-31T12:00Z]

LAKE is one of ``big_lake.py``. A pass makes the frames of 50 rules of four timeframes from the
published lake, evaluates them and steps their states, every 30 s of the lake's time over its last
half hour, so that every tenth is at a mark, and the bars behind it are read anew. The look back is
of 20 rules at five-minute marks. The floor of both is the bare evaluation of the same conditions on
frames that are there, in the same run. CPU time stands beside the wall's: it does not depend on
what else runs on the machine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from machine import described

from analytics import query
from analytics.lake.reader import Reader
from analytics.rules import expression, history
from analytics.rules.engine import conditions, run
from analytics.rules.frames import COLUMNS, Frames
from analytics.rules.rules_file import Rule, builtin, read_rules

CYCLE = timedelta(seconds=30)
TARGET_PASS_MS = 150.0
"""Of the p95 of a pass. [wall ms]"""
TARGET_BACK_S = 5.0
"""[wall s]"""

_CONDITIONS = (
    "z_oi > 2.5 and ls_accounts > 2 and abs(book_imbalance_pct) > 3",
    "abs(oi_delta_pct) > 3 and abs(price_delta_pct) > 1",
    "rsi_14 > 80 and funding_8h_pct > 0.03",
    "sign(cvd_usd) * sign(price_delta_pct) > 0 and oi_delta_pct > 1.5",
    "confluence > 0.9 or z_robust > 4",
    "taker_imbalance_pct > 40 and oi_delta_pct_1h > 2",
    "band_pct > 100 and z_oi_1h > 1",
    "abs(basis_pct) > 0.5",
    "funding_8h_pct > 0.03 and funding_excess_pct > 0 and oi_delta_pct < 0",
)


def rules(count: int) -> list[Rule]:
    """Return *count* rules: those that are built in, and others of four timeframes."""
    found = list(read_rules(builtin(), COLUMNS))
    texts = [
        f'[[rule]]\nname = "{n}"\ntimeframe = "{("5m", "15m", "1h", "4h")[n % 4]}"\n'
        f'when = "{_CONDITIONS[n % len(_CONDITIONS)]}"\nfor = "1m"'
        for n in range(count - len(found))
    ]
    return [*found, *read_rules("\n".join(texts).encode(), COLUMNS)]


class Stopwatch:
    """Wall and CPU times by name. [s]"""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Measure what runs within."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall.setdefault(name, []).append(time.perf_counter() - wall)
        self.cpu.setdefault(name, []).append(time.process_time() - cpu)

    def line(self, name: str) -> str:
        """Return p50 and p95 of *name*."""
        wall, cpu = (1000 * np.array(times[name]) for times in (self.wall, self.cpu))
        return (
            f"{name:34} p50 {np.median(wall):7.1f} ms  p95 {np.quantile(wall, 0.95):7.1f} ms   "
            f"CPU p50 {np.median(cpu):7.1f} ms  p95 {np.quantile(cpu, 0.95):7.1f} ms"
        )


def passes(reader: Reader, end: datetime, count: int) -> None:
    """Measure passes, and the bare evaluation of the same conditions."""
    active, watch, made = rules(50), Stopwatch(), Frames(CYCLE)
    states: Any = {}
    for n in range(-1, count):
        now = end - (count - n) * CYCLE
        with reader.cursor() as cursor:
            frames = measured(watch, "frames", lambda: made.load(
                cursor, active, now, known_by=query.ANY_TIME  # noqa: B023
            ))  # fmt: skip
        states, _ = measured(watch, "states", lambda: run(active, frames, states, now))  # noqa: B023
        with watch.of("floor: bare evaluation"):
            for which, frame in frames.items():
                mine = [rule for rule in active if (rule.per, rule.timeframe) == which]
                expression.evaluate(dict(conditions(mine)), frame)
        if n < 0:
            first, watch = watch, Stopwatch()
    for kind in ("wall", "cpu"):
        times = getattr(watch, kind)
        times["pass"] = [a + b for a, b in zip(times["frames"], times["states"], strict=True)]
    pairs = max(len(frame) for (per, _), frame in frames.items() if per == "pair")
    print(f"{len(active)} rules, {pairs} pairs, {count} passes; the first took "
          f"{1000 * first.wall['frames'][0]:.0f} ms")  # fmt: skip
    for name in ("pass", "frames", "states", "floor: bare evaluation"):
        print(watch.line(name))
    p95 = 1000 * float(np.quantile(watch.wall["pass"], 0.95))
    ratio = np.median(watch.wall["pass"]) / np.median(watch.wall["floor: bare evaluation"])
    verdict = "met" if p95 <= TARGET_PASS_MS else "MISSED"
    print(f"p95 {p95:.0f} ms of {TARGET_PASS_MS:.0f} ms: {verdict}; {ratio:.1f} x the floor")


def measured(watch: Stopwatch, name: str, make: Callable[[], Any]) -> Any:
    """Return what *make* makes, measured."""
    with watch.of(name):
        return make()


def look_back(reader: Reader, end: datetime, days: float) -> None:
    """Measure a look back, and the bare evaluation of its conditions."""
    active, watch = rules(20), Stopwatch()
    evaluate = history.evaluate

    def timed(*args: Any) -> Any:
        return measured(watch, "floor: bare evaluation", lambda: evaluate(*args))

    history.evaluate = timed
    with reader.cursor() as cursor:
        events = measured(watch, "look back", lambda: history.replay(
            cursor, active, end, timedelta(days=days), known_by=query.ANY_TIME
        ))  # fmt: skip
    (took,), floor = watch.wall["look back"], sum(watch.wall["floor: bare evaluation"])
    (cpu,) = watch.cpu["look back"]
    fired = sum(event.change == "firing" for event in events)
    verdict = "met" if took <= TARGET_BACK_S else "MISSED"
    print(f"look back of {days:g} days, {len(active)} rules: {took:.2f} s (CPU {cpu:.2f} s) of "
          f"{TARGET_BACK_S:.0f} s: {verdict}; {took / floor:.1f} x the floor of {floor:.2f} s; "
          f"{fired:,} firings")  # fmt: skip


def main() -> None:
    """Measure on a lake."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--passes", type=int, default=60)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--end", type=datetime.fromisoformat, default="2026-03-31T12:00Z")
    asked = parser.parse_args()
    print(described())
    end = asked.end.astimezone(UTC)
    # As the collector and the pages open it.
    reader = Reader(asked.lake, threads=1)
    passes(reader, end, asked.passes)
    reader.close()
    reader = Reader(asked.lake)
    look_back(reader, end, asked.days)
    reader.close()


if __name__ == "__main__":
    main()
