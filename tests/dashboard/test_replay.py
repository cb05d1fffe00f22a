"""The page Replay, and what the transport bar knows of the record on every page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from pandas.testing import assert_frame_equal

from analytics import query
from analytics.lake.records import AlertEvent
from dashboard.loaders import bars, queries, read_ahead, record_events, shown_moment

BTC = "BTC/USDT:USDT"
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def eventful(record):
    """Two hours of bars, cycles but for half an hour, and an alert that fires and resolves."""
    for back in range(24):
        record.bar(
            BTC, ended=record.noon.replace(minute=40) - 5 * back * MINUTE, close=100.0 + back
        )
    for back in range(0, 120):
        if not 40 < back < 70:
            record.cycle(at=record.noon - back * MINUTE)
            record.snapshot(BTC, at=record.noon - back * MINUTE, price=100.0)
    fired = record.noon - 20 * MINUTE + timedelta(milliseconds=400)
    key = {
        "rule": "Flush",
        "version": "1",
        "subject": f"binance {BTC}",
        "started_ts": fired,
        "per": "pair",
        "venue": "binance",
        "symbol": BTC,
        "base": "BTC",
        "timeframe": "5m",
        "severity": "critical",
        "alert_group": "crash",
        "condition": "z_oi > 2.5",
        "message": "BTC: OI +3.1 σ in 5m",
        "seen_values": '{"z_oi": 3.1}',
        "seen_ages_s": '{"z_oi": 4.0}',
        "channels": "[]",
    }
    record.rows.append(AlertEvent(**key, change="firing", ts=fired))
    record.rows.append(AlertEvent(**key, change="resolved", ts=fired + 10 * MINUTE))
    return record


def data(page, name):
    """Return what the component called *name* is sent."""
    (found,) = (
        json.loads(one.proto.json)
        for one in page.get("bidi_component")
        if one.proto.component_name == name
    )
    return found


def ms(time):
    return int(time.timestamp() * 1000)


def test_what_happened_is_what_had_happened_by_then(opened, eventful):
    """The newest first; nothing is told of before its time."""
    noon = eventful.noon
    page = opened("app_pages/replay.py", at="2025-10-22T12:30Z")

    (row,) = data(page, "perpscope_happenings")["rows"]
    assert row[:3] == [
        ms(noon - 20 * MINUTE) + 1000,
        "2025-10-22 12:24:01",
        "■■■ Flush, BTC Binance: OI +3.1 σ in 5m",
    ]
    # A press shows its pair.
    assert row[-1] == {"venue": "binance", "symbol": BTC}

    page.session_state["clock"] = "2025-10-22T12:40:00Z"
    page.switch_page("app_pages/replay.py").run()
    texts = [row[2] for row in data(page, "perpscope_happenings")["rows"]]
    assert texts == ["Resolved: Flush, BTC Binance", "■■■ Flush, BTC Binance: OI +3.1 σ in 5m"]

    page.session_state["clock"] = "2025-10-22T12:24:00Z"
    page.switch_page("app_pages/replay.py").run()
    assert "No alert fired in the 24 h before." in [
        one.value.replace("\\", "") for one in page.main.caption
    ]


def test_the_bar_knows_the_record_with_its_gaps_and_alerts(opened, eventful):
    """A link's speed is played at; the bar says that nothing was collected at its time."""
    noon = eventful.noon
    page = opened("app_pages/overview.py", at="2025-10-22T12:00Z", speed="300")

    bar, marks = data(page, "perpscope_transport"), data(page, "perpscope_record")
    assert (bar["at"], bar["end"]) == (ms(noon.replace(hour=12, minute=0)), ms(noon))
    assert bar["first"] == ms(noon.replace(minute=40) - 115 * MINUTE)
    assert (bar["speed"], bar["playing"], bar["open"]) == (300.0, False, False)
    began, ended = noon - 70 * MINUTE, noon - 40 * MINUTE
    assert {(gap["from"], gap["to"]) for gap in marks["gaps"]} == {(ms(began), ms(ended))}
    assert bar["said"] == (
        "Gap in the record: nothing was collected from 2025-10-22 11:34 UTC to "
        "2025-10-22 12:04 UTC."
    )
    (alert,) = marks["alerts"]
    assert (alert["ts"], alert["text"]) == (ms(noon - 20 * MINUTE) + 1000, "Flush: BTC Binance")


def test_steps_go_to_cycles_and_events_and_come_back(app, eventful):
    """By whole seconds, at which what happened within the second is known."""
    eventful.publish()
    now = shown_moment.moment()
    fired = eventful.noon - 20 * MINUTE + timedelta(seconds=1)
    began, ended = eventful.noon - 70 * MINUTE, eventful.noon - 40 * MINUTE

    def event(at, *, ahead):
        return record_events.event_beside(now, at, ahead=ahead)

    assert event(began, ahead=True)[0] == ended
    assert event(ended, ahead=True) == (fired, "Flush: BTC Binance.")
    assert event(fired, ahead=True) is None
    assert event(fired, ahead=False)[0] == ended
    assert event(ended, ahead=False)[0] == began
    assert event(began, ahead=False) is None

    def cycle(at, *, ahead):
        return record_events.cycle_beside(now, at, ahead=ahead)

    assert cycle(began, ahead=True) == ended
    assert cycle(ended, ahead=False) == began
    assert cycle(eventful.noon, ahead=True) is None
    assert cycle(eventful.noon - 119 * MINUTE, ahead=False) is None


def test_the_bar_is_a_button_on_a_live_page_and_open_on_replay(opened, eventful):
    page = opened("app_pages/overview.py")
    assert not data(page, "perpscope_transport")["open"]
    assert "perpscope_record" not in [
        one.proto.component_name for one in page.get("bidi_component")
    ]

    page.switch_page("app_pages/replay.py").run()
    assert data(page, "perpscope_transport")["open"]
    assert data(page, "perpscope_transport")["at"] is None


def test_the_export_asks_for_range_and_pages_and_says_what_is_no_range(opened, app, eventful):
    app.session_state["range_export"] = True
    page = opened("app_pages/replay.py", at=f"{eventful.noon:%Y-%m-%dT%H:%M:%SZ}")
    labels = [button.proto.label for button in page.get("download_button")]
    assert [name for name in labels if name in ("PDF", "XLSX", "Evidence bundle")] == [
        "PDF",
        "XLSX",
        "Evidence bundle",
    ]
    ends = page.datetime_input(key="range_export_to"), page.datetime_input(key="range_export_from")
    assert ends[0].value - ends[1].value == timedelta(days=1)
    ends[1].set_value(ends[0].value + timedelta(hours=1))
    page.run()
    assert any("the end is not after the start" in one.value for one in page.info)
    labels = [button.proto.label for button in page.get("download_button")]
    assert "Evidence bundle" not in labels


def test_the_next_step_is_read_ahead_and_bars_once_for_what_is_known(app, eventful, monkeypatch):
    """What a page read is read for the next step on a thread; the step itself asks for nothing."""
    at = eventful.noon.replace(minute=41)
    written = (at + MINUTE).replace(tzinfo=None)
    eventful.bar(BTC, ended=at.replace(minute=40), close=99.0, known_ts=written, venue="okx")
    eventful.publish()
    asked, fetch = [], query.fetch
    monkeypatch.setattr(
        query,
        "fetch",
        lambda cursor, name, *given, **how: (
            asked.append(name) or fetch(cursor, name, *given, **how)
        ),
    )

    def read(shown):
        asked.clear()
        return queries.pairs(shown), queries.market_history(shown), bars.pair_curves("5m", shown)

    with read_ahead.learning() as calls:
        read(shown_moment.moment(at))
    assert {"pairs", "market_history"} <= set(asked)
    later = [at + 30 * SECOND, at + 2 * MINUTE]
    read_ahead.read_ahead(calls, shown_moment.moment(at), lambda: later).result()

    for time in later:
        shown = shown_moment.moment(time)
        pairs, history, _ = read(shown)
        assert asked == []
        exact = replace(shown, last_known=None)
        assert_frame_equal(pairs, queries.pairs(exact))
        assert_frame_equal(history, queries.market_history(exact))

    # Within the minute nothing became known, and the page asks for new snapshots alone.
    read(shown_moment.moment(at + 40 * SECOND))
    assert "pairs" in asked
    assert "market_history" not in asked
