"""What was cut from bars and kept is cut anew as soon as one of the day's bars changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from analytics import query
from analytics.lake.writer import Lake

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = datetime.fromisoformat("2026-03-01 12:00") - timedelta(minutes=5)


def bar(ago=timedelta(), **known):
    """One bar that was over *ago* before now."""
    key = {"venue": "okx", "symbol": "A/USDT:USDT", "base": "A", "ts": START - ago}
    row = {**key, "snapshot_count": 0, "origin": "backfill", **known}
    table = pa.table({name: [value] for name, value in row.items()})
    return table.set_column(3, "ts", table["ts"].cast(pa.timestamp("ms")))


@pytest.fixture
def lake(tmp_path):
    with Lake(tmp_path) as opened:
        opened.fill_bars(bar(timedelta(hours=20), close=1.0))
        opened.fill_bars(bar(close=1.0))
        yield opened


def known(lake):
    with lake.cursor() as cursor:
        return query.fetch(cursor, "bars_known", now=NOW, known_by=query.ANY_TIME).to_dict(
            "records"
        )[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda lake: lake.fill_bars(bar(timedelta(hours=10), close=1.0)),
        lambda lake: lake.fill_bars(bar(timedelta(hours=20), oi_usd=5.0)),
        lambda lake: lake.fill_bars(bar(timedelta(hours=20), ls_accounts=2.0)),
        lambda lake: lake.renew_bars(bar(close=2.0, snapshot_count=10, origin="live")),
        lambda lake: lake.fill_bars(bar(timedelta(days=20), close=1.0)),
    ],
    ids=["another bar", "a column", "a ratio", "made anew from snapshots", "history"],
)
def test_a_change_of_the_bars_before_is_noticed(lake, change):
    """Whether a bar comes late, is filled in, is made anew, or is of weeks ago."""
    before = known(lake)

    change(lake)

    assert known(lake) != before


def test_what_is_not_over_by_then_is_nothing_to_it(lake):
    """The bar that runs is computed when asked for."""
    before = known(lake)

    lake.fill_bars(bar(-timedelta(minutes=5), close=1.0))

    assert known(lake) == before
