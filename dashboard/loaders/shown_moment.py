"""The time that a page shows, its refresh interval, and the bars known by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pandas as pd

from analytics import formats
from analytics.errors import LakeAbsent, LakeError, QueryError
from analytics.exports.report import uploaded
from analytics.lake.clock import LakeClock
from analytics.lake.schema import BAR
from analytics.lake.upgrade import FETCH_TIMES_SINCE
from dashboard.loaders import source
from dashboard.state import as_of, record
from dashboard.state.as_of import SILENT_CYCLES, Moment, five_minute_mark
from dashboard.state.uploads import Upload

Known = tuple[str, int, datetime]
"""The newest bar, a count that changes with the bars, and by when those were known."""

_DAY = timedelta(days=1)
_CLOCKS_DIFFER = timedelta(minutes=1)
_MIN_REFRESH_S = 2.0
_UNREADABLE_RETRY_S = 5.0


def moment(asked: datetime | time | None = None) -> Moment:
    """Return the time to show: the requested one, else now, else the end of the data.

    Args:
        asked: UTC; a time of day alone is of today by the lake's clock, or of the last day of an
            uploaded record.

    Raises:
        LakeAbsent: There is nothing to show.
        QueryError: The requested time is in the future, or after the end of an uploaded record.
        RecordGone: The uploaded record is no longer open.
    """
    upload = record.current()
    return _of_live(asked) if upload is None else _of_upload(upload, asked)


def at_another_time(shown: Moment, now: datetime) -> Moment:
    """Return *shown*, of an asked time, as :func:`moment` returns it at *now*. UTC

    Of the live record; it can be called on a thread without a session.
    """
    known_by = _known_by(now)
    fetched, undated = _fetched_later(known_by, source.info())
    age = shown.age + (shown.now - now)
    return replace(
        shown,
        now=now,
        age=age,
        fetched_later=fetched,
        undated=undated,
        last_known=known_by,
    )


def refresh_s() -> float:
    """Refresh interval of a live page: one cycle of the lake's clock. [wall s]"""
    if record.current() is not None:
        # Nothing in it changes; a refresh keeps it open.
        return source.settings().interval_s
    try:
        clock = LakeClock.of(source.info())
    except (LakeError, QueryError):
        # What is not there yet, or damaged, may be there the next time.
        return min(source.interval_s(), _UNREADABLE_RETRY_S)
    # The clock of a record of files stands.
    speed = 1.0 if clock is None else clock.speed or 1.0
    return max(source.interval_s() / speed, _MIN_REFRESH_S)


def bars_known(shown: Moment, timeframe: str = "5m") -> Known:
    """Return what changes when a bar comes in late, or one of the last day becomes another."""
    now, seen = shown.mark(timeframe), dict[str, object](known_by=shown.known_by)
    fetched = source.fetch(source.folder(), source.version(), now, "bars_known", seen, {"now": now})
    row = fetched.iloc[0]
    return str(row["newest_ts"]), int(row["known_count"]), shown.known_by


def bar_ended(shown: Moment) -> datetime:
    """Return when the newest five minutes that are written were over. UTC.

    The collector writes them some moments after they are over. Until then those before are the
    newest, so that no signal goes at a mark.
    """
    mark, (newest, _, _) = shown.mark(), bars_known(shown)
    return mark if pd.Timestamp(newest) == mark - BAR else mark - BAR


def _of_upload(upload: Upload, asked: datetime | time | None) -> Moment:
    wall, cycle = datetime.now(UTC), timedelta(seconds=source.interval_s())
    if (end := _time("newest_row", wall=wall)) is None:
        raise LakeAbsent(Path(upload.lake))
    origin = uploaded(upload.name, source.info()["origin"])
    if asked is None:
        return Moment(end, "stopped", origin, cycle, wall - end)
    past = datetime.combine(end.date(), asked) if isinstance(asked, time) else asked
    if past > end:
        raise QueryError(
            f"at={formats.moment(past)} is after the end of this record, {formats.moment(end)}"
        )
    return _asked_moment(past, origin, cycle, wall - past)


def _of_live(asked: datetime | time | None) -> Moment:
    folder, wall = source.folder(), datetime.now(UTC)
    info, cycle = source.info(), timedelta(seconds=source.interval_s())
    clock = LakeClock.of(info)
    now, speed = (wall, 1.0) if clock is None else (clock.at(wall), clock.speed)
    if asked is not None:
        past = _past(asked, now)
        return _asked_moment(past, info["origin"], cycle, now - past)
    newest = _time("newest_cycle", now=now)
    # A fast clock runs far ahead of what a page can keep up with.
    grace = max(SILENT_CYCLES * cycle, timedelta(seconds=30) * speed)
    if newest is not None and now - newest <= grace:
        shown = now if speed == 1 else newest
        return Moment(shown, "live", info["origin"], cycle, timedelta())
    end = _time("newest_row", wall=now)
    if end is None:
        raise LakeAbsent(Path(folder))
    if clock is None:
        return Moment(end, "stopped", info["origin"], cycle, wall - end)
    age = max(wall - source.reader(folder).published_at(), timedelta())
    return Moment(end, "stopped", info["origin"], cycle, age)


def _asked_moment(past: datetime, origin: str, cycle: timedelta, age: timedelta) -> Moment:
    known_by = _known_by(past)
    fetched, undated = _fetched_later(known_by, source.info())
    later = as_of.later_too()
    return Moment(past, "asked", origin, cycle, age, later, fetched, undated, known_by)


def _known_by(past: datetime) -> datetime:
    """Return the last time up to *past* at which something of bars became known.

    In place of that time itself: with it nothing else is known, and the steps of a replay between
    two such times are answered by what was read for the first. No earlier than the last mark.
    """
    mark = five_minute_mark(past)
    if past == mark:
        return past
    # Of the whole day at once: a bar of any time can become known in it, so all bars are read.
    day = past.replace(hour=0, minute=0, second=0, microsecond=0)
    key = source.folder(), source.version(), day, "became_known"
    times = source.fetch(*key, {}, {"since": day, "until": day + _DAY})["ts"]
    times = times[(times > mark) & (times <= past)]
    return mark if times.empty else times.iloc[-1].to_pydatetime()


def _past(asked: datetime | time, now: datetime) -> datetime:
    """Return the requested time, not later than *now*."""
    whole = datetime.combine(now.date(), asked) if isinstance(asked, time) else asked
    if whole > now + _CLOCKS_DIFFER:
        raise QueryError(
            f"at={formats.moment(whole)} is in the future; it is {formats.moment(now)} now"
        )
    return whole


def _fetched_later(known_by: datetime, info: dict[str, str]) -> tuple[bool, datetime | None]:
    """Return whether something of the day before *known_by* was fetched afterwards.

    And, where all of that is of before fetch times were noted, since when they are. Between two
    times that ``_known_by`` returns, the answer is the same.
    """
    key = source.folder(), source.version(), known_by, "fetched_later"
    row = source.fetch(*key, {}, {"known_by": known_by}).iloc[0]
    if not row["bar_count"]:
        return False, None
    since = info.get(FETCH_TIMES_SINCE)
    noted = None if since is None else datetime.fromisoformat(since)
    return True, noted if noted == row["first_ts"] else None


def _time(name: str, **times: datetime) -> datetime | None:
    """Return the one time that the query called *name* answers with, asked at *times*."""
    rows = source.fetch(source.folder(), source.version(), None, name, {}, times)
    (found,) = rows.to_dict("list").values()
    return None if pd.isna(found[0]) else found[0].to_pydatetime()
