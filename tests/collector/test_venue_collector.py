import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from structlog.testing import capture_logs

from analytics.errors import VenueForbidden, VenueUnavailable
from analytics.lake.records import Snapshot
from collector.cycles.venue_collector import VenueCollector
from collector.runtime.clock import Clock
from collector.venues import VENUES
from collector.venues.client import Answer
from simulator.server import Simulator, synthetic

SIMULATED = ("binance", "bybit", "okx")
SPEED = 20.0
INTERVAL_S = 1800.0
"""Long, so that the 72 wall seconds of a cycle's time are never short on a busy machine."""

FLOWS = {"taker_buy_usd", "taker_sell_usd", "liq_long_usd", "liq_short_usd"}
ABSENT = {
    "binance": {"oi_venue_usd"},
    "bybit": {"ls_top_accounts", "ls_top_positions"},
    "okx": set(),
}
"""What a venue does not publish in what a cycle asks."""

TICKER, MARKS, BOOKS = "/fapi/v1/ticker/24hr", "/fapi/v1/premiumIndex", "/fapi/v1/depth"


@pytest.fixture
async def simulator(request):
    speed = getattr(request, "param", SPEED)
    clock = Clock(origin=datetime(2026, 1, 1, 12, 2, tzinfo=UTC), speed=speed)
    async with Simulator(synthetic(12, seed=1), clock) as running:
        yield running


@pytest.fixture
async def collecting(simulator):
    """Makes collectors of the simulator's venues, their universes chosen."""
    collectors = []

    async def make(name, **settings):
        one = VenueCollector(
            VENUES[name],
            simulator.clock,
            simulator_url=simulator.url,
            **{"top_n": 5, "interval_s": INTERVAL_S, "timeout_s": 20.0} | settings,
        )
        collectors.append(one)
        await one.refresh_universe()
        return one

    yield make
    for one in collectors:
        await one.close()


@pytest.fixture
def faulty(simulator):
    """Puts a fault in force at the simulator."""

    async def add(venue, path, kind, **more):
        fault = {"venue": venue, "path": path, "kind": kind, **more}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{simulator.url}/simulator/faults", json=fault) as answer,
        ):
            assert answer.status == 200, await answer.text()

    return add


def missing(row):
    """Return the columns that *row* leaves empty."""
    columns = set(Snapshot.__dataclass_fields__) - FLOWS - {"flags", "table"}
    return {column for column in columns if getattr(row, column) is None}


def reasons(record):
    return json.loads(record.refused_reasons) if record.refused_reasons else {}


@pytest.mark.parametrize("name", SIMULATED)
async def test_a_cycle_gives_a_row_of_every_pair_with_all_it_offers(collecting, name):
    """Whatever the venue publishes is there, in order of volume, heard at one time."""
    one = await collecting(name)
    lane = await one.refresh_long_short()

    rows, record = await one.cycle()

    assert (lane.error, lane.answered) == (None, lane.asked)
    assert [row.symbol for row in rows] == [chosen.symbol for chosen in one.universe.chosen]
    assert {row.received_ts for row in rows} == {rows[0].received_ts}
    assert [missing(row) for row in rows] == [ABSENT[name]] * 5
    assert (record.asked, record.answered, record.skipped) == (5, 5, 0)
    assert (record.error, record.refused, record.refused_reasons) == (None, 0, None)
    assert record.started_ts <= rows[0].received_ts <= record.finished_ts
    assert record.latency_ms > 0
    assert 0 <= record.budget_used_pct <= 80


async def test_the_figures_of_one_pair_agree_across_venues(collecting):
    """One market behind three wires: prices within a percent, units alike."""
    cycles = [await (await collecting(name)).cycle() for name in SIMULATED]

    btc = [next(row for row in rows if row.base == "BTC") for rows, _ in cycles]

    assert [row.price for row in btc] == pytest.approx([btc[0].price] * 3, rel=0.01)
    for row in btc:
        assert row.oi_usd == pytest.approx(row.oi_base * row.mark)
        assert row.volume_24h_usd > 1e6
        assert row.funding_interval_h in (1, 2, 4, 8)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("html200", "HTML instead of JSON"),
        ("empty", "empty answer"),
        ("empty_body", "empty answer"),
        ("truncated", "invalid JSON"),
        ("deep", "invalid JSON"),
        ("hang", "timeout after 2 s"),
    ],
)
async def test_a_failed_question_costs_its_columns_only(collecting, faulty, kind, said):
    """Named in the record; the others' figures are stored, and nothing is made of the gap."""
    one = await collecting("binance", timeout_s=2.0 if kind == "hang" else 20.0)
    await one.refresh_long_short()
    await faulty("binance", MARKS, kind)

    rows, record = await one.cycle()

    lost = {"mark", "index", "funding_rate", "next_funding_ts", "oi_usd"}
    assert record.error == f"binance: premium index: {said}"
    assert [missing(row) for row in rows] == [ABSENT["binance"] | lost] * 5
    assert record.refused == 0


async def test_what_failed_for_one_reason_is_said_once(collecting, faulty):
    """A venue that is down is not five sentences that are alike."""
    one = await collecting("okx")
    for path in ("/api/v5/public/funding-rate", "/api/v5/public/mark-price"):
        await faulty("okx", path, "empty_body")

    _, record = await one.cycle()

    assert record.error == "okx: funding rates and mark prices: empty answer"


@pytest.mark.parametrize(
    ("kind", "path", "refused"),
    [
        ("text_numbers", TICKER, {"price": "number", "volume_24h_usd": "number"}),
        ("nan", TICKER, {"price": "number", "price_24h_ago": "number"}),
        ("infinite", MARKS, {"mark": "finite", "index": "finite", "funding_rate": "finite"}),
        ("negative", MARKS, {"mark": "sign", "index": "sign"}),
        ("zero", TICKER, {"price": "sign", "price_24h_ago": "sign"}),
        ("negative", "/fapi/v1/openInterest", {"oi_raw": "sign"}),
        ("text_numbers", BOOKS, {"book_imbalance": "number", "spread_bps": "number"}),
        ("stale_time", TICKER, {"price": "stale", "volume_24h_usd": "stale"}),
        ("stale_time", BOOKS, {"book_imbalance": "stale", "spread_bps": "stale"}),
        (
            "crossed_book",
            BOOKS,
            dict.fromkeys(("bid", "ask", "spread_bps", "book_imbalance"), "crossed"),
        ),
        (
            "crossed_book",
            "/fapi/v1/ticker/bookTicker",
            dict.fromkeys(("bid", "ask", "spread_bps", "book_imbalance"), "crossed"),
        ),
    ],
)
async def test_a_value_that_cannot_be_is_refused_and_counted(
    collecting, faulty, kind, path, refused
):
    """One pair is spoiled: its values are gone and flagged, the other rows are whole."""
    one = await collecting("binance")
    await one.refresh_long_short()
    await faulty("binance", path, kind, symbol="ETHUSDT")

    rows, record = await one.cycle()

    spoiled = next(row for row in rows if row.base == "ETH")
    counted = reasons(record)
    assert record.error is None
    for column, reason in refused.items():
        assert counted[f"{column}:{reason}"] == 1
        assert f"refused:{column}:{reason}" in spoiled.flags.split()
    assert record.refused == sum(counted.values())
    for row in rows:
        if row is not spoiled:
            assert (missing(row), row.flags) == (ABSENT["binance"], None)


async def test_a_pair_named_twice_in_an_answer_counts_once(collecting, faulty):
    """The first row is kept; the other is counted."""
    one = await collecting("bybit")
    await faulty("bybit", "/v5/market/tickers", "duplicate", symbol="BTCUSDT")

    rows, record = await one.cycle()

    assert len(rows) == 5
    assert reasons(record) == {"row:duplicate": 1}


async def test_a_pair_that_vanishes_gets_no_row_and_leaves_the_universe(collecting, faulty):
    """No row is made up for it; the next refresh puts another in its place."""
    one = await collecting("okx")
    gone = one.universe.chosen[0]
    await faulty("okx", "*", "vanish", symbol=gone.venue_id)

    rows, record = await one.cycle()
    records = {record.symbol: record for record in await one.refresh_universe()}

    assert gone.symbol not in [row.symbol for row in rows]
    assert (record.asked, record.answered) == (5, 4)
    assert "order book" in record.error
    assert len(one.universe.chosen) == 5
    assert not records[gone.symbol].in_universe


async def test_an_index_alone_makes_no_row_and_lists_nothing(collecting):
    """Spot markets have one too, and a swap's outlives it."""
    one = await collecting("okx")
    (indices,) = (question for question in one.venue.bulk if question.name == "indices")
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    fields = [(name, {"index": 1.0}) for name in ("BTC-USDT-SWAP", "SPOT-USDT-SWAP")]

    rows = one._builder.rows([Answer(indices, fields, now)], now, None, Counter())

    assert rows == []
    assert not one.universe.wants_refresh


@pytest.mark.parametrize(
    ("name", "status"), [("binance", 451), ("bybit", 451), ("bybit", 403), ("okx", 451)]
)
async def test_a_region_block_is_final(collecting, faulty, simulator, name, status):
    """No row, a sentence that says why, and not a single request after that."""
    one = await collecting(name)
    await faulty(name, "*", "status", status=status)

    rows, record = await one.cycle()
    asked = simulator.requests[name].total()
    again, later = await one.cycle()

    assert (rows, again) == ([], [])
    assert f"region blocked (HTTP {status})" in record.error
    assert f"region blocked (HTTP {status})" in later.error
    assert isinstance(one.forbidden, VenueForbidden)
    assert simulator.requests[name].total() == asked
    with pytest.raises(VenueForbidden):
        await one.refresh_universe()


@pytest.mark.parametrize("simulator", [1.0], indirect=True, ids=["speed 1"])
@pytest.mark.parametrize(("name", "status"), [("binance", 429), ("binance", 418), ("bybit", 429)])
async def test_a_request_for_silence_is_honoured(collecting, faulty, simulator, name, status):
    """The next cycle asks nothing and says why; the venue is not forbidden for good."""
    one = await collecting(name)
    await faulty(name, "*", "status", status=status)

    _, record = await one.cycle()
    asked = simulator.requests[name].total()
    rows, later = await one.cycle()

    assert record.error is not None
    assert one.forbidden is None
    assert one.budget.paused_until > later.finished_ts
    assert (rows, later.requests) == ([], 0)
    assert "no requests until" in later.error
    assert simulator.requests[name].total() == asked


async def test_a_venue_that_is_down_says_so(simulator, collecting):
    """No rows, no silence about it, and no attempt at every pair in turn."""
    one = await collecting("binance")
    await simulator.__aexit__(None, None, None)

    rows, record = await one.cycle()

    assert rows == []
    assert record.error.startswith("binance: ticker, premium index, best bid and ask, ")
    assert record.error.endswith(": connection refused")
    assert record.requests <= 3 + 2 * 8


async def test_a_venue_that_hangs_ends_with_the_cycle(collecting, faulty):
    """After 80 % of the interval the cycle ends, with what it has; nothing is left running."""
    one = await collecting("binance", interval_s=30.0, timeout_s=60.0)
    await faulty("binance", "*", "hang")

    rows, record = await one.cycle()

    assert rows == []
    questions = "ticker, premium index and best bid and ask"
    assert record.error == f"binance: {questions}: no answer within the cycle"
    assert record.finished_ts - record.started_ts < timedelta(seconds=60 * SPEED)
    assert len(asyncio.all_tasks()) < 12


async def test_what_the_time_does_not_allow_is_skipped_and_counted(collecting):
    """At five requests a minute most books are never asked for."""
    one = await collecting("bybit", interval_s=60.0, requests_per_s=0.09)

    rows, record = await one.cycle()

    assert record.error is None
    assert len(rows) == 5
    assert record.skipped > 0
    assert sum(row.book_imbalance is None for row in rows) == record.skipped


@pytest.mark.parametrize("kind", ["html200", "hang", "text_numbers", "status"])
async def test_each_venue_fails_alone(collecting, faulty, kind):
    """Three cycles at once, one venue broken: the two others are whole."""
    collectors = [
        await collecting(name, timeout_s=2.0 if (name, kind) == ("binance", "hang") else 20.0)
        for name in SIMULATED
    ]
    await faulty("binance", "*", kind)

    cycles = await asyncio.gather(*(one.cycle() for one in collectors))

    broken, *others = [record for _, record in cycles]
    assert broken.error is not None or broken.refused > 0
    assert [(record.error, record.answered, record.refused) for record in others] == [
        (None, 5, 0)
    ] * 2


async def test_ratios_are_stamped_with_their_own_time_until_they_are_old(
    collecting, faulty, monkeypatch
):
    """They outlive a failed round; when their mark is too old the columns are empty again."""
    one = await collecting("okx", top_n=2)
    await one.refresh_long_short()
    await faulty("okx", "/api/v5/rubik", "status", status=500)
    lane = await one.refresh_long_short()

    fresh, record = await one.cycle()
    monkeypatch.setattr("collector.cycles.snapshot_builder.MAX_RATIO_AGE", timedelta(minutes=1))
    old, _ = await one.cycle()

    assert lane.answered == 0
    assert "long/short accounts" in record.error
    assert fresh[0].ls_ts == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert fresh[0].ls_accounts is not None
    assert (old[0].ls_accounts, old[0].ls_ts) == (None, None)
    assert old[0].price is not None


async def test_the_ratios_of_a_row_are_of_one_mark(collecting):
    """A venue that is late with one of them does not make an older figure look new."""
    one = await collecting("binance")
    newest = datetime(2026, 1, 1, 12, tzinfo=UTC)
    before = newest - timedelta(minutes=5)
    fields = [
        ("BTCUSDT", {"ls_ts": newest, "ls_accounts": 2.0}),
        ("BTCUSDT", {"ls_ts": before, "ls_top_accounts": 3.0}),
        ("ETHUSDT", {"ls_ts": before, "ls_accounts": 2.0}),
        ("ETHUSDT", {"ls_ts": newest, "ls_top_accounts": 3.0}),
    ]
    one._builder.keep_ratios([Answer(one.venue.slow[0], fields, newest)])

    rows, _ = await one.cycle()

    said = {row.base: (row.ls_ts, row.ls_accounts, row.ls_top_accounts) for row in rows}
    assert said["BTC"] == (newest, 2.0, None)
    assert said["ETH"] == (newest, None, 3.0)


async def test_funding_terms_that_failed_are_asked_for_again(collecting, faulty, simulator):
    """Until then the interval is unknown; 8 hours hold only for whom the answer leaves out."""
    await faulty("binance", "/fapi/v1/fundingInfo", "status", status=500, count=2)
    one = await collecting("binance")

    rows, record = await one.cycle()
    assert {row.funding_interval_h for row in rows} == {None}
    assert "funding terms" in record.error

    rows, record = await one.cycle()
    assert None not in {row.funding_interval_h for row in rows}
    assert record.error is None

    asked = simulator.requests["binance"]["/fapi/v1/fundingInfo"]
    await one.cycle()
    assert simulator.requests["binance"]["/fapi/v1/fundingInfo"] == asked


@pytest.mark.parametrize("kind", ["empty", "vanish"])
async def test_an_empty_list_of_funding_terms_changes_none(collecting, faulty, kind):
    """It is refused and named; 4 hours do not become 8 because nobody was mentioned."""
    one = await collecting("binance", top_n=12)
    before, _ = await one.cycle()
    await faulty("binance", "/fapi/v1/fundingInfo", kind)

    await one.refresh_universe()
    rows, record = await one.cycle()

    assert {row.funding_interval_h for row in before} > {8}
    assert {row.symbol: row.funding_interval_h for row in rows} == {
        row.symbol: row.funding_interval_h for row in before
    }
    assert record.error == "binance: funding terms: empty answer"


async def test_an_interval_is_unknown_before_any_funding_terms(collecting, faulty):
    """An empty list is no reason to believe in 8 hours."""
    await faulty("binance", "/fapi/v1/fundingInfo", "empty")
    one = await collecting("binance")

    rows, _ = await one.cycle()

    assert {row.funding_interval_h for row in rows} == {None}


async def test_an_instrument_that_cannot_be_read_is_counted_once_a_refresh(collecting, faulty):
    """The first cycle after the refresh says so; the others are collected as ever."""
    await faulty("okx", "/api/v5/public/instruments", "text_numbers", symbol="ETH-USDT-SWAP")
    one = await collecting("okx")

    rows, record = await one.cycle()
    _, later = await one.cycle()

    assert len(rows) == 5
    assert "ETH" not in [row.base for row in rows]
    assert (record.refused, reasons(record)) == (1, {"instrument:unreadable": 1})
    assert later.refused == 0


async def test_a_refresh_that_hangs_ends(collecting, faulty, simulator, monkeypatch):
    """In time on the collector's clock, with a reason; the universe stays what it was."""
    one = await collecting("binance", timeout_s=60.0)
    chosen = one.universe.chosen
    await faulty("binance", "/fapi/v1/exchangeInfo", "hang")
    monkeypatch.setattr("collector.cycles.venue_collector.REFRESH_TIMEOUT_S", 12.0)
    started_ts = simulator.clock.now()

    with pytest.raises(VenueUnavailable, match="refresh of the universe: not done within 12 s"):
        await one.refresh_universe()

    assert simulator.clock.now() - started_ts < timedelta(seconds=60 * SPEED)
    assert one.universe.chosen == chosen


@pytest.mark.parametrize("fails", [False, True], ids=["answered", "failed"])
async def test_two_who_want_a_refresh_at_once_share_one(collecting, faulty, simulator, fails):
    """One list of instruments is asked for, and both hear how it went."""
    one = await collecting("binance")
    if fails:
        await faulty("binance", "/fapi/v1/exchangeInfo", "status", status=500)
    asked = simulator.requests["binance"]["/fapi/v1/exchangeInfo"]

    outcomes = await asyncio.gather(
        one.refresh_universe(), one.refresh_universe(), return_exceptions=True
    )

    assert simulator.requests["binance"]["/fapi/v1/exchangeInfo"] == asked + 1
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], VenueUnavailable if fails else list)


async def test_a_refresh_that_failed_is_not_asked_for_again_by_new_names(collecting, faulty):
    """They wait for the next regular one, so that cycles are not late one after the other."""
    one = await collecting("binance")
    await faulty("binance", "/fapi/v1/exchangeInfo", "status", status=500, count=1)
    one.universe.heard_of("NEWUSDT")
    assert one.universe.wants_refresh

    with pytest.raises(VenueUnavailable):
        await one.refresh_universe()
    one.universe.heard_of("NEWERUSDT")
    assert not one.universe.wants_refresh

    await one.refresh_universe()
    one.universe.heard_of("NEWESTUSDT")
    assert one.universe.wants_refresh


async def test_a_first_refresh_that_failed_is_tried_again_after_a_while(
    simulator, faulty, monkeypatch
):
    """Until then whoever wants one hears why there is none, and nothing is asked."""
    await faulty("bybit", "/v5/market/instruments-info", "status", status=500, count=2)
    one = VenueCollector(VENUES["bybit"], simulator.clock, simulator_url=simulator.url)
    monkeypatch.setattr("collector.cycles.venue_collector.REFRESH_RETRY_S", 3600.0)

    failures = []
    for _ in range(2):
        with pytest.raises(VenueUnavailable) as caught:
            await one.refresh_universe()
        failures.append(caught.value)
    asked = simulator.requests["bybit"].total()
    monkeypatch.setattr("collector.cycles.venue_collector.REFRESH_RETRY_S", 0.0)
    await one.refresh_universe()
    await one.close()

    assert failures[0] is failures[1]
    assert asked == 2
    assert one.universe.chosen


async def test_without_a_universe_a_cycle_says_why(simulator, faulty):
    """The list of instruments could not be read: no rows, and that sentence."""
    await faulty("bybit", "/v5/market/instruments-info", "html200")
    one = VenueCollector(VENUES["bybit"], simulator.clock, simulator_url=simulator.url)

    with pytest.raises(VenueUnavailable):
        await one.refresh_universe()
    rows, record = await one.cycle()
    await one.close()

    assert rows == []
    assert record.asked == 0
    assert "no instruments chosen: bybit: list of instruments: HTML" in record.error


async def test_a_fault_of_ours_in_one_answer_costs_that_answer_only(collecting):
    """What else was answered is stored; the record names the fault and counts it."""
    one = await collecting("binance")
    bulk = one.venue.bulk
    broken = next(question for question in bulk if "mark" in question.columns)
    asked = tuple(replace(one, read=blown) if one is broken else one for one in bulk)
    one.venue = replace(one.venue, bulk=asked)

    with capture_logs() as lines:
        rows, record = await one.cycle()

    assert [row.price is not None for row in rows] == [True] * 5
    assert {row.mark for row in rows} == {None}
    assert record.error == (
        f"binance: {broken.name}: internal error while parsing the answer (RecursionError); "
        "see the log"
    )
    assert reasons(record) == {"answer:fault": 1}
    assert [line["exc_info"] for line in lines if line["log_level"] == "error"] == [True]


async def test_a_fault_of_ours_in_making_rows_leaves_a_record(collecting, monkeypatch):
    """No rows, but the cycle is there and says why."""
    one = await collecting("okx")
    monkeypatch.setattr("collector.cycles.snapshot_builder.snapshot", blown)

    with capture_logs() as lines:
        rows, record = await one.cycle()

    assert rows == []
    assert (
        record.error
        == "okx: rows: internal error while parsing the answer (RecursionError); see the log"
    )
    assert (record.answered, reasons(record)) == (0, {"answer:fault": 1})
    assert [line["exc_info"] for line in lines if line["log_level"] == "error"] == [True]


async def test_a_fault_of_ours_in_a_refresh_keeps_the_universe(collecting, monkeypatch):
    """It is an error of the venue's like any other, with its traceback in the log."""
    one = await collecting("okx")
    chosen = one.universe.chosen
    monkeypatch.setattr(one.universe, "refresh", blown)

    with capture_logs() as lines, pytest.raises(VenueUnavailable, match="internal error"):
        await one.refresh_universe()

    assert one.universe.chosen == chosen
    assert [line["exc_info"] for line in lines if line["log_level"] == "error"] == [True]


def blown(*_, **__):
    raise RecursionError("maximum recursion depth exceeded")


async def test_a_cycle_can_be_cancelled(collecting, faulty):
    """Whoever stops the collector does not wait for a venue that hangs."""
    one = await collecting("binance")
    await faulty("binance", "*", "hang")
    cycle = asyncio.create_task(one.cycle())
    await asyncio.sleep(0.1)

    cycle.cancel()

    with pytest.raises(asyncio.CancelledError):
        await cycle


async def test_the_venues_clocks_are_the_simulators(collecting, simulator):
    """A probe of each venue finds no more than the way there and back."""
    for name in SIMULATED:
        one = await collecting(name)
        asked_ts = simulator.clock.now()
        ahead_s, within_s = await one.client.clock_offset()
        assert abs(ahead_s) <= within_s + 0.001, "milliseconds are all that a venue tells"
        assert timedelta(seconds=2 * within_s) <= simulator.clock.now() - asked_ts
