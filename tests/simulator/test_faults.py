"""Each fault on request: what the client gets, and that it ends when it should."""

from __future__ import annotations

import asyncio
import math

import aiohttp
import ccxt
import pytest

from simulator.rest.faults import KINDS, Faults

TICKERS = "/binance/fapi/v1/ticker/24hr"
INTEREST = "/binance/fapi/v1/openInterest"
DEPTH = "/binance/fapi/v1/depth"
BYBIT = "/bybit/v5/market/tickers"
OKX = "/okx/api/v5/market/tickers"
HOUR = 3_600_000


@pytest.fixture
def inject(http):
    """Put a fault in force; the path may carry the venue's prefix as in a URL."""

    async def inject(url, kind, **more):
        _, venue, *rest = url.split("/")
        path = "/" + "/".join(rest) if rest else "*"
        fault = {"venue": venue, "path": path, "kind": kind, **more}
        async with http.post("/simulator/faults", json=fault) as response:
            assert response.status == 200, await response.text()

    return inject


@pytest.fixture
def fetch(http):
    """Ask for JSON, with the parameters as keywords."""

    async def fetch(url, **query):
        async with http.get(url, params=query) as response:
            return await response.json(content_type=None)

    return fetch


async def test_a_page_with_status_200(http, inject):
    await inject(TICKERS, "html200")

    async with http.get(TICKERS) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert "<html>" in await response.text()


async def test_an_empty_list_in_the_venues_envelope(inject, fetch):
    for url in (TICKERS, BYBIT, OKX):
        await inject(url, "empty")

    assert await fetch(TICKERS) == []
    assert (await fetch(BYBIT, category="linear"))["result"]["list"] == []
    answer = await fetch(OKX, instType="SWAP")
    assert (answer["code"], answer["data"]) == ("0", [])


async def test_no_body_at_all(http, inject):
    await inject(OKX, "empty_body")

    async with http.get(OKX, params={"instType": "SWAP"}) as response:
        assert (response.status, await response.read()) == (200, b"")


@pytest.mark.parametrize(
    ("kind", "written"),
    [("text_numbers", "n/a"), ("nan", "NaN"), ("infinite", "Infinity"), ("zero", "0")],
)
async def test_figures_that_are_none(inject, fetch, kind, written):
    """Prices and amounts are spoiled; names, times and counters stay."""
    whole = await fetch(TICKERS, symbol="BTCUSDT")
    await inject("/binance", kind)
    await inject("/bybit", kind)
    await inject("/okx", kind)

    row = await fetch(TICKERS, symbol="BTCUSDT")
    assert row["lastPrice"] == row["quoteVolume"] == written
    assert row["symbol"] == "BTCUSDT"
    assert row["closeTime"] == whole["closeTime"]
    depth = await fetch(DEPTH, symbol="BTCUSDT", limit="5")
    assert depth["bids"][0] == [written, written]
    candle = (await fetch("/binance/fapi/v1/klines", symbol="BTCUSDT", interval="5m"))[0]
    assert isinstance(candle[0], int)
    assert candle[1:6] == [written] * 5
    bybit = (await fetch(BYBIT, category="linear"))["result"]["list"][0]
    assert bybit["openInterestValue"] == written
    assert bybit["nextFundingTime"].isdigit()
    okx = (await fetch(OKX, instType="SWAP"))["data"][0]
    assert okx["last"] == written
    assert okx["ts"].isdigit()


async def test_negative_figures(inject, fetch):
    await inject(INTEREST, "negative")

    assert float((await fetch(INTEREST, symbol="BTCUSDT"))["openInterest"]) < 0


async def test_a_fault_of_one_symbol_leaves_the_others_alone(inject, fetch):
    await inject(TICKERS, "nan", symbol="ETHUSDT")

    rows = {row["symbol"]: row for row in await fetch(TICKERS)}

    assert rows["ETHUSDT"]["lastPrice"] == "NaN"
    assert math.isfinite(float(rows["BTCUSDT"]["lastPrice"]))
    assert (await fetch(TICKERS, symbol="BTCUSDT"))["lastPrice"] != "NaN"


async def test_every_row_twice(inject, fetch):
    whole = await fetch(TICKERS)
    await inject(TICKERS, "duplicate")

    twice = await fetch(TICKERS)

    assert len(twice) == 2 * len(whole)
    assert twice[0] == twice[1]


async def test_a_symbol_vanishes_everywhere(clients, inject, fetch):
    for venue, symbol in (
        ("binance", "币安人生USDT"),
        ("bybit", "XRPUSDT"),
        ("okx", "XRP-USDT-SWAP"),
    ):
        await inject(f"/{venue}", "vanish", symbol=symbol)

    assert "币安人生USDT" not in {row["symbol"] for row in await fetch(TICKERS)}
    assert "币安人生/USDT:USDT" not in await clients.binance.load_markets()
    with pytest.raises(ccxt.BadSymbol, match="-1121"):
        await clients.binance.fapiPublicGetOpenInterest({"symbol": "币安人生USDT"})
    with pytest.raises(ccxt.BadRequest, match="10001"):
        await clients.bybit.publicGetV5MarketTickers({"category": "linear", "symbol": "XRPUSDT"})
    with pytest.raises(ccxt.BadSymbol, match="51001"):
        await clients.okx.publicGetMarketTicker({"instId": "XRP-USDT-SWAP"})
    assert (await fetch(INTEREST, symbol="BTCUSDT"))["symbol"] == "BTCUSDT"


async def test_a_crossed_book(inject, fetch):
    for venue in ("binance", "bybit", "okx"):
        await inject(f"/{venue}", "crossed_book")

    depth = await fetch(DEPTH, symbol="BTCUSDT", limit="5")
    assert float(depth["bids"][0][0]) > float(depth["asks"][0][0])
    row = (await fetch(BYBIT, category="linear"))["result"]["list"][0]
    assert float(row["bid1Price"]) > float(row["ask1Price"])
    row = (await fetch(OKX, instType="SWAP"))["data"][0]
    assert float(row["bidPx"]) > float(row["askPx"])


async def test_times_an_hour_old(inject, fetch):
    index = "/binance/fapi/v1/premiumIndex"
    before = await fetch(index, symbol="BTCUSDT")
    okx_before = (await fetch(OKX, instType="SWAP"))["data"][0]
    await inject("/binance", "stale_time")
    await inject("/okx", "stale_time")

    after = await fetch(index, symbol="BTCUSDT")
    okx_after = (await fetch(OKX, instType="SWAP"))["data"][0]

    assert after["time"] == before["time"] - HOUR
    assert after["nextFundingTime"] == before["nextFundingTime"]
    assert after["markPrice"] == before["markPrice"]
    assert int(okx_after["ts"]) == int(okx_before["ts"]) - HOUR


async def test_a_body_cut_in_the_middle(http, inject):
    async with http.get(TICKERS) as response:
        whole = await response.read()
    await inject(TICKERS, "truncated")

    async with http.get(TICKERS) as response:
        assert await response.read() == whole[: len(whole) // 2]


@pytest.mark.parametrize("status", [403, 418, 429, 451, 500, 503])
@pytest.mark.parametrize("url", [TICKERS, BYBIT, OKX])
async def test_a_status_with_the_venues_own_body(http, inject, url, status):
    await inject(url, "status", status=status)

    async with http.get(url, params={"category": "linear", "instType": "SWAP"}) as response:
        assert response.status == status
        assert await response.text()
        assert ("Retry-After" in response.headers) == (status in {418, 429})


@pytest.mark.parametrize(
    ("venue", "status", "error", "text"),
    [
        ("binance", 451, ccxt.ExchangeNotAvailable, "restricted location"),
        ("binance", 418, ccxt.DDoSProtection, "banned until"),
        ("bybit", 403, ccxt.ExchangeError, "CloudFront"),
        ("okx", 429, ccxt.RateLimitExceeded, "50011"),
        ("okx", 503, ccxt.OnMaintenance, "50001"),
    ],
)
async def test_ccxt_reads_the_refusals_as_it_does_real_ones(
    clients, inject, venue, status, error, text
):
    await inject(f"/{venue}", "status", status=status)

    with pytest.raises(error, match=text):
        await getattr(clients, venue).fetch_time()


async def test_silence_until_the_client_gives_up(http, inject):
    await inject(INTEREST, "hang")

    with pytest.raises(TimeoutError):
        async with http.get(
            INTEREST,
            params={"symbol": "BTCUSDT"},
            timeout=aiohttp.ClientTimeout(total=0.05),
        ):
            pass
    async with http.get(TICKERS) as response:
        assert response.status == 200


async def test_a_delay_on_the_wall_clock(inject, fetch):
    await inject(INTEREST, "delay", seconds=0.08)
    loop = asyncio.get_running_loop()
    started = loop.time()

    row = await fetch(INTEREST, symbol="BTCUSDT")

    assert row["symbol"] == "BTCUSDT"
    assert loop.time() - started >= 0.08


async def test_a_fault_ends_after_its_count(inject, fetch):
    await inject(TICKERS, "empty", count=2)

    lengths = [len(await fetch(TICKERS)) for _ in range(3)]

    assert lengths[:2] == [0, 0]
    assert lengths[2] > 0


async def test_faults_add_up(inject, fetch):
    await inject(TICKERS, "duplicate")
    await inject(TICKERS, "zero", symbol="BTCUSDT")

    rows = [row for row in await fetch(TICKERS) if row["symbol"] == "BTCUSDT"]

    assert [row["lastPrice"] for row in rows] == ["0", "0"]


async def test_faults_are_listed_and_cleared(http, inject, fetch):
    await inject(TICKERS, "empty")
    listed = (await fetch("/simulator/faults"))["faults"]

    async with http.delete("/simulator/faults") as response:
        assert await response.json() == {"faults": []}

    assert [(fault["venue"], fault["kind"]) for fault in listed] == [("binance", "empty")]
    assert len(await fetch(TICKERS)) > 0


async def test_answers_are_whole_again_after_a_fault(inject, fetch, http):
    """A spoiled answer must never be the one that is kept for the others."""
    whole = await fetch(TICKERS)
    await inject(TICKERS, "zero", count=1)
    await fetch(TICKERS)

    assert await fetch(TICKERS) == whole


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"kind": "explode"}, "kind must be one of"),
        ({"venue": "nasdaq"}, "venue must be one of"),
        ({"path": "fapi"}, "path must be"),
        ({"count": 0}, "count must be"),
        ({"status": 404}, "status must be"),
        ({"seconds": -1}, "seconds must be"),
        ({"symbol": 5}, "symbol must be"),
        ({"colour": "red"}, "unknown keys: colour"),
    ],
)
async def test_refuses_a_fault_it_does_not_know(http, wanted, complaint):
    fault = {"venue": "binance", "path": "*", "kind": "empty"} | wanted

    async with http.post("/simulator/faults", json=fault) as response:
        assert response.status == 400
        assert complaint in (await response.json())["error"]


@pytest.mark.parametrize("body", [b"[]", b"{", b""])
async def test_refuses_what_is_no_fault(http, body):
    async with http.post("/simulator/faults", data=body) as response:
        assert response.status == 400
        assert "error" in await response.json()


def test_every_kind_can_be_put_in_force():
    faults = Faults()
    for kind in KINDS:
        faults.add({"venue": "okx", "path": "/api/v5", "kind": kind})

    assert [fault["kind"] for fault in faults.listed()] == list(KINDS)
