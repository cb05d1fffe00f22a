"""Health: what is wrong first, then how each venue answers and the state of the record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from analytics.exports.csv import csv_bytes
from analytics.lake.records import Gap
from analytics.rules.status import Status
from dashboard.health.health_exports import tables
from dashboard.loaders import lake_health

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
OFFER = {"title": "OKX", "offers": [], "limits": []}
LIVE = {
    "state": "live",
    "source": "stream",
    "since": "2025-10-22T12:40:00+00:00",
    "events": 240,
    "late_s": 1.5,
    "bad": {},
    "dropped": 0,
    "reconnects": 0,
    "connections": 1,
    "instruments": 20,
    "of": 20,
    "reason": None,
}
DOWN = {
    "state": "down",
    "source": "rest",
    "reason": "connection refused",
    "reconnects": 4,
    "instruments": 0,
}


@pytest.fixture
def health(app):
    """The app, turned to the Health page; with the panel of that key opened."""

    def run(opened=None):
        if opened:
            app.session_state[f"health_{opened}"] = True
        app.switch_page("app_pages/health.py").run()
        assert not app.exception
        return app

    return run


def text(page):
    """Return every sentence on the page."""
    parts = [*page.error, *page.warning, *page.success, *page.info, *page.caption]
    return "\n".join(part.value for part in parts).replace("\\", "")


def table(page, column):
    """Return the rows of the table that has a *column* of that name."""
    (found,) = (one.value for one in page.dataframe if column in one.value)
    return found


def live(record, **info):
    """Publish the record as if its noon were now."""
    now = datetime.now(UTC)
    ms = {"origin_ms": record.noon, "started_at_ms": now}
    clock = {name: int(time.timestamp() * 1000) for name, time in ms.items()}
    record.publish(origin="simulator", clock=json.dumps({**clock, "speed": 1}), **info)


def test_all_well_is_one_calm_line(health, record):
    """Nobody should search for what is not wrong."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    live(record)

    page = health()

    assert "All good: 1 venue answered for every pair" in page.success[0].value
    assert not page.error
    assert not page.warning


def test_a_record_that_ended_is_not_called_well(health, record):
    """That no collector runs is said, and nothing that sounds like the opposite."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    record.publish()

    page = health()

    assert "No collector is running" in text(page)
    assert "All venues answered for every pair" in text(page)
    assert not page.success


def test_shows_each_venues_newest_cycle(health, record):
    """Older cycles count into the hour only."""
    record.snapshot(BTC, price=1.0)
    record.cycle(at=record.noon - timedelta(seconds=30), answered=0, error="okx: timed out")
    record.cycle()
    record.cycle(venue="okx", asked=20, answered=19, error=None)
    record.publish()

    rows = table(health(), "state")

    assert rows["venue"].tolist() == ["binance", "okx"]
    assert rows["state"].tolist() == ["complete", "partial"]
    assert rows["cycles_1h"].tolist() == [2, 1]
    assert rows["errors_1h"].tolist() == [1, 0]
    assert rows["answered_1h_pct"].tolist() == [50, 95]


def test_latency_is_a_median_and_a_curve(health, record):
    """A point for every two minutes, oldest first; a failed cycle has no latency."""
    record.snapshot(BTC, price=1.0)
    for minutes, latency in ((90, 9000.0), (20, 100.0), (10, 300.0), (0, 200.0)):
        record.cycle(at=record.noon - timedelta(minutes=minutes), latency_ms=latency)
    record.cycle(venue="okx", latency_ms=None, answered=0, error="okx: timed out")
    record.publish()

    rows = table(health(), "state").set_index("venue")

    assert rows.loc["binance", "latency_1h_ms"] == 200
    assert list(rows.loc["binance", "latency_curve"]) == [100, 300, 200]
    assert pd.isna(rows.loc["okx", "latency_1h_ms"])
    assert list(rows.loc["okx", "latency_curve"]) == []


def test_names_errors_and_refusals(health, record):
    """An error is a sentence, and a refusal says of what and why; venues' words stay words."""
    record.snapshot(BTC, price=1.0)
    record.cycle(refused=3, refused_reasons=json.dumps({"mark:sign": 2, "oi_usd:unit_jump": 1}))
    record.cycle(venue="okx", answered=0, error="okx: 451: this region is refused [for good]")
    record.publish()

    page = health()

    assert "OKX: 451\\: this region is refused \\[for good\\]" in page.error[0].value.replace(
        "OKX\\:", "OKX:"
    )
    assert table(page, "state")["state"].tolist() == ["complete", "error"]
    assert (
        "Binance: impossible values refused: mark (sign) 2 times and oi_usd (unit jump) 1 time."
        in text(page)
    )


def test_the_gravest_comes_first(health, record):
    """A venue that gives nothing stands above one that gives less."""
    record.snapshot(BTC, price=1.0)
    record.cycle(skipped=2, budget_used_pct=97.0)
    record.cycle(venue="okx", answered=0, error="okx: timed out")
    live(record)

    page = health()

    assert [box.value.replace("\\", "") for box in page.error] == ["OKX: timed out."]
    assert "2 requests skipped" in page.warning[0].value
    assert "97 % of its tightest rate limit" in page.warning[0].value


def test_says_when_a_venue_fell_silent(health, record):
    """The other venue's cycles go on."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    record.cycle(venue="okx", at=record.noon - timedelta(minutes=2))
    live(record)

    page = health()

    assert table(page, "state")["state"].tolist() == ["complete", "silent"]
    assert "OKX\\: no cycle completed for 2 min" in page.error[0].value


def test_names_a_venue_that_never_had_a_cycle(health, record):
    """It is collected, as the collector said, and nothing came of it."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    live(record, venues=json.dumps({"binance": OFFER, "okx": OFFER}))

    page = health()

    assert page.error[0].value == "OKX\\: no cycle in the last 24 hours\\."


def test_names_pairs_that_fell_silent(health, record):
    """Their venue answers, but not for them."""
    record.snapshot(BTC, price=1.0)
    record.instrument(ETH)
    record.cycle()
    record.publish()

    assert "Binance: no data for ETH/USDT for 10 min." in text(health())


def past(record, app):
    """Ask for the time of a record that goes on for a day after it."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    app.query_params["at"] = "2025-10-22T12:44Z"


def test_a_pair_that_came_later_was_not_silent_before(health, app, record):
    """Today's universe says nothing of who was collected then."""
    past(record, app)
    record.instrument(ETH)
    record.snapshot(ETH, at=record.noon + timedelta(hours=9), price=1.0)
    record.publish()

    page = health()

    assert "no data for" not in text(page)
    assert not page.warning


@pytest.mark.parametrize(("silent_min", "is_named"), [(55, True), (65, False)])
def test_a_pair_that_fell_silent_then_is_named(health, app, record, silent_min, is_named):
    """For an hour, collected today or not: after that it may have left the universe."""
    past(record, app)
    asked = datetime(2025, 10, 22, 12, 44, tzinfo=UTC)
    record.snapshot(BTC, at=asked, price=1.0)
    record.instrument(ETH, in_universe=False)
    record.snapshot(ETH, at=asked - timedelta(minutes=silent_min), price=1.0)
    record.publish()

    named = "Binance: no data for ETH/USDT for 10 min." in text(health())
    assert named is is_named


def test_a_venue_that_came_later_is_not_missed_before(health, app, record):
    """What the collector tells of its venues is of now."""
    past(record, app)
    record.publish(venues=json.dumps({"binance": OFFER, "okx": OFFER}))

    assert not health().error


@pytest.mark.parametrize("asked", [True, False])
def test_the_size_of_the_record_is_that_of_now(health, app, record, asked):
    """Where a time is asked for, that is said."""
    past(record, app)
    app.query_params["at"] = "2025-10-22T12:44Z" if asked else ""
    record.publish()

    assert ("those of now, not of the selected time" in text(health())) is asked


def test_an_imported_record_has_no_cycles(health, record):
    """An empty table would look like a fault."""
    record.snapshot(BTC, price=1.0)
    record.publish()

    page = health()

    said = "No cycles in the 24 hours before 2025-10-22 12:44 UTC."
    assert page.info[0].value == said
    assert [card.value for card in page.metric if card.label == "Collecting for"] == ["not in 7 d"]


def test_streams_say_their_state_and_source(health, record):
    """What is down says why, and where the metric comes from instead."""
    record.snapshot(BTC, price=1.0)
    told = {
        "trades": LIVE,
        "depth": {**LIVE, **DOWN},
        "frames": {"bad": {"truncated": 2, "unknown_event": 1}},
    }
    record.cycle(streams=json.dumps(told))
    record.publish()

    page = health()
    rows = table(page, "channel").set_index("channel")

    assert rows["state"].fillna("").tolist() == ["live", "down", ""]
    assert rows["source"].fillna("").tolist() == ["stream", "REST, once a cycle", ""]
    assert rows.loc["depth", "given"] == "0 of 20"
    assert rows.loc["trades", "for_s"] == 240
    assert rows.loc["frames", "bad"] == 3
    assert pd.isna(rows.loc["depth", "for_s"]), "connected for no time"
    assert "Binance, frames, unreadable messages: truncated 2 and unknown event 1." in text(page)
    assert (
        "Binance, depth: stream down for 4 min: connection refused. REST is used for depth."
        in text(page)
    )


def test_a_fault_that_no_stream_has_is_no_column(health, record):
    """And why a stream was down last is a line, which nothing cuts."""
    reason = "the server closed the connection: " + "going away, " * 9 + "come again"
    record.snapshot(BTC, price=1.0)
    record.cycle(streams=json.dumps({"trades": LIVE, "depth": {**LIVE, "reason": reason}}))
    record.publish()

    page = health()

    assert not {"bad", "dropped", "bad_reasons", "reason"} & set(table(page, "channel"))
    assert f"Binance, depth, last reason for being down: {reason}." in text(page)


def test_streams_that_are_down_together_are_one_sentence(health, record):
    """A venue that closed its sockets is said once, with what is missing because of it."""
    record.snapshot(BTC, price=1.0)
    down = {**LIVE, **DOWN, "source": "none"}
    record.cycle(streams=json.dumps({"trades": down, "liquidations": {**down, "dropped": 3}}))
    record.publish()

    said = text(health())

    assert (
        "Binance, trades and liquidations: stream down for 4 min: connection refused. Missing "
        "until then: taker flow and CVD; liquidations." in said
    )
    assert "Binance, liquidations: 3 records dropped since start." in said


@pytest.mark.parametrize(("minutes", "is_said"), [(2, False), (20, True)])
def test_a_stream_that_never_came_is_said_after_a_while(health, record, minutes, is_said):
    """A start takes its time; and messages of no channel, none of them bad, are no row."""
    record.snapshot(BTC, price=1.0)
    since = (record.noon - timedelta(minutes=minutes)).isoformat()
    waiting = {**LIVE, "state": "connecting", "source": "none", "since": since, "late_s": None}
    record.cycle(streams=json.dumps({"liquidations": waiting, "frames": {"bad": {}}}))
    record.publish()

    page = health()

    assert table(page, "channel")["channel"].tolist() == ["liquidations"]
    assert ("no data from the stream for 20 min" in text(page)) == is_said


def test_what_a_venue_refuses_is_said_and_whether_it_is_asked_again(health, record):
    """A stream that is live may lack an instrument of it all the same."""
    live = {"state": "live", "source": "stream", "since": "2025-10-22T12:00:00+00:00"}
    busy = {"reason": "Requests too frequent. (60014)", "topics": 1, "example": "books:A"}
    gone = {"reason": "B doesn't exist (60018)", "topics": 2, "example": "trades-all:B"}
    told = {
        "trades": {**live, "refused": [{**gone, "given_up": True}]},
        "depth": {**live, "refused": [{**busy, "given_up": False}]},
    }
    record.snapshot(BTC, price=1.0)
    record.cycle(streams=json.dumps(told))
    record.publish()

    said = text(health())

    assert (
        "Binance, trades: 2 subscriptions rejected by the venue, e.g. trades-all:B: B doesn't "
        "exist (60018). Given up." in said
    )
    assert (
        "Binance, depth: 1 subscription rejected by the venue, e.g. books:A: Requests too "
        "frequent. (60014). Retrying." in said
    )


def test_without_streams_says_so(health, record):
    """An empty table would look like streams that are down."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    record.publish()

    assert "No streams: all metrics are polled" in text(health())


def test_gaps_of_streams_are_listed_when_opened(health, record):
    """Of the last day, with what became of them."""
    record.snapshot(BTC, price=1.0)
    for hours in (30, 2):
        ended = record.noon - timedelta(hours=hours)
        record.rows.append(
            Gap(
                venue="binance",
                channel="trades",
                symbol="*",
                started_ts=ended - timedelta(seconds=90),
                ended_ts=ended,
                reason="silent",
                outcome="repaired",
                repaired_rows=1200,
            )
        )
    record.publish()

    (row,) = table(health("stream_gaps"), "outcome").to_dict("records")

    assert (row["length_s"], row["outcome"], row["repaired_rows"]) == (90, "repaired", 1200)


def test_gaps_of_the_record_are_one_row_for_an_outage(health, record):
    """Two pairs and all their metrics were away at the same time."""
    for minutes in (30, 25, 10, 5, 0):
        for symbol in (BTC, ETH):
            ended = record.noon.replace(minute=40) - timedelta(minutes=minutes)
            record.bar(symbol, ended=ended, close=1.0, oi_usd=1.0)
    record.snapshot(BTC, price=1.0)
    record.publish()

    rows = table(health("gaps"), "repairable")

    assert rows["length"].tolist() == ["10 min"]
    assert rows["pairs"].tolist() == ["BTC/USDT and ETH/USDT"]
    assert rows["what"].tolist() == ["Open interest and Price"]


def first_hour(record, newest_mark=1.0):
    """An hour of prices, filled in, and of marks only since the first cycle at 12:20."""
    for minutes in range(0, 60, 5):
        ended = record.noon.replace(minute=40) - timedelta(minutes=minutes)
        mark = newest_mark if minutes == 0 else 1.0 if minutes < 20 else None
        record.bar(BTC, ended=ended, close=1.0, mark=mark)
    for minutes in range(20):
        record.cycle(at=record.noon.replace(minute=20, second=1) + timedelta(minutes=minutes))
    record.snapshot(BTC, price=1.0, mark=1.0)
    record.publish()


def test_what_no_venue_keeps_begins_with_the_collector(health, record):
    """On the first day its past is no gap: nobody could ever have known it."""
    first_hour(record)

    page = health("gaps")

    assert "No expected 5-minute bar is missing" in text(page)
    assert "start with the collector, at 2025-10-22 12:20 UTC" in text(page)
    assert "not expected before: Mark price." in text(page)


def test_on_the_first_day_coverage_counts_from_the_first_cycle(health, record):
    """Eight of the twelve marks were before it."""
    first_hour(record)

    page = health("coverage")
    rows = table(page, "coverage_pct").set_index("title")

    assert rows.loc["Mark price", ["present", "expected_bars", "coverage_pct"]].tolist() == [
        *(4, 4, 100)
    ]
    assert rows.loc["Price", "expected_bars"] == 12
    assert "start with the collector, at 2025-10-22 12:20 UTC" in text(page)


def test_a_gap_while_the_collector_ran_is_never_excused(health, record):
    """The mark of the newest bar is missing as well."""
    first_hour(record, newest_mark=None)

    assert table(health("gaps"), "repairable")["what"].tolist() == ["Mark price"]


def test_coverage_puts_what_is_missing_first(health, record):
    """Open interest lacks one of four bars, the price none."""
    for nth, minutes in enumerate((15, 10, 5, 0)):
        ended = record.noon.replace(minute=40) - timedelta(minutes=minutes)
        record.bar(BTC, ended=ended, close=1.0, oi_usd=None if nth == 1 else 1.0)
    record.snapshot(BTC, price=1.0)
    record.publish()

    rows = table(health("coverage"), "coverage_pct")

    assert rows["title"].tolist() == ["Open interest", "Price"]
    assert rows["coverage_pct"].tolist() == [75, 100]


def test_refusals_are_counted_by_reason_up_to_now(health, record):
    """A refusal of a second ago is among them."""
    record.snapshot(BTC, price=1.0)
    record.cycle(refused=3, refused_reasons=json.dumps({"mark:sign": 2, "oi_usd:unit_jump": 1}))
    record.publish()

    rows = table(health("refused"), "why")

    assert rows["title"].tolist() == ["Mark price", "Open interest"]
    assert rows["why"].tolist() == ["sign", "unit jump"]
    assert rows["refused"].tolist() == [2, 1]


def test_unit_audit_puts_what_differs_first(health, record):
    """Raw, unit and normalised figure side by side, beside the venue's own."""
    at = record.noon - timedelta(minutes=5)
    for symbol, venue_usd in ((BTC, 1000.0), (ETH, 5000.0)):
        record.instrument(symbol)
        known = {"oi_raw": 10.0, "oi_base": 10.0, "oi_usd": 1000.0, "mark": 100.0}
        record.snapshot(symbol, at=at, **known, oi_venue_usd=venue_usd)
    record.snapshot(BTC, price=1.0)
    record.publish()

    page = health("units")
    rows = table(page, "oi_raw")

    assert rows["pair"].tolist() == ["ETH/USDT", "BTC/USDT"]
    assert rows["oi_unit"].tolist() == ["contracts", "contracts"]
    assert rows["beside"].tolist() == ["differs", "agrees"]
    assert rows["again"].tolist() == ["as stored", "as stored"]
    assert "1 pair of 2 differ" in text(page)


def test_a_venue_that_may_count_both_sides_is_said(health, record):
    """Twice as much is held there for what is traded as on the other, of three assets."""
    at = record.noon - timedelta(minutes=5)
    for symbol in (BTC, ETH, "SOL/USDT:USDT"):
        for venue, held in (("bybit", 20.0), ("okx", 10.0)):
            known = {"oi_raw": held, "oi_usd": held, "mark": 1.0, "volume_24h_usd": 10.0}
            record.snapshot(symbol, venue=venue, at=at, **known)
    record.snapshot(BTC, price=1.0)
    record.publish()

    said = text(health("units"))

    assert "Bybit: open interest per traded volume is 2.00 times that of the other venues" in said
    assert "OKX: open interest per traded volume is 0.50 times" in said
    assert "median of 3 assets" in said
    assert "Bybit 2.00 and OKX 0.50" in said


def test_what_an_upgrade_changed_is_said(health, record):
    """Of Bybit's open interest, which was stored of both sides."""
    record.snapshot(BTC, price=1.0)
    until = {"snapshots_until": "2026-03-01 12:00:00", "bars_until": "2026-03-01 12:05:00"}
    record.publish(bybit_oi_halved=json.dumps({"snapshots": 1234, "bars": 2, **until}))

    said = text(health())

    assert (
        "It was halved to one side in 1,234 snapshots up to 2026-03-01 12:00:00 UTC and "
        "2 bars up to 2026-03-01 12:05:00 UTC." in said
    )


@pytest.mark.parametrize("opened", ["coverage", "gaps", "stream_gaps", "refused", "units"])
def test_every_panel_has_a_sentence_when_there_is_nothing(health, record, opened):
    """A record of one snapshot has neither bars nor cycles."""
    record.snapshot(BTC, price=1.0)
    record.publish()
    said = {
        "coverage": "Nothing to check yet",
        "gaps": "No expected 5-minute bar is missing",
        "stream_gaps": "No gaps in streams",
        "refused": "No values refused",
        "units": "No open interest in the last 15 minutes",
    }

    assert said[opened] in text(health(opened))


def test_heavy_questions_wait_until_they_are_opened(health, record, monkeypatch):
    """The first draw asks none of them."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    record.publish()
    asked = []
    for name in ("gaps", "coverage", "completeness", "unit_audit", "oi_beside_volume"):
        monkeypatch.setattr(lake_health, name, lambda *_, name=name: asked.append(name))

    health()

    assert not asked


def test_shows_what_was_damaged(health, record):
    """What is lost is said, newest first, above everything else."""
    record.snapshot(BTC, price=1.0)
    record.publish()
    folder = record.folder / "set-aside"
    folder.mkdir(exist_ok=True)
    note = {
        "set_aside_at": "2025-10-22T12:00:00",
        "what": "snapshots: 60 rows of x.parquet are lost",
    }
    (folder / "20251022T120000.json").write_text(json.dumps(note))

    page = health()

    assert "1 damaged file" in page.warning[1].value
    assert "60 rows of x" in text(page)


def test_a_step_of_the_clock_is_said_for_a_day(health, record):
    """A step back, of half an hour ago: what was stamped ahead of it is not seen yet."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    steps = [
        {"at": (record.noon - timedelta(days=2)).isoformat(), "step_s": 7200.0},
        {"at": (record.noon - timedelta(minutes=30)).isoformat(), "step_s": -3600.4},
    ]
    live(record, clock_steps=json.dumps(steps))

    page = health()

    (said,) = page.warning
    assert said.value.replace("\\", "") == (
        "The collector's clock jumped back by 1 h to 2025-10-22 12:14 UTC; earlier rows keep the "
        "old time. Rows after 2025-10-22 12:14 UTC stay hidden until 2025-10-22 13:14 UTC."
    )


def test_a_task_of_the_collector_that_ended_is_said_for_a_day(health, record):
    """Those of one task together; what /healthz does not say any more stands here."""
    record.snapshot(BTC, price=1.0)
    record.cycle()

    def ended(task, reason, **ago):
        at = (record.noon - timedelta(**ago)).isoformat()
        return {"task": task, "at": at, "reason": reason, "then": "restart"}

    ends = [
        ended("clock watch", "it returned", days=2),
        ended("storing", "KeyError: 'oi'", hours=2),
        ended("stream okx trades", "it was cancelled", hours=1),
        ended("storing", "KeyError: 'x'", minutes=30),
    ]
    live(record, task_ends=json.dumps(ends))

    page = health()

    (said,) = page.warning
    assert said.value.replace("\\", "").split("  \n") == [
        'The collector\'s task "storing" ended 2 times, last at 2025-10-22 12:14 UTC '
        "(KeyError: 'x'); it was restarted. The collector's log has the traceback.",
        'The collector\'s task "stream okx trades" ended at 2025-10-22 11:44 UTC '
        "(it was cancelled); it was restarted. The collector's log has the traceback.",
    ]


def test_a_file_that_a_merge_took_away_has_no_size(health, record):
    """It was there when the folder was read, and is gone when it is looked at."""
    record.snapshot(BTC, price=1.0)
    record.publish()
    before = lake_health.disk_bytes(str(record.folder))
    lake_health.disk_bytes.clear()
    (record.folder / "lake" / "gone.parquet").symlink_to("merged.parquet")

    page = health()

    assert "On disk" in [card.label for card in page.metric]
    assert lake_health.disk_bytes(str(record.folder)) == before > 0


def test_counts_the_record(health, record):
    """Rows by table."""
    record.snapshot(BTC, price=1.0)
    record.publish()

    assert [card.value for card in health().metric][:4] == ["1", "0", "0", "0"]


def test_collecting_began_after_the_newest_break(health, record):
    """Cycles two hours ago and before are another run."""
    record.snapshot(BTC, price=1.0)
    for minutes in (150, 120, 4, 3, 2, 1, 0):
        record.cycle(at=record.noon - timedelta(minutes=minutes))
    live(record)

    page = health()

    assert [card.value for card in page.metric if card.label == "Collecting for"] == ["4 min"]


def test_says_what_runs_here(health, record):
    """Versions, as people ask for them in a report of a fault."""
    record.snapshot(BTC, price=1.0)
    record.publish()

    said = text(health())

    assert all(name in said for name in ("Python 3.", "DuckDB 1.5.5", "Streamlit 1.67.0"))


def test_an_empty_record_says_the_way_forward(app):
    """No lake at all."""
    app.switch_page("app_pages/health.py").run()

    assert not app.exception
    assert "perpscope up" in app.info[0].value


def test_files_hold_what_is_drawn():
    """What is empty is not offered."""
    sizes = pd.DataFrame({"table_name": ["bars"], "row_count": [7]})

    made = tables({"Streams": pd.DataFrame()}, sizes)

    assert list(made) == ["Record"]
    assert csv_bytes(made["Record"]()).decode("utf-8-sig").splitlines()[1] == "bars,7"


@pytest.mark.parametrize(
    ("changes", "minutes", "said", "is_grave"),
    [
        ({}, 6, None, False),
        ({"fault": "alerts.toml: line 3: when: no"}, 1, "line 3: when: no. The rules of", False),
        ({"pass_fault": "disk full."}, 1, "Alert rules are not evaluated: disk full.", True),
        ({}, 20, "No alert rule evaluated since 2025-10-22", True),
    ],
)
def test_alert_rules_that_do_not_run_are_a_problem(
    health, record, changes, minutes, said, is_grave
):
    """Else nobody hears that nobody will be told."""
    record.snapshot(BTC, price=1.0)
    record.cycle()
    at = record.noon - timedelta(minutes=minutes)
    status = Status(rules=13, fault_ts=at, pass_ts=at, pass_s=0.085, **changes)
    live(record, alert_status=status.as_json())

    page = health()

    assert "Alert rules: 13 active, last evaluated 2025-10-22" in text(page)
    assert "in 85 ms" in text(page)
    if said is None:
        assert "All good" in text(page)
    else:
        (drawn,) = page.error if is_grave else page.warning
        assert said in drawn.value.replace("\\", "")
