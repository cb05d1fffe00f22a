"""What time a page shows, and what it says of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from dashboard import loaders

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
OVERVIEW = "app_pages/overview.py"


def said(page):
    """Return what stands in the boxes of the page."""
    boxes = [*page.error, *page.warning, *page.info]
    return "\n".join(box.value for box in boxes).replace("\\", "")


@pytest.fixture
def simulated(opened, record):
    """A function that opens a page at a time; the lake's own clock shows the record's noon."""

    def at(asked):
        ms = {"origin_ms": record.noon, "started_at_ms": datetime.now(UTC)}
        clock = {name: int(time.timestamp() * 1000) for name, time in ms.items()}
        record.snapshot(BTC, price=1.0)
        record.cycle()
        record.publish(origin="simulator", clock=json.dumps({**clock, "speed": 1}))
        return opened(OVERVIEW, publish=False, at=asked)

    return at


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "25:00", "12:61", "1244", "2025-02-30"],
)
def test_what_is_no_time_is_answered_with_examples(simulated, text):
    """Also what is none in UTC only."""
    page = simulated(text)

    assert f"at={text} is not a time; write it like at=2025-10-22T12:44Z, or at=12:44" in said(page)


def test_a_time_before_all_records_is_refused(simulated):
    """There are no years of bars before it."""
    assert "at=0001-01-01 lies before 1970" in said(simulated("0001-01-01"))


@pytest.mark.parametrize(
    ("text", "written"),
    [("2025-10-22T12:47Z", "2025-10-22 12:47"), ("23:59", "2025-10-22 23:59")],
)
def test_a_time_that_has_not_come_is_refused(simulated, text, written):
    """It is compared with the lake's own clock, and a time of day is not taken for yesterday's."""
    page = simulated(text)

    assert f"at={written} UTC has not come yet: it is 2025-10-22 12:44 UTC now" in said(page)
    assert not page.dataframe


@pytest.mark.parametrize(
    "text", ["2025-10-22T12:44:30Z", "12:44", "12:44:00", "12:44Z", "12:44:50"]
)
def test_clocks_may_differ_by_a_minute(simulated, text):
    """And a time of day alone is of today by the lake's clock."""
    assert "as it was known at 2025-10-22 12:44 UTC" in said(simulated(text))


@pytest.mark.parametrize("text", ["yesterday", "2030-01-01"])
def test_a_wrong_time_leaves_the_choices(opened, record, text):
    """Else what was chosen would be lost with one wrong letter."""
    record.snapshot(BTC, at=datetime.now(UTC), price=1.0)

    page = opened(OVERVIEW, at=text)

    assert page.sidebar.pills(key="venues").options == ["binance"]
    assert page.sidebar.multiselect(key="pairs").options == ["BTC/USDT"]


@pytest.mark.parametrize(
    ("origin", "minutes", "later"),
    [("backfill", 10, True), ("import", 10, True), ("live", 10, False), ("backfill", 90, False)],
)
def test_says_what_was_fetched_later(opened, record, origin, minutes, later):
    """Nobody knew it then; where nothing is there at all, nothing was fetched either."""
    asked = record.noon - timedelta(days=3)
    record.snapshot(BTC, price=1.0)
    record.bar(BTC, ended=asked - timedelta(minutes=minutes), close=1.0, origin=origin)

    words = said(opened(OVERVIEW, at=f"{asked:%Y-%m-%dT%H:%MZ}"))

    assert ("fetched later from the venues' histories" in words) is later
    assert ("funding in it is the rate that was paid at the end of its period" in words) is later
    assert ("as it was known at 2025-10-19 12:44 UTC" in words) is not later


def test_what_was_heard_then_was_known_then(opened, record):
    """Whatever was filled in beside it."""
    record.snapshot(BTC, price=1.0)
    record.bar(ETH, ended=record.noon - timedelta(minutes=10), close=1.0, origin="backfill")

    assert "as it was known at" in said(opened(OVERVIEW, at="2025-10-22T12:50Z"))


def test_a_clock_that_is_ahead_is_said(opened, record):
    """A record of the future is no sign that nobody collects."""
    ahead = datetime.now(UTC) + timedelta(minutes=5, seconds=30)
    record.snapshot(BTC, at=ahead, price=1.0)
    record.cycle(at=ahead)

    words = said(opened(OVERVIEW))

    assert "The record's clock is 5 min ahead of this machine's: showing the record as of" in words
    assert "No collector is running" not in words


def test_rows_of_a_far_future_do_not_lead_the_record(opened, record):
    """A clock that was wrong for a moment must not hide the market until its time has come."""
    record.snapshot(BTC, at=datetime.now(UTC) - timedelta(hours=1), price=1.0)
    record.snapshot(BTC, at=datetime.now(UTC) + timedelta(days=100), price=2.0)

    words = said(opened(OVERVIEW))

    assert "clock is" not in words
    assert "(age 1 h)" in words


def test_history_that_is_fetched_beside_a_running_page_is_seen(app, record):
    """A backfill of a month: indicators of long bars need it, and nobody starts the page anew."""
    record.snapshot(BTC, price=1.0)
    bars(record, range(8))
    record.publish()
    assert loaders.pair_curves("4h", loaders.moment())["rsi"].isna().all()

    record.rows = []
    bars(record, range(8, 40))
    record.publish()

    assert loaders.pair_curves("4h", loaders.moment())["rsi"].notna().all()


def bars(record, numbers):
    """One bar for each four hours, counted back from the newest that are over."""
    record.bars = []
    for nth in numbers:
        ended = record.noon.replace(hour=12, minute=0) - timedelta(hours=4 * nth)
        record.bar(BTC, ended=ended, close=100.0 + nth % 3, origin="backfill", snapshot_count=0)
