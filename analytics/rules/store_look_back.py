"""The alerts that rules would have had on a record that no collector wrote, stored in it.

So pages show them as they show those of a collector. As a program, for a lake that nothing else
writes to: ``python -m analytics.rules.store_look_back FOLDER [--anew]``, with the rules on stdin.
It prints how many fired.
"""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd

from analytics import query
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from analytics.rules.columns import COLUMNS
from analytics.rules.event_rows import event_row
from analytics.rules.history import replay
from analytics.rules.messages import message
from analytics.rules.rules_file import read_rules
from analytics.rules.status import RULES_FACT

LONGEST: Final = timedelta(days=30)
"""Of a longer record the last so many days are looked back on: all of it is held in memory."""


def store_look_back(folder: Path, text: str, *, anew: bool = False) -> int:
    """Store the alerts of the rules *text* on the whole record in *folder*, and those rules.

    A record that holds alerts already is left as it is, unless they are to be found *anew*.

    Returns:
        How many alerts fired, or had been stored.

    Raises:
        RuleError: The rules are wrong.
        LakeError: The record cannot be read or written.
    """
    rules = {rule.name: rule for rule in read_rules(text.encode(), COLUMNS)}
    with closing(Reader(folder)) as reader, reader.cursor() as cursor:
        stored = query.fetch(cursor, "alert_states")
        if not anew and not stored.empty:
            return _fired(cursor)
        if (span := _span(cursor)) is None:
            return 0
        events = replay(cursor, list(rules.values()), *span, known_by=query.ANY_TIME)
    rows = [event_row(rule := rules[one.key.rule], one, message(rule, one)) for one in events]
    with Lake(folder) as lake:
        lake.delete_alert_events()
        if rows:
            lake.append_records(rows)
        lake.set_info(**{RULES_FACT: text})
        lake.publish()
    return sum(row.change == "firing" for row in rows)


def _fired(cursor: duckdb.DuckDBPyConnection) -> int:
    ((count,),) = cursor.execute(
        "select count(*) from alert_events where change = 'firing'"
    ).fetchall()
    return int(count)


def _span(cursor: duckdb.DuckDBPyConnection) -> tuple[datetime, timedelta] | None:
    """Return the end of the record and how far to look back from there; None without bars."""
    row = query.fetch(cursor, "record_span", near=datetime.now(UTC)).iloc[0]
    if pd.isna(row["first_ts"]):
        return None
    end = row["last_ts"].to_pydatetime()
    return end, min(end - row["first_ts"].to_pydatetime(), LONGEST)


if __name__ == "__main__":
    fired = store_look_back(Path(sys.argv[1]), sys.stdin.read(), anew="--anew" in sys.argv[2:])
    sys.stdout.write(f"{fired}\n")
