"""The alerts of a record that no collector wrote, stored in it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from analytics import query
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from analytics.rules.rules_file import builtin
from analytics.rules.status import running
from analytics.rules.store_look_back import store_look_back

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
RULES = """
[[rule]]
name = "High"
when = "price > 105"
cool_down = "10m"
message = "{subject} at {price}"
"""


def episodes(folder):
    with Reader(folder).cursor() as cursor:
        asked = {"now": NOON, "since": NOON - timedelta(days=1)}
        rows = query.fetch(cursor, "alert_episodes", **asked).sort_values("started_ts")
        facts = dict(cursor.execute("select key, value from lake_info").fetchall())
    return rows.to_dict("records"), running(facts)


def test_alerts_are_stored_once_and_shown_as_those_of_a_collector(tmp_path):
    """As the program that Studio starts does it; what is there already stays."""
    closes = [100, 106, 107, 100, 100, 100, 100, 108, 108]
    start = NOON.replace(tzinfo=None) - len(closes) * timedelta(minutes=5)
    same = {"venue": "okx", "symbol": "BTC/USDT:USDT", "base": "BTC"}
    same |= {"snapshot_count": 0, "origin": "import"}
    rows = [
        {**same, "ts": start + nth * timedelta(minutes=5), "close": float(close)}
        for nth, close in enumerate(closes)
    ]
    with Lake(tmp_path) as lake:
        lake.append(("bars", pa.Table.from_pylist(rows)))
        lake.publish()

    program = [sys.executable, "-m", "analytics.rules.store_look_back", str(tmp_path)]
    subprocess.run(program, input=RULES.encode(), check=True)

    found, rules = episodes(tmp_path)
    assert rules == RULES
    ended = [NOON - nth * timedelta(minutes=5) for nth in (7, 1)]
    assert [one["fired_ts"] for one in found] == ended
    assert [one["phase"] for one in found] == ["resolved", "firing"]
    assert found[0]["message"] == "BTC/USDT OKX at 106.000"

    assert store_look_back(tmp_path, builtin().decode()) == 2
    assert episodes(tmp_path) == (found, RULES)

    # Rules that a person changes are looked back on anew.
    lower = RULES.replace("105", "107")
    assert store_look_back(tmp_path, lower, anew=True) == 1
    (one,), rules = episodes(tmp_path)
    assert (one["fired_ts"], rules) == (ended[1], lower)
