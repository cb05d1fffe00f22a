import asyncio
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import ccxt
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from analytics.errors import RateLimited, VenueForbidden, VenueRejected, VenueUnavailable
from collector.runtime.budget import Budget
from collector.runtime.clock import Clock
from collector.venues import VENUES
from collector.venues.client import RequestStats, VenueClient, listing
from collector.venues.http_errors import Circumstances, Reply, retry_at, translated

HTML = "<html><body>Just a moment...</body></html>"
CLOUDFRONT = {
    "error": "The Amazon CloudFront distribution is configured to block access from your country."
}
BANNED_MS = 4_000_000_000_000

TICKER = {"symbol": "BTCUSDT", "lastPrice": "1", "openPrice": "1", "quoteVolume": "1"}
GOOD = {
    "binance": [TICKER],
    "bybit": {"retCode": 0, "result": {"list": [{"symbol": "BTCUSDT", "lastPrice": "1"}]}},
    "okx": {"code": "0", "data": [{"instId": "BTC-USDT-SWAP", "last": "1"}]},
}


class Wire:
    """A venue's end of the wire: one answer for whatever is asked."""

    def __init__(self):
        self.status, self.headers, self.body = 200, {}, GOOD["binance"]
        self.requests = 0
        self.hangs = False

    async def answer(self, request):
        self.requests += 1
        if self.hangs:
            await asyncio.sleep(60)
        if self.body is None:
            request.transport.abort()
            return web.Response()
        is_text = isinstance(self.body, str)
        return web.Response(
            status=self.status,
            headers=self.headers,
            text=self.body if is_text else json.dumps(self.body),
            content_type="text/html" if is_text else "application/json",
        )


@pytest.fixture
async def wire():
    """A server on loopback that answers what the test wants."""
    wire = Wire()
    app = web.Application()
    app.router.add_get("/{path:.*}", wire.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    wire.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield wire
    await runner.cleanup()


@pytest.fixture
async def connected():
    """Makes clients of a venue whose real ccxt speaks to an address on loopback."""
    clients = []

    def make(name, url, timeout_s=20.0, clock=None):
        clock = clock if clock is not None else Clock()
        budget = Budget(VENUES[name].limits, clock, requests_per_s=1000)
        client = VenueClient(VENUES[name], clock, budget, simulator_url=url, timeout_s=timeout_s)
        clients.append(client)
        client.budget = budget
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.mark.parametrize("name", ["binance", "bybit", "okx"])
@pytest.mark.parametrize(
    ("status", "body", "error", "reason"),
    [
        (451, HTML, VenueForbidden, "region blocked (HTTP 451)"),
        (451, {"code": 0, "msg": "restricted location"}, VenueForbidden, "HTTP 451"),
        (403, CLOUDFRONT, VenueForbidden, "region blocked (HTTP 403)"),
        (403, f"{HTML} blocks access from your country", VenueForbidden, "region blocked"),
        (429, HTML, RateLimited, "too many requests (HTTP 429)"),
        (429, {}, RateLimited, "too many requests (HTTP 429)"),
        (418, {}, RateLimited, "too many requests (HTTP 418)"),
        (500, HTML, VenueUnavailable, "HTTP 500"),
        (503, {}, VenueUnavailable, "HTTP 503"),
        (504, HTML, VenueUnavailable, "HTTP 504"),
        (404, HTML, VenueUnavailable, "HTTP 404"),
        (200, HTML, VenueUnavailable, "HTML instead of JSON"),
        (200, "", VenueUnavailable, "empty answer"),
        (200, "OK", VenueUnavailable, "not JSON"),
        (200, '[{"symbol": "BTCUSDT", "last', VenueUnavailable, "invalid JSON"),
        (200, {}, VenueUnavailable, "unexpected JSON"),
        (
            200,
            {"data": 5, "result": [], "code": "0", "retCode": 0},
            VenueUnavailable,
            "unexpected JSON",
        ),
    ],
)
async def test_says_what_to_do_about_each_failure(
    wire, connected, name, status, body, error, reason
):
    """The same on every venue, whichever of its forty classes ccxt picks."""
    wire.status, wire.body = status, body
    client = connected(name, wire.url)

    with pytest.raises(error) as caught:
        await client.ask(VENUES[name].bulk[0])

    assert type(caught.value) is error
    assert reason in str(caught.value)
    assert str(caught.value).startswith(f"{name}: {VENUES[name].bulk[0].name}: ")


@pytest.mark.parametrize(
    ("name", "status", "body", "error", "reason"),
    [
        (
            "binance",
            400,
            {"code": -1121, "msg": "Invalid symbol."},
            VenueRejected,
            "Invalid symbol.",
        ),
        ("binance", 200, {"code": -1003, "msg": "Too many requests."}, RateLimited, "Too many"),
        ("binance", 503, {"code": -1008, "msg": "Overloaded."}, VenueUnavailable, "Overloaded."),
        ("binance", 403, HTML, RateLimited, "HTTP 403"),
        ("okx", 403, "<html>Generated by CloudFront</html>", VenueUnavailable, "HTTP 403"),
        ("bybit", 403, HTML, RateLimited, "HTTP 403"),
        ("bybit", 200, {"retCode": 10001, "retMsg": "params error"}, VenueRejected, "params error"),
        ("bybit", 200, {"retCode": 10006, "retMsg": "Too many visits!"}, RateLimited, "visits"),
        ("bybit", 200, {"retCode": 10016, "retMsg": "Server error"}, VenueUnavailable, "Server"),
        ("bybit", 200, {"retCode": 10024, "retMsg": "compliance rules"}, VenueForbidden, "region"),
        ("okx", 429, {"code": "50011", "msg": "Too Many Requests"}, RateLimited, "Too Many"),
        ("okx", 200, {"code": "50011", "msg": "Too Many Requests"}, RateLimited, "Too Many"),
        ("okx", 200, {"code": "50001", "msg": "paused"}, VenueUnavailable, "under maintenance"),
        ("okx", 200, {"code": "50026", "msg": "System error"}, VenueUnavailable, "System error"),
        ("okx", 400, {"code": "51001", "msg": "No such instrument"}, VenueRejected, "No such"),
    ],
)
async def test_understands_each_venues_own_words(
    wire, connected, name, status, body, error, reason
):
    """Codes mean different things at different venues."""
    wire.status, wire.body = status, body

    with pytest.raises(error) as caught:
        await connected(name, wire.url).ask(VENUES[name].bulk[0])

    assert type(caught.value) is error
    assert reason in str(caught.value)


CLOUDFLARE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>'
    "<script>(function(){window._cf_chl_opt={cvId: '3'};}());</script></body></html>"
)
BLOCKED = "<html>Error 1009: The owner has banned the country or region your address is in</html>"


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        pytest.param({}, CLOUDFLARE, RateLimited, id="page"),
        pytest.param({"CF-Mitigated": "challenge"}, "<html></html>", RateLimited, id="header"),
        pytest.param({}, "<html>Please solve this CAPTCHA</html>", RateLimited, id="captcha"),
        pytest.param({}, BLOCKED, VenueForbidden, id="region, by the same firewall"),
        pytest.param({}, json.dumps(CLOUDFRONT), VenueForbidden, id="region"),
    ],
)
def test_a_bot_challenge_asks_for_silence_and_a_region_is_final(name, headers, body, error):
    """On every venue, whether or not it lists 403 itself: a firewall may stand before any."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    busy = VENUES[name].busy
    at = Circumstances(name, "tickers", busy, 10.0, now)

    ours = translated(ccxt.ExchangeNotAvailable("403"), Reply(403, headers, body), at)

    assert type(ours) is error
    if error is RateLimited:
        assert "bot challenge (HTTP 403)" in str(ours)
        silence_s = busy.get("403", busy["429"])
        assert ours.retry_at == now + timedelta(seconds=silence_s)
        assert silence_s >= 10


async def test_a_challenge_pauses_the_budget(wire, connected):
    """OKX is then left alone for as long as after a 429."""
    wire.status, wire.body = 403, CLOUDFLARE
    client = connected("okx", wire.url)

    with pytest.raises(RateLimited):
        await client.ask(VENUES["okx"].bulk[0])

    assert client.budget.paused_until is not None


@pytest.mark.parametrize(
    ("status", "headers", "body", "silence_s"),
    [
        pytest.param(429, {"Retry-After": "17"}, {}, 17, id="seconds"),
        pytest.param(418, {"retry-after": "300"}, {}, 300, id="any case"),
        pytest.param(429, {}, {}, 60, id="not said after 429"),
        pytest.param(418, {}, {}, 120, id="not said after 418"),
        pytest.param(429, {"Retry-After": "soon"}, {}, 60, id="unreadable"),
        pytest.param(429, {"Retry-After": "0"}, {}, 60, id="no time at all"),
        pytest.param(
            418,
            {},
            {"code": -1003, "msg": f"IP banned until {BANNED_MS}."},
            3 * 86400,
            id="in the body, and never over three days",
        ),
    ],
)
async def test_is_silent_for_as_long_as_the_venue_says(
    wire, connected, clock, status, headers, body, silence_s
):
    """And asks nothing at all before, of whatever kind."""
    wire.status, wire.headers, wire.body = status, headers, body
    client = connected("binance", wire.url, clock=clock)

    with pytest.raises(RateLimited) as caught:
        await client.ask(VENUES["binance"].bulk[0])
    with pytest.raises(RateLimited, match="no requests until"):
        await client.ask(VENUES["binance"].bulk[1])

    assert caught.value.retry_at - clock.now() == timedelta(seconds=silence_s)
    assert client.budget.paused_until == caught.value.retry_at
    assert wire.requests == 1


async def test_silence_that_has_to_be_asked_for_again_lasts_longer(wire, connected, clock):
    """A venue that names no time and repeats itself is given twice as long."""
    wire.status, wire.body = 418, {}
    client = connected("binance", wire.url, clock=clock)
    pauses = []

    for _ in range(3):
        with pytest.raises(RateLimited) as caught:
            await client.ask(VENUES["binance"].bulk[0])
        pauses.append((caught.value.retry_at - clock.now()).total_seconds())
        await clock.sleep(pauses[-1])

    assert pauses == [120, 240, 480]


async def test_takes_over_what_the_venue_counted(wire, connected):
    """Others on the same address spend as well: 1200 of 2400 is half."""
    wire.headers = {"X-MBX-USED-WEIGHT-1M": "1200"}
    client = connected("binance", wire.url)

    await client.ask(VENUES["binance"].bulk[0])

    assert client.budget.used_pct() == pytest.approx(50)


async def test_says_that_nobody_listens(connected, unused_tcp_port):
    """In words, not in a traceback."""
    client = connected("binance", f"http://127.0.0.1:{unused_tcp_port}")

    with pytest.raises(VenueUnavailable, match="ticker: connection refused"):
        await client.ask(VENUES["binance"].bulk[0])


async def test_says_that_a_name_is_not_known(cut_client):
    """What aiohttp raises where a name does not resolve, as ccxt hands it on."""
    key = ConnectionKey("fapi.binance.com", 443, True, True, None, None, None)
    error = ccxt.ExchangeNotAvailable("binanceusdm GET https://fapi.binance.com")
    error.__cause__ = aiohttp.ClientConnectorDNSError(key, OSError("Name or service not known"))

    with pytest.raises(VenueUnavailable, match="ticker: DNS lookup failed"):
        await cut_client("binance", error).ask(VENUES["binance"].bulk[0])


async def test_says_that_there_was_no_answer_in_time(wire, connected):
    """And how long it waited."""
    wire.hangs = True
    client = connected("okx", wire.url, timeout_s=0.2)

    with pytest.raises(VenueUnavailable, match=r"tickers: timeout after 0\.2 s"):
        await client.ask(VENUES["okx"].bulk[0])


async def test_says_that_the_connection_broke(wire, connected):
    """The other side hung up in the middle."""
    wire.body = None
    client = connected("bybit", wire.url)

    with pytest.raises(VenueUnavailable, match="tickers: connection reset"):
        await client.ask(VENUES["bybit"].bulk[0])


async def test_cancellation_is_not_an_error_of_the_venue(wire, connected):
    """Whoever stops the collector gets to stop it."""
    wire.hangs = True
    client = connected("binance", wire.url)
    asking = asyncio.create_task(client.ask(VENUES["binance"].bulk[0]))
    await asyncio.sleep(0.05)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
async def test_a_figure_that_json_does_not_know_spoils_only_itself(wire, connected, literal):
    """ccxt's decoder gives up on the whole answer; the rest of it is still read."""
    text = json.dumps([TICKER]).replace('"lastPrice": "1"', f'"lastPrice": {literal}')
    wire.body = text
    client = connected("binance", wire.url)

    ((venue_id, fields),) = (await client.ask(VENUES["binance"].bulk[0])).rows

    assert venue_id == "BTCUSDT"
    assert fields["price_24h_ago"] == 1.0
    assert not -1e300 < fields["price"] < 1e300


async def test_odd_rows_do_not_disturb_the_others(wire, connected):
    """Null, a number, a list and a row without a name among good ones."""
    wire.body = [None, 5, [], {"symbol": ["x"]}, {"symbol": "BTCUSDT", "lastPrice": {}}, TICKER]
    client = connected("binance", wire.url)

    rows = (await client.ask(VENUES["binance"].bulk[0])).rows

    assert [venue_id for venue_id, _ in rows] == [None, None, None, None, "BTCUSDT", "BTCUSDT"]


async def test_counts_what_it_asked(wire, connected):
    """Requests, and how long each answer took."""
    stats = RequestStats()
    client = connected("binance", wire.url)

    await client.ask(VENUES["binance"].bulk[0], stats=stats)

    assert stats.requests == 1
    assert 0 < stats.latencies_ms[0] < 2000


@pytest.mark.parametrize("name", ["binance", "bybit", "okx"])
@pytest.mark.parametrize("body", [HTML, "", "[]", {}, {"retCode": 0, "code": "0"}, [1, 2]])
async def test_a_list_of_instruments_that_is_none_is_an_error(wire, connected, name, body):
    """Never an empty universe, never an error of Python's own."""
    wire.body = body
    client = connected(name, wire.url)

    with pytest.raises(VenueUnavailable, match=f"{name}: list of instruments: "):
        await client.listings()


GOOD_LIST = {
    "binance": {
        "symbol": "BTCUSDT",
        "pair": "BTCUSDT",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "filters": [],
    },
    "bybit": {
        "symbol": "BTCUSDT",
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
    },
    "okx": {
        "instId": "BTC-USDT-SWAP",
        "instType": "SWAP",
        "uly": "BTC-USDT",
        "instFamily": "BTC-USDT",
        "settleCcy": "USDT",
        "ctValCcy": "BTC",
        "ctVal": "0.01",
        "state": "live",
    },
    "hyperliquid": {"name": "BTC", "szDecimals": 5},
}

ETHER = {"instId": "ETH-USDT-SWAP", "uly": "ETH-USDT", "instFamily": "ETH-USDT"}
"""The same contract of OKX on another coin."""


def a_list(name, rows):
    """Return the venue's list of instruments with *rows*."""
    return {
        "binance": {"symbols": rows},
        "bybit": {"retCode": 0, "result": {"category": "linear", "list": rows}},
        "okx": {"code": "0", "data": rows},
        "hyperliquid": [{"universe": rows}, [{"markPx": "1"} for _ in rows]],
    }[name]


def without_a_launch(name, rows):
    """Answer every request with *rows*, but Bybit's for what is about to be launched."""
    return lambda url: a_list(name, [] if "PreLaunch" in url else rows)


@pytest.mark.parametrize(
    ("name", "oddity"),
    [
        pytest.param("binance", {"symbol": None}, id="binance: no name"),
        pytest.param("binance", {"marginAsset": None}, id="binance: no settlement"),
        pytest.param("binance", {"quantityPrecision": "x"}, id="binance: no number"),
        pytest.param("bybit", {"symbol": None}, id="bybit: no name"),
        pytest.param("okx", ETHER | {"ctVal": "x"}, id="okx: no contract size"),
        pytest.param("okx", ETHER | {"ctVal": "-1"}, id="okx: negative contract size"),
        pytest.param("okx", {"lever": "x"}, id="okx: no number"),
        pytest.param("hyperliquid", {"name": None}, id="hyperliquid: no name"),
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
async def test_an_unreadable_instrument_costs_itself_only(cut_client, name, oddity, first):
    """The rest of the list is listed; the one left out is counted, anew each time."""
    good = GOOD_LIST[name]
    rows = [good | oddity, good] if first else [good, good | oddity]
    client = cut_client(name, without_a_launch(name, rows))

    for _ in range(2):
        (listed,) = await client.listings()

        assert listed.instrument.base == "BTC"
        assert client.unreadable == 1


@pytest.mark.parametrize(
    "oddity",
    [{"baseId": None}, {"baseId": 5}, {"contractSize": {}}, {"contractSize": None}, {"info": None}],
)
async def test_a_market_that_ccxt_made_odd_costs_itself_only(cut_client, oddity):
    """Whatever is missing or of another kind in it."""
    client = cut_client("bybit", without_a_launch("bybit", [GOOD_LIST["bybit"]]))
    (market,) = (await client.exchange.load_markets()).values()
    odd = market | {"id": "ODDUSDT", "symbol": "ODD/USDT:USDT"} | oddity

    async def load_markets(reload):
        return {"odd": odd, "good": market}

    client.exchange.load_markets = load_markets

    (listed,) = await client.listings()

    assert listed.instrument.venue_id == "BTCUSDT"
    assert client.unreadable == 1


@pytest.mark.parametrize(
    ("change", "is_listed"),
    [
        ({}, True),
        ({"quote": "USDC", "settle": "USDC"}, True),
        ({"quote": "USD", "settle": "BTC"}, False),
        ({"quote": "EUR", "settle": "EUR"}, False),
        ({"active": False}, False),
        ({"swap": False}, False),
    ],
)
async def test_listed_are_live_perpetuals_quoted_and_settled_in_dollars(
    cut_client, change, is_listed
):
    """Figures in USD would be in something else for all others."""
    client = cut_client("bybit", without_a_launch("bybit", [GOOD_LIST["bybit"]]))
    (market,) = (await client.exchange.load_markets()).values()

    found = listing(VENUES["bybit"], market | change, datetime(2026, 1, 1, tzinfo=UTC))

    assert (found is not None) == is_listed
    await client.close()


async def test_a_list_of_which_nothing_can_be_read_is_an_error(cut_client):
    """It says so, instead of that there is nothing."""
    rows = [GOOD_LIST["okx"] | {"ctVal": "x"}]

    with pytest.raises(VenueUnavailable, match="lists no perpetuals, 1 unreadable"):
        await cut_client("okx", a_list("okx", rows)).listings()


async def test_the_weight_of_a_long_list_covers_its_pages(cut_client):
    """Three pages, and one of what is about to be launched."""
    cursors = {"": "two", "two": "three", "three": ""}

    def pages(url):
        page = url.partition("cursor=")[2].partition("&")[0]
        answer = without_a_launch("bybit", [GOOD_LIST["bybit"]])(url)
        if "PreLaunch" not in url and cursors[page]:
            answer["result"]["nextPageCursor"] = cursors[page]
        return answer

    client = cut_client("bybit", pages)

    await client.listings()

    assert len(client.urls) == 4
    assert VENUES["bybit"].listing_weights["requests"] >= len(client.urls)


@pytest.mark.parametrize("name", [*VENUES])
def test_what_a_venue_offers_is_what_it_asks(name):
    """The table that people read names every column, and the question that fills it."""
    venue = VENUES[name]
    questions = (*venue.bulk, *venue.each, *venue.slow, *venue.terms)
    filled = {(q.name, column) for q in questions for column in q.columns if column != "ls_ts"}
    offered = {(offer.source, offer.column) for offer in venue.offers}

    assert filled <= offered
    assert {source for source, _ in offered - filled} <= {"listing"}


@pytest.mark.parametrize(
    ("source", "cadence"),
    [
        ("ticker", "every cycle, in bulk"),
        ("open interest", "every cycle, per instrument by volume"),
        ("long/short accounts", "every 5 minutes, per instrument by volume"),
        ("funding terms", "every 15 minutes, in bulk"),
    ],
)
def test_says_how_often_a_metric_is_asked_for(source, cadence):
    """In words, for the table that people read."""
    assert VENUES["binance"].cadence(source) == cadence


@pytest.mark.parametrize("name", [*VENUES])
def test_no_question_weighs_more_than_its_limit_allows(name):
    """And every weight is counted against a limit that exists."""
    venue = VENUES[name]
    shares = {limit.name: limit.amount * limit.ceiling for limit in venue.limits}
    questions = (*venue.bulk, *venue.each, *venue.slow, *venue.terms, venue.time)

    for weights in [venue.listing_weights, *(question.weights for question in questions)]:
        assert weights
        assert all(weight <= shares[limit] for limit, weight in weights.items())


def test_the_times_of_a_ban_are_understood_as_dates_too():
    """RFC 9110 allows a date in Retry-After."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    reply = Reply(429, {"Retry-After": "Thu, 01 Jan 2026 12:05:00 GMT"})
    at = Circumstances("okx", "tickers", {}, 10, noon)

    assert retry_at(reply, 60, at) == noon + timedelta(minutes=5)
