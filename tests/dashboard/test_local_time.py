"""Times are in UTC, and say by the user's own clock what they are: on hover, or beside."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

BTC = "BTC/USDT:USDT"
BERLIN = "Europe/Berlin"


@pytest.fixture
def elsewhere(app, opened):
    """A function that opens a page in a browser whose clock is not UTC."""

    def at(path, **asked):
        app.context = {"timezone": BERLIN}
        return opened(path, **asked)

    return at


def live(record):
    """A cycle that ended two seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=2)
    record.snapshot(BTC, at=at, price=1.0, oi_usd=1e9)
    record.cycle(at=at)
    return at


def clocks(html):
    """Return each clock in *html* with the time in UTC that it says on hover, to the second."""
    found = re.findall(r'<span title="(\S+ \S+) Europe/Berlin">([^<]+)</span>', html)
    here = [datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(BERLIN)) for time, _ in found]
    return [
        (words, f"{time.astimezone(UTC):%H:%M:%S}")
        for time, (_, words) in zip(here, found, strict=True)
    ]


def html(page):
    return " ".join(element.proto.body for element in page.main if element.type == "html")


def test_the_live_clock_says_it_on_hover(elsewhere, record):
    """The clock itself stays in UTC; ages of one time say when that was."""
    at = live(record)

    page = elsewhere("app_pages/exchanges.py")
    (line,) = (part.value for part in page.markdown if "**Live**" in part.value)
    ((clock, on_hover),) = clocks(line)
    ((age, since),) = clocks(html(page))

    assert clock == f"{on_hover} UTC"
    assert age.startswith("1 pair")
    assert since == f"{at:%H:%M:%S}"


def test_the_wallboard_s_clock_says_it_on_hover(app, elsewhere, record):
    """Whoever mends the wall has a clock of their own."""
    live(record)

    ((clock, on_hover),) = clocks(html(elsewhere("app_pages/wallboard.py")))

    assert clock == f"{on_hover} UTC"


def test_what_cannot_be_hovered_says_it_beside(elsewhere, record):
    """An alert holds plain words only."""
    record.snapshot(BTC, price=1.0)

    asked = elsewhere("app_pages/exchanges.py", at="2025-10-22T12:44Z")
    (notice,) = (box.value for box in asked.info if "as known" in box.value)

    assert "2025-10-22 12:44 UTC" in notice
    assert ", 2025-10-22 14:44:00 Europe/Berlin)" in notice


def test_columns_of_times_say_how_far_the_user_s_clock_is(app, elsewhere, record):
    """A table has nothing to show on its cells, but on their heading."""
    for minutes in (30, 25, 10, 5, 0):
        record.bar(
            BTC, ended=record.noon.replace(minute=40) - timedelta(minutes=minutes), close=1.0
        )
    record.snapshot(BTC, price=1.0)
    app.session_state["health_gaps"] = True

    page = elsewhere("app_pages/health.py")
    (told,) = (json.loads(one.proto.columns) for one in page.dataframe if "from" in one.value)

    assert told["from"]["help"] == told["to"]["help"] == "UTC. Europe/Berlin is UTC+02:00"


def test_without_a_known_zone_there_is_only_utc(opened, record):
    """As from a program that reads the page."""
    live(record)

    page = opened("app_pages/exchanges.py")

    assert [part.value for part in page.markdown if "<span" in part.value] == []
    assert "<span title" not in html(page)
