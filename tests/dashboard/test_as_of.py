"""What time a page shows, and what it says of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import nan

import pytest

from analytics import query
from analytics.lake.upgrade import FETCH_TIMES_SINCE
from dashboard.loaders import bars as bar_loaders
from dashboard.loaders import queries, shown_moment
from dashboard.state.as_of import Moment

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

    assert f"at={text} is not a time; try 12:44 for today, or 2025-10-22 12:44" in said(page)


def test_a_time_before_all_records_is_refused(simulated):
    """There are no years of bars before it."""
    assert "at=0001-01-01 is before 1970" in said(simulated("0001-01-01"))


@pytest.mark.parametrize(
    ("text", "written"),
    [("2025-10-22T12:47Z", "2025-10-22 12:47"), ("23:59", "2025-10-22 23:59")],
)
def test_a_time_that_has_not_come_is_refused(simulated, text, written):
    """It is compared with the lake's own clock, and a time of day is not taken for yesterday's."""
    page = simulated(text)

    assert f"at={written} UTC is in the future; it is 2025-10-22 12:44 UTC now" in said(page)
    assert not page.dataframe


@pytest.mark.parametrize(
    "text", ["2025-10-22T12:44:30Z", "12:44", "12:44:00", "12:44Z", "12:44:50"]
)
def test_clocks_may_differ_by_a_minute(simulated, text):
    """And a time of day alone is of today by the lake's clock."""
    assert "as known at 2025-10-22 12:44 UTC" in said(simulated(text))


def test_a_wrong_time_leaves_the_page_and_says_why_beneath_the_field(simulated):
    """Typed, not linked: what was shown stays, and so does its address."""
    page = simulated("12:40")
    for text, why in (
        ("yesterday", "Yesterday is not a time; try 12:44 for today, or 2025-10-22 12:44."),
        ("2030-01-01", "2030-01-01 00:00 UTC is in the future; it is 2025-10-22 12:44 UTC now."),
    ):
        page.sidebar.text_input(key="at").set_value(text).run()
        (error,) = page.sidebar.error
        assert error.value.replace("\\", "") == why
        assert not page.main.error
        assert page.session_state["at"] == "12:40"
        assert "as known at 2025-10-22 12:40 UTC" in said(page)
    page.sidebar.text_input(key="at").set_value("12:41").run()
    assert not page.sidebar.error
    assert "as known at 2025-10-22 12:41 UTC" in said(page)


def test_time_is_stepped_by_the_hour_and_picked(simulated):
    """An hour later than the end is now; what the record covers stands beneath."""
    page = simulated("12:40")

    def press(label):
        next(button for button in page.sidebar.button if button.label == label).click().run()

    press("−1 h")
    assert page.session_state["at"] == "2025-10-22T11:40:00Z"
    press("+1 h")
    assert "as known at 2025-10-22 12:40 UTC" in said(page)
    press("+1 h")
    assert page.session_state["at"] == ""
    press("−1 h")
    press("Now")
    assert page.session_state["at"] == ""


def test_an_empty_time_says_what_is_on_record_and_offers_the_nearest(opened, record):
    for hour in (10, 11):
        record.bar(BTC, ended=record.noon.replace(hour=hour, minute=0), close=1.0)
    record.publish()

    page = opened(OVERVIEW, at="2025-10-22T10:50Z")

    said = [caption.value.replace("\\", "") for caption in page.main.caption]
    assert "Record runs from 2025-10-22 10:00 UTC to 2025-10-22 11:00 UTC." in said
    before, after = (button for button in page.main.button if button.label.startswith("Go to"))
    assert before.label == "Go to 2025-10-22 10:00 UTC"
    after.click().run()
    assert page.session_state["at"] == "2025-10-22T11:00:00Z"
    assert len(page.dataframe) == 1


@pytest.mark.parametrize("text", ["yesterday", "2030-01-01"])
def test_a_wrong_time_leaves_the_choices(opened, record, text):
    """Else what was chosen would be lost with one wrong letter."""
    record.snapshot(BTC, at=datetime.now(UTC), price=1.0)

    page = opened(OVERVIEW, at=text)

    assert page.sidebar.pills(key="venues").options == ["Binance"]
    assert page.sidebar.multiselect(key="pairs").options == ["BTC/USDT"]


FETCHED = {"origin": "backfill", "snapshot_count": 0}


def fetched(record, symbol, *, ended, known_ts, **values):
    """A bar that was not collected, and stored at *known_ts*."""
    values = {"close": 1.0, "oi_usd": 5.0, **FETCHED, **values}
    record.bar(symbol, ended=ended, known_ts=known_ts.replace(tzinfo=None), **values)


@pytest.mark.parametrize("origin", ["backfill", "import"])
def test_what_was_fetched_later_is_left_out_unless_it_is_let_in(opened, record, origin):
    """The page says which of the two it shows."""
    asked = record.noon - timedelta(days=3)
    record.snapshot(BTC, price=1.0)
    fetched(record, BTC, ended=asked - timedelta(minutes=5), known_ts=record.noon, origin=origin)

    page = opened(OVERVIEW, at=f"{asked:%Y-%m-%dT%H:%MZ}")

    assert "as known at 2025-10-19 12:44 UTC" in said(page)
    assert "Data fetched later, from venue history or files" in said(page)
    assert "is excluded; the switch in the sidebar includes it." in said(page)
    assert not page.dataframe
    page.sidebar.toggle(key="later").set_value(True).run()
    assert "including data fetched later: not known at that time" in said(page)
    assert "funding as paid at the end of its period" in said(page)
    assert len(page.dataframe[0].value) == 1


def test_the_switch_is_in_the_address(opened, record):
    """So that a link shows the same to whoever follows it."""
    asked = record.noon - timedelta(days=3)
    record.snapshot(BTC, price=1.0)
    fetched(record, BTC, ended=asked - timedelta(minutes=5), known_ts=record.noon)

    page = opened(OVERVIEW, at=f"{asked:%Y-%m-%dT%H:%MZ}", later="true")

    assert page.sidebar.toggle(key="later").value
    assert len(page.dataframe[0].value) == 1


@pytest.mark.parametrize(
    ("ended", "known"),
    [
        pytest.param(timedelta(minutes=90), timedelta(minutes=80), id="fetched by then"),
        pytest.param(timedelta(hours=30), timedelta(0), id="of another day"),
    ],
)
def test_says_nothing_of_what_was_not_fetched_later(opened, record, ended, known):
    """Nor is there anything to let in."""
    asked = record.noon - timedelta(hours=1)
    record.snapshot(BTC, price=1.0)
    fetched(record, BTC, ended=record.noon - ended, known_ts=record.noon - known)

    words = said(opened(OVERVIEW, at=f"{asked:%Y-%m-%dT%H:%MZ}"))

    assert "Showing the market as known at 2025-10-22 11:44 UTC" in words
    assert "fetched later" not in words


def test_a_bar_of_ours_is_seen_from_when_it_was_written(app, record):
    """Not from its end on; a live page, which looks at the last mark, sees it all the same."""
    mark = record.noon.replace(minute=40)
    record.snapshot(BTC, price=1.0)
    record.bar(BTC, ended=mark, close=1.0, oi_usd=5.0, known_ts=naive(mark, seconds=8))
    record.publish()

    def oi_usd(shown):
        return queries.market_history(shown)["oi_usd"].tolist()

    assert oi_usd(shown_moment.moment()) == [5.0]
    assert oi_usd(shown_moment.moment(mark + timedelta(seconds=7))) == []
    assert oi_usd(shown_moment.moment(mark + timedelta(seconds=8))) == [5.0]


def naive(moment, **later):
    return (moment + timedelta(**later)).replace(tzinfo=None)


def test_what_was_filled_in_later_is_left_out_by_the_value(app, record):
    """The bar is there, with what was known of it then."""
    ended = record.noon.replace(minute=40)
    record.snapshot(BTC, price=1.0)
    filled = [("funding_rate", naive(record.noon)), ("funding_interval_h", naive(record.noon))]
    known = {"close": 1.0, "oi_usd": 5.0, "funding_rate": 0.01, "funding_interval_h": 8.0}
    record.bar(BTC, ended=ended, known_ts=naive(ended), filled=filled, **known)
    record.publish()

    def seen(shown):
        rows = bar_loaders.panel(["close", "funding_rate"], "5m", shown, bars=1)
        return [float(rows.values[name][-1, 0]) for name in ("close", "funding_rate")]

    assert seen(shown_moment.moment(ended + timedelta(minutes=1))) == [
        1.0,
        pytest.approx(nan, nan_ok=True),
    ]
    assert seen(shown_moment.moment(record.noon)) == [1.0, 0.01]


def test_says_that_an_older_record_did_not_note_when_it_fetched(opened, record):
    """An upgrade counts it as fetched then."""
    asked = record.noon - timedelta(days=3)
    record.snapshot(BTC, price=1.0)
    fetched(record, BTC, ended=asked - timedelta(minutes=5), known_ts=record.noon)
    record.publish(**{FETCH_TIMES_SINCE: "2025-10-22T12:44:00.000Z"})

    words = said(opened(OVERVIEW, publish=False, at=f"{asked:%Y-%m-%dT%H:%MZ}"))

    assert "Fetch times are stored since 2025-10-22 12:44 UTC only" in words


def test_a_clock_that_is_ahead_is_said(opened, record):
    """A record of the future is no sign that nobody collects."""
    ahead = datetime.now(UTC) + timedelta(minutes=5, seconds=30)
    record.snapshot(BTC, at=ahead, price=1.0)
    record.cycle(at=ahead)

    words = said(opened(OVERVIEW))

    assert "The collector's clock is 5 min ahead of this machine's. Showing data as of" in words
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
    assert bar_loaders.pair_curves("4h", shown_moment.moment())["rsi_14"].isna().all()

    record.rows = []
    bars(record, range(8, 40))
    record.publish()

    assert bar_loaders.pair_curves("4h", shown_moment.moment())["rsi_14"].notna().all()


def bars(record, numbers):
    """One bar for each four hours, counted back from the newest that are over."""
    record.bars = []
    for nth in numbers:
        ended = record.noon.replace(hour=12, minute=0) - timedelta(hours=4 * nth)
        record.bar(BTC, ended=ended, close=100.0 + nth % 3, origin="backfill", snapshot_count=0)


@pytest.mark.parametrize("mode", ["live", "stopped", "asked"])
@pytest.mark.parametrize(
    ("now", "newest", "ended"),
    [
        ("12:30:07", "12:25", "12:25"),  # not written yet
        ("12:30:12", "12:30", "12:30"),
        ("12:34:59", "12:25", "12:25"),  # late
        ("12:30:07", "12:20", "12:25"),  # the one before is missing as well
    ],
)
def test_signals_are_of_the_newest_bar_that_is_written(record, now, newest, mode, ended):
    """At each mark it takes the collector some moments; no signal goes meanwhile."""

    def time(text):
        hour, minute, second = map(int, f"{text}:00".split(":")[:3])
        return record.noon.replace(hour=hour, minute=minute, second=second)

    record.bar(BTC, ended=time(newest), close=1.0)
    record.publish()
    shown = Moment(time(now), mode, "live", timedelta(seconds=30), timedelta())

    assert shown_moment.bar_ended(shown) == time(ended)


def test_what_time_is_on_record_is_not_read_anew_at_each_publish(app, record, monkeypatch):
    """All bars' times are read for it."""
    asked, fetch = [], query.fetch
    monkeypatch.setattr(
        query,
        "fetch",
        lambda cursor, name, *given, **how: (
            asked.append(name) or fetch(cursor, name, *given, **how)
        ),
    )
    record.bar(BTC, ended=record.noon.replace(minute=0), close=1.0)
    app.query_params["at"] = "2025-10-22T12:01Z"
    for minute in (0, 1):
        record.snapshot(BTC, at=record.noon + timedelta(minutes=minute), price=1.0)
        record.publish()
        app.run()
        captions = [caption.value.replace("\\", "") for caption in app.sidebar.caption]
        assert any("Record runs from 2025-10-22 12:00 UTC" in one for one in captions)

    assert asked.count("known_pairs") > 1
    assert asked.count("record_span") == 1


def test_the_clock_that_is_moved_is_that_of_every_page(opened, record):
    """Moved without the sidebar, which says it at the next run of the whole page."""
    for minutes in (0, 90):
        record.snapshot(BTC, at=record.noon - timedelta(minutes=minutes), price=1.0)
    page = opened(OVERVIEW, at="12:40")
    page.session_state["clock"] = "2025-10-22T11:14:00Z"

    page.run()
    assert page.session_state["at"] == "2025-10-22T11:14:00Z"
    for path in ("heatmap", "correlation", "exchanges", "market", "alerts"):
        page.switch_page(f"app_pages/{path}.py").run()
        assert "as known at 2025-10-22 11:14 UTC" in said(page), path


@pytest.mark.parametrize("speed", ["fast", "0", "3601", "nan"])
def test_a_wrong_speed_in_a_link_is_said(opened, record, speed):
    record.snapshot(BTC, price=1.0)

    page = opened(OVERVIEW, at="2025-10-22T12:44Z", speed=speed)

    (warning,) = (box.value.replace("\\", "") for box in page.sidebar.warning)
    assert warning == f"speed={speed} is not a number from 1 to 3,600."
