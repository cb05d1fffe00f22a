"""What happened in the record: its first moment, its gaps, its cycles, and alerts that fired."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from analytics import formats
from analytics.rules import episode_words
from dashboard.loaders import queries
from dashboard.state.as_of import SILENT_CYCLES, Moment

MARKS: Final = 400
"""Most firings that are marked on a line of the whole record."""
_SECOND: Final = timedelta(seconds=1)


def first(now: Moment) -> datetime:
    """Return when the record begins; the time *now*, the present, where it is empty."""
    found = queries.record_span(now).iloc[0]["first_ts"]
    return now.now if pd.isna(found) else found.to_pydatetime()


def gaps(now: Moment) -> pd.DataFrame:
    """Return the gaps of the whole record, as ``record_gaps.sql`` does, once every five minutes."""
    break_s = SILENT_CYCLES * now.cycle.total_seconds()
    times = {"start": first(now), "end": now.mark()}
    return queries.read_of_record("record_gaps", now, **times, break_s=break_s)


def gap_at(now: Moment, at: datetime) -> str | None:
    """Say what was not recorded at the time *at*; None where all venues were.

    Args:
        now: The present.
        at: UTC.
    """
    found = gaps(now)
    found = found[(found["started_ts"] <= at) & (found["ended_ts"] > at)]
    if found.empty:
        return None
    whole = found[found["venue"].isna()]
    row = (found if whole.empty else whole).iloc[0]
    since, until = (formats.moment(row[name]) for name in ("started_ts", "ended_ts"))
    if not whole.empty:
        return f"Gap in the record: nothing was collected from {since} to {until}."
    venues = formats.listed([formats.venue(name) for name in found["venue"]])
    return f"Gap in the record: no data from {venues} from {since} to {until}."


def firings(now: Moment) -> pd.DataFrame:
    """Return firings as ``alert_firings.sql`` marks them on a line of the record, with ``text``."""
    times = {"start": first(now), "end": now.mark()}
    rows = queries.read_of_record("alert_firings", now, **times, parts=MARKS)
    return rows.assign(text=[_text(row) for row in rows.to_dict("records")])


def cycle_beside(now: Moment, at: datetime, *, ahead: bool) -> datetime | None:
    """Return when the next cycle after *at* was over, or the one before; None at the ends."""
    asked = {"near": at, "every_s": now.cycle.total_seconds()}
    found = queries.read("cycle_near", now, **asked).iloc[0]["after_ts" if ahead else "before_ts"]
    return None if pd.isna(found) else whole_second(found)


def event_beside(now: Moment, at: datetime, *, ahead: bool) -> tuple[datetime, str] | None:
    """Return the next event after *at*, or the one before, and what it is; None at the ends.

    Events are firings of alerts, and where gaps of the whole record begin and end.
    """
    # Times go by whole seconds: what happened within the second that is shown is not before it.
    near = at if ahead else at - _SECOND
    fired = queries.read("alerts_near", now, near=near)
    found = [(row["ts"], f"{_text(row)}.") for row in fired.to_dict("records")]
    for row in gaps(now).query("venue.isna()").to_dict("records"):
        began, ended = (formats.moment(row[name]) for name in ("started_ts", "ended_ts"))
        found.append(
            (row["started_ts"], f"Gap in the record: nothing was collected until {ended}.")
        )
        found.append((row["ended_ts"], f"Gap in the record ends: it began at {began}."))
    if ahead:
        later = [one for one in found if one[0] > at]
        nearest = min(later, key=_time, default=None)
    else:
        earlier = [one for one in found if one[0] <= near]
        nearest = max(earlier, key=_time, default=None)
    return None if nearest is None else (whole_second(nearest[0]), nearest[1])


def whole_second(time: pd.Timestamp) -> datetime:
    """Return the first whole second at which what happened at *time* is known."""
    return time.ceil("s").to_pydatetime()


def _time(event: tuple[pd.Timestamp, str]) -> pd.Timestamp:
    return event[0]


def _text(row: dict[Any, Any]) -> str:
    """Write ``Flush: BTC/USDT on OKX``, and how many others there are beside it."""
    others = int(row.get("firings", 1)) - 1
    more = f" and {others:,} more" if others else ""
    return f"{row['rule']}: {episode_words.subject(row)}{more}"
