"""One venue's history from the wire into a lake: complete, once, and never over live figures."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import UTC, timedelta

import aiohttp
import numpy as np
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from analytics.errors import LakeError
from analytics.lake.schema import BAR
from analytics.lake.writer import Lake
from collector.backfill import filling
from collector.backfill.plan import Stretch
from collector.backfill.rows import SCHEMA

BAR_MS = 300_000
SYMBOLS = {
    "binance": ["BTC", "PEPE", "币安人生"],
    "bybit": ["BTC", "PEPE"],
    "okx": ["BTC", "PEPE"],
}
BARS = """
    select * exclude (snapshot_count, known_ts, filled) from bars order by venue, symbol, ts
"""
"""What was filled in, whenever that was."""


def ms(moment):
    return int(moment.timestamp() * 1000)


async def spoil(simulator, **fault):
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{simulator.url}/simulator/faults", json=fault) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def unspoil(simulator):
    async with (
        aiohttp.ClientSession() as session,
        session.delete(f"{simulator.url}/simulator/faults") as answer,
    ):
        assert answer.status == 200


def near(found, expected, tolerance):
    """Whether two series agree, but for how many digits the wire writes."""
    return np.allclose(np.array(found, float), expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("name", SYMBOLS)
async def test_every_figure_is_the_markets_own(
    histories, fill, rows, market, simulator, refusals, day, name
):
    """Candles, open interest, ratios and funding of 24 h, of a long name and a thousandfold too."""
    history = await histories(name, *SYMBOLS[name])

    outcome = await fill(history, day)

    assert outcome.problems() == []
    assert refusals == []
    start, now = ms(day.start), simulator.now_ms()
    for one in history.collected.universe.chosen:
        found = [
            bar
            for bar in rows(f"select * from bars where symbol = '{one.symbol}' order by ts")
            if bar["ts"].replace(tzinfo=UTC) >= day.start
        ]
        column = {name: [bar[name] for bar in found] for name in found[0]}
        ask = (name, one.venue_id)
        candles = market.bars(*ask, BAR_MS, start, ms(day.end) - BAR_MS, now)
        ends = (BAR_MS, start + BAR_MS, ms(day.end))
        held, mark = market.open_interest(*ask, *ends).value, market.mark(*ask, *ends).value
        units = one.contract_size if one.oi_unit == "contracts" else 1
        assert [ms(bar["ts"].replace(tzinfo=UTC)) for bar in found] == candles.time_ms.tolist()
        for price in ("open", "high", "low", "close"):
            assert near(column[price], getattr(candles, price), 1e-12)
        assert near(column["volume_usd"], candles.turnover, 1e-9)
        # OKX writes whole contracts or tenths of one, so its coins are a little off.
        assert near(column["oi_base"], held * one.multiplier, 1e-9 if units == 1 else 1e-3)
        assert near(column["oi_usd"], held * mark, 1e-6 if name != "bybit" else 2e-3)
        ratio = market.ratio(*ask, "accounts", *ends).value
        assert near(column["ls_accounts"], ratio, 1e-3)
        if name == "binance":
            assert near(column["taker_buy_usd"], candles.taker_buy_turnover, 1e-9)
        if name != "bybit":
            top = market.ratio(*ask, "top_positions", *ends).value
            assert near(column["ls_top_positions"], top, 1e-3)
        for paid, rate in zip(*_funding(market, ask, day), strict=True):
            period = [bar for bar in found if bar["funding_rate"] is not None]
            before = next(b for b in period if b["ts"].replace(tzinfo=UTC) == paid - BAR)
            assert math.isclose(before["funding_rate"], rate, abs_tol=1e-9)


def _funding(market, ask, day):
    series = market.funding(*ask, ms(day.start) + BAR_MS, ms(day.end))
    epoch = day.start - timedelta(milliseconds=ms(day.start))
    return [epoch + timedelta(milliseconds=at) for at in series.time_ms.tolist()], series.value


async def test_the_volume_of_the_day_before_every_bar_is_known(histories, fill, rows, day):
    """The first bar of the stretch has the volume of 24 h too: klines go back a day further."""
    history = await histories("bybit", "BTC")

    await fill(history, day)

    bars = rows("select ts, volume_usd, volume_24h_usd from bars order by ts")
    volumes = [bar["volume_usd"] for bar in bars]
    assert len(bars) == 2 * 288
    assert [bar["volume_24h_usd"] for bar in bars[:287]] == [None] * 287
    for place in range(287, 576):
        wanted = math.fsum(volumes[place - 287 : place + 1])
        assert math.isclose(bars[place]["volume_24h_usd"], wanted, rel_tol=1e-12)


async def test_a_settled_rate_comes_with_its_interval(histories, fill, rows, day):
    """币安人生 pays every 4 hours, BTC every 8; the running period is not settled yet."""
    history = await histories("binance", "BTC", "币安人生")

    await fill(history, day)

    found = rows(
        "select base, funding_interval_h as h, max(ts) as last, count(*) as bars from bars "
        "where funding_rate is not null group by all order by base"
    )
    ends = {row["base"]: row["last"].replace(tzinfo=UTC) + BAR for row in found}
    assert {row["base"]: (row["h"], row["bars"]) for row in found} == {
        "BTC": (8, 240),
        "币安人生": (4, 288),
    }
    assert ends == {"BTC": day.end - timedelta(hours=4), "币安人生": day.end}


@pytest.mark.parametrize("name", SYMBOLS)
async def test_the_second_time_asks_and_stores_nothing(histories, fill, rows, simulator, day, name):
    """What is known is not asked for again, and nothing is stored twice."""
    history = await histories(name, *SYMBOLS[name])
    await fill(history, day)
    before, asked = rows(BARS), simulator.requests[name].total()

    outcome = await fill(history, day)

    assert outcome.requests == 0
    assert (outcome.counts.added, outcome.counts.filled) == (0, 0)
    assert simulator.requests[name].total() == asked
    assert rows(BARS) == before


async def test_stopped_midway_and_run_again_equals_one_that_was_not_stopped(
    histories, fill, rows, tmp_path, day
):
    """What was heard by then is stored; the second run asks for the rest only."""
    interrupted = await histories("okx", "BTC", "PEPE")
    done = asyncio.Event()
    running = asyncio.create_task(
        interrupted.fill(day, lambda _what, count, _total: done.set() if count >= 9 else None)
    )
    await done.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    halfway = len(rows("select 1 from bars where close is not null"))

    second = await fill(interrupted, day)
    with Lake(tmp_path / "other", origin="simulator", reserve_bytes=0) as other:
        whole = await fill(await histories("okx", "BTC", "PEPE", lake=other), day)
        expected = rows(BARS, lake=other)

    assert running.cancelled()
    assert halfway > 0
    assert second.requests <= whole.requests - 7
    assert rows(BARS) == expected


async def test_what_was_collected_live_stays_as_it_was(histories, fill, rows, lake, day):
    """A live bar keeps its figures, origin and count; only what it does not know is filled in."""
    history = await histories("bybit", "BTC")
    start = day.end - 12 * BAR
    live = [
        {
            "venue": "bybit",
            "symbol": "BTC/USDT:USDT",
            "base": "BTC",
            "ts": (start + place * BAR).replace(tzinfo=None),
            **dict.fromkeys(("open", "high", "low", "close"), 5.0),
            "oi_usd": 123.0,
            "ls_accounts": 9.0 if place % 2 else None,
            "snapshot_count": 10,
            "origin": "live",
        }
        for place in range(12)
        if place != 6
    ]
    lake.append(("bars", pa.Table.from_pylist(live, schema=SCHEMA)))

    await fill(history, day)

    after = rows(f"select * from bars where ts >= '{start:%Y-%m-%d %H:%M}' order by ts")
    assert len(after) == 12
    for place, bar in enumerate(after):
        if place == 6:
            assert (bar["origin"], bar["snapshot_count"]) == ("backfill", 0)
            assert bar["close"] > 5.0
            continue
        assert (bar["origin"], bar["snapshot_count"], bar["close"]) == ("live", 10, 5.0)
        assert bar["oi_usd"] == 123.0
        assert (bar["ls_accounts"] == 9.0) == (place % 2 == 1)
        assert bar["ls_accounts"] is not None
        assert bar["volume_usd"] is not None
        assert bar["oi_base"] is not None


async def test_snapshots_without_a_bar_become_live_bars_first(histories, fill, rows, lake, day):
    """After a crash the last minutes lie in snapshots only: they are not filled in over."""
    history = await histories("binance", "BTC")
    snapshots, record = await history.collected.cycle()
    lake.append_records([*snapshots, record])
    heard = snapshots[0].received_ts
    after = Stretch(day.start, heard - timedelta(seconds=heard.timestamp() % 300) + BAR)
    await history._clock.sleep(max(0.0, (after.end - heard).total_seconds() + 1))

    await fill(history, after)

    (newest,) = rows("select * from bars order by ts desc limit 1")
    assert (newest["origin"], newest["snapshot_count"]) == ("live", 1)
    assert newest["mark"] == snapshots[0].mark
    assert newest["volume_usd"] is not None


async def test_a_piece_that_fails_is_named_and_the_rest_goes_on(
    histories, fill, rows, simulator, day
):
    """One pair's open interest does not answer; all else is there, and next time that is too."""
    history = await histories("binance", "BTC", "PEPE")
    path = "/futures/data/openInterestHist"
    await spoil(simulator, venue="binance", path=path, kind="status", status=503, symbol="BTCUSDT")

    outcome = await fill(history, day)

    assert outcome.failures == 1
    assert "binance: open interest of BTCUSDT" in outcome.problems()[0]
    counted = "select base, count(oi_usd) as oi, count(ls_accounts) as ls from bars group by base"
    found = {row["base"]: (row["oi"], row["ls"]) for row in rows(counted)}
    assert found == {"BTC": (0, 288), "PEPE": (288, 288)}
    await unspoil(simulator)
    again = await fill(history, day)
    assert again.requests == 1
    assert {row["oi"] for row in rows(counted)} == {288}


async def test_a_fault_of_ours_in_a_page_costs_that_page(
    histories, fill, rows, simulator, day, monkeypatch
):
    """It is named like any failure, with its traceback in the log; the rest is stored."""
    bars_of = filling.bars_of

    def blown(piece, said):
        if piece.history.question.name == "funding":
            raise RecursionError("maximum recursion depth exceeded")
        return bars_of(piece, said)

    monkeypatch.setattr(filling, "bars_of", blown)
    history = await histories("bybit", "BTC")

    with capture_logs() as lines:
        outcome = await fill(history, day)

    assert any(
        "internal error while parsing the answer (RecursionError)" in one
        for one in outcome.problems()
    )
    assert {line["what"] for line in lines if line.get("exc_info")} == {"funding"}
    counted = (
        "select count(close)::integer as prices, count(funding_rate)::integer as rates "
        f"from bars where ts >= '{day.start:%Y-%m-%d %H:%M}'"
    )
    assert rows(counted) == [{"prices": 288, "rates": 0}]


async def test_what_cannot_be_true_is_left_out_and_counted(histories, fill, rows, simulator, day):
    """A negative price is no price."""
    history = await histories("bybit", "BTC")
    await spoil(simulator, venue="bybit", path="/v5/market/kline", kind="negative")

    outcome = await fill(history, day)

    assert rows("select count(close) as known from bars")[0]["known"] == 0
    assert any("close: zero or negative" in problem for problem in outcome.problems())


async def test_an_answer_without_rows_is_asked_for_once(histories, fill, simulator, day):
    """A stretch that the venue has nothing of is no failure, and no loop."""
    history = await histories("okx", "BTC")
    path = "/api/v5/rubik/stat/contracts/open-interest-history"
    await spoil(simulator, venue="okx", path=path, kind="empty")

    outcome = await fill(history, day)

    assert outcome.problems() == []
    assert simulator.requests["okx"][path] == 3
    (covered,) = [one for one in outcome.covered if one.what == "open interest"]
    assert (covered.now, covered.expected, covered.coverage_pct) == (0, 288, 0.0)


async def test_a_silence_that_the_venue_asks_for_is_waited_out(
    histories, fill, rows, simulator, day
):
    """One 429 costs its pause, not the history."""
    history = await histories("okx", "BTC")
    path = "/api/v5/market/history-candles"
    await spoil(simulator, venue="okx", path=path, kind="status", status=429, count=1)

    outcome = await fill(history, day)

    assert outcome.problems() == []
    assert rows("select count(close) as known from bars")[0]["known"] == 576


async def test_a_venue_that_forbids_is_asked_no_further(histories, fill, simulator, day):
    """Blocked by region: one sentence, and no more requests."""
    history = await histories("binance", "BTC", "PEPE", "ETH", "SOL")
    await spoil(simulator, venue="binance", path="/fapi/v1/klines", kind="status", status=451)

    outcome = await fill(history, day)

    assert "stopped asking" in outcome.problems()[0]
    assert simulator.requests["binance"]["/fapi/v1/klines"] <= 2
    assert simulator.requests["binance"]["/futures/data/openInterestHist"] == 0


async def test_a_history_that_keeps_failing_is_given_up_and_the_others_are_not(
    histories, fill, simulator, day
):
    """Eight in a row are enough to know."""
    history = await histories("binance", top_n=15)
    path = "/futures/data/topLongShortAccountRatio"
    await spoil(simulator, venue="binance", path=path, kind="status", status=503)

    outcome = await fill(history, day)

    assert 8 <= simulator.requests["binance"][path] <= 9
    assert simulator.requests["binance"]["/futures/data/topLongShortPositionRatio"] == 15
    assert any("given up" in problem for problem in outcome.problems())


async def test_a_lake_that_refuses_ends_it(histories, day, monkeypatch):
    """There is no use in asking for what cannot be stored."""
    history = await histories("bybit", "BTC")

    def refuse(_bars):
        raise LakeError("the disk is full")

    monkeypatch.setattr(history._lake, "fill_bars", refuse)

    with pytest.raises(LakeError, match="disk is full"):
        await history.fill(day, lambda *_: None)


async def test_two_at_once_ask_for_everything_once(histories, fill, simulator, day):
    """The command beside the start: the second finds that nothing is missing any more."""
    history = await histories("bybit", "BTC")

    first, second = await asyncio.gather(fill(history, day), fill(history, day))

    assert sorted((first.requests, second.requests)) == [0, 5]


async def test_live_questions_and_history_keep_the_budget_together(
    histories, fill, simulator, refusals, day
):
    """Cycles beside a filling in: nothing is refused, and no cycle goes short."""
    history = await histories("binance", top_n=10)
    filling = asyncio.create_task(fill(history, day))
    cycles = []

    while not filling.done():
        await history.collected.refresh_long_short()
        cycles.append((await history.collected.cycle())[1])

    assert (await filling).problems() == []
    assert refusals == []
    assert {(cycle.answered, cycle.skipped, cycle.error) for cycle in cycles} == {(10, 0, None)}


async def test_progress_ends_where_it_said_it_would(histories, day):
    """A bar that fills up, and the coverage that people read, also after its way as JSON."""
    history = await histories("bybit", "BTC")
    seen = []

    outcome = await history.fill(day, lambda *step: seen.append(step))

    assert seen == [("requests", done, 5) for done in range(6)]
    said = [json.loads(json.dumps(one.as_json())) for one in outcome.covered]
    assert [type(one).from_json(fields) for one, fields in zip(outcome.covered, said, strict=True)]
    assert {one.coverage_pct for one in outcome.covered} == {100.0}
