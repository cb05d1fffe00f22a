"""What a venue, or whoever stands in for it, may answer to do harm: it is refused in a sentence."""

import asyncio
import gzip
import json
import tracemalloc
from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from analytics.errors import VenueUnavailable
from collector.runtime import http_session
from collector.runtime.budget import Budget
from collector.runtime.clock import Clock
from collector.venues import VENUES
from collector.venues.client import RequestStats, VenueClient

MB = 2**20

BINANCE = VENUES["binance"]
TICKERS = BINANCE.bulk[0]

ROW = {"symbol": "BTCUSDT", "lastPrice": "1", "openPrice": "1", "quoteVolume": "1"}

LISTED = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "quantityPrecision": 3,
    "filters": [],
}


@pytest.fixture
async def serving():
    """Makes servers on loopback that answer every request by a function of the test."""
    runners = []

    async def serve(answer, host="127.0.0.1"):
        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, host, 0).start()
        return f"http://{host}:{runner.addresses[0][1]}"

    yield serve
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def connected():
    """Makes clients of Binance whose real ccxt speaks to an address on loopback."""
    clients = []

    def make(url, venue=BINANCE, clock=None, timeout_s=60.0):
        clock = clock if clock is not None else Clock()
        budget = Budget(venue.limits, clock, requests_per_s=1000)
        client = VenueClient(venue, clock, budget, simulator_url=url, timeout_s=timeout_s)
        client.budget = budget
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


def said(body, status=200, headers=None):
    """Return a handler that answers *body*, as it is where it is text, else as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)

    async def answer(_request):
        return web.Response(
            text=text, status=status, headers=headers, content_type="application/json"
        )

    return answer


def streamed(pieces, headers=None):
    """Return a handler that sends *pieces* until there are none or nobody listens."""

    async def answer(request):
        answer.sent = 0
        response = web.StreamResponse(
            headers={"Content-Type": "application/json"} | (headers or {})
        )
        await response.prepare(request)
        for piece in pieces():
            await response.write(piece)
            answer.sent += len(piece)
        return response

    return answer


def rows_of_85_mb():
    piece = (json.dumps(ROW) + ",").encode() * 1000
    yield b"["
    for _ in range(85 * MB // len(piece)):
        yield piece
    yield json.dumps(ROW).encode() + b"]"


def bomb_of_400_mb():
    piece = gzip.compress(b" " * (50 * MB), compresslevel=1)
    yield from [piece] * 8


def without_end():
    while True:
        yield b" " * 2**16


@pytest.mark.parametrize(
    ("pieces", "headers"),
    [
        pytest.param(rows_of_85_mb, {}, id="rows"),
        pytest.param(bomb_of_400_mb, {"Content-Encoding": "gzip"}, id="bomb"),
        pytest.param(without_end, {}, id="without end"),
    ],
)
async def test_an_answer_beyond_the_bound_is_refused_within_it(serving, connected, pieces, headers):
    """By its size unpacked; memory never holds more than the bound and what growing it takes."""
    client = connected(await serving(streamed(pieces, headers)))

    tracemalloc.start()
    try:
        with pytest.raises(VenueUnavailable) as caught:
            await client.ask(TICKERS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert str(caught.value) == "binance: ticker: the response is larger than 32 MB"
    assert peak < 3 * http_session.MAX_ANSWER_BYTES


async def test_an_answer_within_the_bound_is_read_whole(serving, connected):
    """Unpacked, down to its last row."""
    rows = [ROW | {"symbol": f"C{number}USDT", "pad": "x" * 1000} for number in range(10_000)]
    packed = gzip.compress(json.dumps(rows).encode(), compresslevel=1)
    client = connected(await serving(streamed(lambda: [packed], {"Content-Encoding": "gzip"})))

    answer = await client.ask(TICKERS)

    assert len(answer.rows) == 10_000
    assert answer.rows[-1][0] == "C9999USDT"


async def test_the_time_limit_covers_the_whole_body(serving, connected):
    """A byte now and then keeps no request alive."""

    async def drip(request):
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    client = connected(await serving(drip), timeout_s=1.0)

    with pytest.raises(VenueUnavailable, match="ticker: timeout after 1 s"):
        await client.ask(TICKERS)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["http://localhost:{port}/x", "//localhost:{port}/x"])
async def test_a_way_to_another_host_is_not_taken(serving, connected, status, location):
    """Else whoever answers for a venue has us ask on loopback what it likes."""
    asked = []

    async def elsewhere(request):
        asked.append(request.path)
        return web.json_response([ROW])

    port = (await serving(elsewhere)).rpartition(":")[2]
    target = location.format(port=port)
    client = connected(await serving(said([], status, {"Location": target})))

    with pytest.raises(VenueUnavailable, match="ticker: redirected to another host: "):
        await client.ask(TICKERS)

    assert asked == []


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/x", "file:///etc/hosts", "http://["])
async def test_nor_a_way_to_another_port_or_to_no_host(serving, connected, location):
    """The host is the same, but what listens there is not the venue."""
    port = (await serving(said([ROW]))).rpartition(":")[2]
    headers = {"Location": location.format(port=port)}
    client = connected(await serving(said([], 302, headers)))

    with pytest.raises(VenueUnavailable, match="ticker: redirected to another host: "):
        await client.ask(TICKERS)


async def test_a_way_within_the_host_is_taken(serving, connected):
    """As venues that move an address do."""

    async def moved(request):
        if request.path == "/moved":
            return web.json_response([ROW])
        return web.Response(status=307, headers={"Location": "/moved"})

    client = connected(await serving(moved))

    assert [venue_id for venue_id, _ in (await client.ask(TICKERS)).rows] == ["BTCUSDT"]


async def test_a_way_in_a_circle_ends(serving, connected):
    """After ten times, in a sentence."""
    asked = []

    async def round_and_round(request):
        asked.append(request.path)
        return web.Response(status=302, headers={"Location": "/again"})

    client = connected(await serving(round_and_round))

    with pytest.raises(VenueUnavailable, match="ticker: too many redirects"):
        await client.ask(TICKERS)

    assert len(asked) == 10


DEEP = {
    "brackets": "[" * 200_000,
    "brackets, closed": "[" * 200_000 + "]" * 200_000,
    "objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
async def test_json_too_deep_to_be_read_is_broken_json(serving, connected, text):
    """For a question and for the list of instruments."""
    client = connected(await serving(said(text)))

    with pytest.raises(VenueUnavailable, match="ticker: invalid JSON"):
        await client.ask(TICKERS)
    with pytest.raises(VenueUnavailable, match="list of instruments: "):
        await client.listings()


@pytest.mark.parametrize("used", ["1" + "0" * 400, "inf", "1e999", "nan", "-5", "1e300", "x"])
async def test_a_weight_that_cannot_be_blocks_nothing(serving, connected, clock, used):
    """The next question has its turn, when the venue's minute is over at the latest."""
    client = connected(
        await serving(said([ROW], headers={"X-MBX-USED-WEIGHT-1M": used})), clock=clock
    )

    for _ in range(3):
        await client.ask(TICKERS)

    assert 0 < client.budget.used_pct() <= 100
    assert clock.elapsed_s <= 125


async def test_an_exception_that_nobody_foresaw_costs_its_answer_only(serving, connected):
    """It leaves as an error of the venue's; counted, and with its traceback in the log."""

    def read(payload, venue_id):
        raise RecursionError("too deep")

    client = connected(await serving(said([ROW])))
    stats = RequestStats()

    with capture_logs() as lines, pytest.raises(VenueUnavailable, match="internal error"):
        await client.ask(replace(TICKERS, read=read), stats=stats)

    assert stats.faults == 1
    assert [(line["log_level"], line["exc_info"], line["call"]) for line in lines] == [
        ("error", True, "ticker")
    ]
    assert len((await client.ask(TICKERS, stats=stats)).rows) == 1


def a_list(*rows):
    """Return Binance's list of instruments, and nothing for what else is asked with it."""
    return json.dumps({"symbols": [LISTED, *rows]})


ETHER = LISTED | {"symbol": "ETHUSDT", "pair": "ETHUSDT", "baseAsset": "ETH"}


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1" + "0" * 400])
async def test_a_figure_that_json_does_not_know_costs_no_list(serving, connected, literal):
    """A number that is none is of that instrument alone."""
    text = a_list(ETHER | {"quantityPrecision": "THE FIGURE"})
    client = connected(await serving(said(text.replace('"THE FIGURE"', literal))))

    bases = [listed.instrument.base for listed in await client.listings()]

    assert bases[0] == "BTC"
    assert len(bases) + client.unreadable == 2


@pytest.mark.parametrize("figure", [10**9, -(10**9), "1000000000", "1e1000000000", 10**400])
@pytest.mark.parametrize("key", ["quantityPrecision", "baseAssetPrecision", "pricePrecision"])
async def test_a_figure_that_would_take_for_ever_costs_its_instrument(
    serving, connected, figure, key
):
    """ccxt writes out as many digits as the venue says, one by one, and nothing else would run."""
    client = connected(await serving(said(a_list(ETHER | {key: figure}))))

    listed = await client.listings()

    assert listed[0].instrument.base == "BTC"
    assert len(listed) + client.unreadable == 2


@pytest.mark.parametrize("key", ["lever", "ctVal", "tickSz", "lotSz", "minSz"])
@pytest.mark.parametrize("figure", ["1e999999999", "-1E+999999999", "1e-999999999", "9" * 4000])
async def test_nor_does_exact_arithmetic_take_for_ever(cut_client, figure, key):
    """ccxt compares figures of OKX as whole numbers, with all the noughts that they stand for."""
    good = {
        **{"instId": "BTC-USDT-SWAP", "instType": "SWAP", "uly": "BTC-USDT", "state": "live"},
        **{"instFamily": "BTC-USDT", "settleCcy": "USDT", "ctValCcy": "BTC", "ctVal": "0.01"},
        **{"lever": "100", "tickSz": "0.1", "lotSz": "1", "minSz": "1", "ctType": "linear"},
    }
    odd = good | {"instId": "ETH-USDT-SWAP", "uly": "ETH-USDT", "instFamily": "ETH-USDT"}
    client = cut_client("okx", {"code": "0", "data": [good, odd | {key: figure}]})

    (listed,) = await client.listings()

    assert listed.instrument.base == "BTC"
    assert client.unreadable == 1


HOSTILE = {
    "half a surrogate pair": "\ud800",
    "NUL": "X\x00Y",
    "newline": "X\nY",
    "ESC": "\x1b[2J",
    "C1": "X\x9b2J",
    "turned round": "X\u202eY",
    "isolate": "X\u2066Y",
    "no width": "X\u200bY",
    "line separator": "X\u2028Y",
    "long": "X" * 201,
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("key", ["symbol", "baseAsset"])
async def test_a_name_that_can_do_harm_is_left_out_and_counted(serving, connected, name, key):
    """Whether it is the venue's name of the instrument or of its asset."""
    client = connected(await serving(said(a_list(ETHER | {key: name}))))

    (listed,) = await client.listings()

    assert listed.instrument.symbol == "BTC/USDT:USDT"
    assert client.unreadable == 1


@pytest.mark.parametrize("base", ["币安人生", "1000PEPE", "X" * 170, "BTC DOM", "A-B", "ÅÄÖ"])
async def test_a_name_in_any_script_is_listed(serving, connected, base):
    """Odd is not harmful."""
    client = connected(await serving(said(a_list(ETHER | {"baseAsset": base}))))

    assert len(await client.listings()) == 2
    assert client.unreadable == 0


async def test_what_a_venue_says_reaches_no_terminal_raw(serving, connected):
    """Its words go into errors, and those into logs, pages and terminals."""
    text = '{"code": -1121, "msg": "Invalid \x1b[2J\u202e symbol."}'
    client = connected(await serving(said(text, 400)))

    with pytest.raises(Exception, match="Invalid ") as caught:
        await client.ask(TICKERS)

    assert r"Invalid \u001b[2J\u202e symbol." in str(caught.value)
