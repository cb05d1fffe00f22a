import json
from datetime import UTC, datetime

import pytest

from analytics.errors import VenueUnavailable
from collector.cycles.validation import Part, snapshot
from collector.venues.binance import BINANCE, long_short_ratio

BTC = "BTC/USDT:USDT"


def question(name):
    everything = (*BINANCE.bulk, *BINANCE.each, *BINANCE.slow, *BINANCE.terms, BINANCE.time)
    return next(found for found in everything if found.name == name)


async def heard(client, name, venue_id=None):
    """Return the one row of the answer to the question called *name*."""
    (row,) = (await client.ask(question(name), venue_id)).rows
    return row


async def test_lists_the_instrument_of_the_recorded_exchange_info(recorded, cut_client):
    """A BTC perpetual quoted in USDT, counted in BTC."""
    client = cut_client("binance", recorded("binance_usdm/rest_exchange_info.json"))

    instruments = {one.instrument.symbol: one.instrument for one in await client.listings()}

    btc = instruments[BTC]
    assert (btc.venue_id, btc.base, btc.quote) == ("BTCUSDT", "BTC", "USDT")
    assert (btc.multiplier, btc.contract_size, btc.oi_unit) == (1, 1, "quoted units")


async def test_lists_every_perpetual_of_a_captured_exchange_info(recorded, cut_client):
    """Of all symbols of July 2021: perpetuals in USDT, none of the dated futures."""
    text = recorded("captures/BINANCE_FUTURES.0.gz")
    payload = json.loads(text.split(": ", 1)[1].splitlines()[0])
    expected = {
        row["symbol"]
        for row in payload["symbols"]
        if row["contractType"] == "PERPETUAL"
        and row["status"] == "TRADING"
        and row["quoteAsset"] in ("USDT", "USDC")
    }

    listings = await cut_client("binance", payload).listings()

    instruments = {one.instrument.venue_id: one.instrument for one in listings}
    assert len(expected) > 100
    assert set(instruments) == expected
    assert "BTCUSDT_210924" not in instruments
    assert (instruments["1000SHIBUSDT"].base, instruments["1000SHIBUSDT"].multiplier) == (
        "SHIB",
        1000,
    )
    assert (instruments["1INCHUSDT"].base, instruments["1INCHUSDT"].multiplier) == ("1INCH", 1)


async def test_reads_the_recorded_ticker(recorded, cut_client):
    """quoteVolume is the volume in USD; openPrice is the price a day ago."""
    client = cut_client("binance", [recorded("binance_usdm/rest_ticker_24hr.json")])

    venue_id, fields = await heard(client, "ticker")

    assert venue_id == "BTCUSDT"
    assert fields == {
        "venue_ts": datetime(2017, 7, 12, 14, 31, 39, 40000, tzinfo=UTC),
        "price": 4.000002,
        "price_24h_ago": 99.0,
        "volume_24h_usd": 15.3,
    }


async def test_reads_the_recorded_premium_index(recorded, cut_client):
    """The rate is the running period's, paid at nextFundingTime."""
    client = cut_client("binance", [recorded("binance_usdm/rest_premium_index.json")])

    venue_id, fields = await heard(client, "premium index")

    assert venue_id == "BTCUSDT"
    assert fields == {
        "venue_ts": datetime(2020, 8, 14, 2, 1, 35, 2000, tzinfo=UTC),
        "mark": 11793.63104562,
        "index": 11781.8049597,
        "funding_rate": 0.00038246,
        "next_funding_ts": datetime(2020, 8, 14, 8, tzinfo=UTC),
    }


async def test_reads_the_recorded_open_interest(recorded, cut_client):
    """In coins of the base, as the venue counts it."""
    client = cut_client("binance", recorded("binance_usdm/rest_open_interest.json"))

    venue_id, fields = await heard(client, "open interest", "BTCUSDT")

    assert (venue_id, fields["oi_raw"]) == ("BTCUSDT", 10659.509)
    assert fields["venue_ts"] == datetime(2020, 5, 14, 6, 25, 30, 11000, tzinfo=UTC)
    assert client.urls == ["https://fapi.binance.com/fapi/v1/openInterest?symbol=BTCUSDT"]


async def test_reads_the_recorded_depth(recorded, cut_client):
    """431 bid at 4.000000, 12 asked at 4.000002: mostly bids, half a hundredth of a bp apart."""
    client = cut_client("binance", recorded("binance_usdm/rest_depth.json"))

    venue_id, fields = await heard(client, "order book", "BTCUSDT")

    assert venue_id == "BTCUSDT"
    assert fields["book_imbalance"] == pytest.approx((431 - 12) / (431 + 12))
    assert fields["spread_bps"] == pytest.approx(0.005)


async def test_reads_a_captured_depth_of_a_thousand_levels(recorded, cut_client):
    """Only what lies within 25 bps of mid counts, and the best prices make the spread."""
    line = recorded("captures/BINANCE_FUTURES.http.0.0.gz").splitlines()[0]
    book = json.loads(line.split(": ", 1)[1])
    bid, ask = float(book["bids"][0][0]), float(book["asks"][0][0])
    mid = (bid + ask) / 2
    bids = sum(float(size) for price, size in book["bids"] if float(price) >= mid * 0.9975)
    asks = sum(float(size) for price, size in book["asks"] if float(price) <= mid * 1.0025)
    client = cut_client("binance", book)

    _, fields = await heard(client, "order book", "SUSHIUSDT")

    assert (bid, ask) == (7.611, 7.612)
    assert fields["spread_bps"] == pytest.approx(1.3138, abs=1e-4)
    assert fields["book_imbalance"] == pytest.approx((bids - asks) / (bids + asks))


@pytest.mark.parametrize(
    ("title", "file", "column", "ratio", "mark"),
    [
        ("long/short accounts", "global_long_short_account", "ls_accounts", 1.9559, 1583139900),
        (
            "top traders' accounts",
            "top_long_short_account",
            "ls_top_accounts",
            0.5576,
            1583139900,
        ),
        pytest.param(
            "top traders' positions",
            "top_long_short_position",
            "ls_top_positions",
            0.3583 / 0.6417,
            1583139900,
            id="stated as 1.4337, which its own shares contradict",
        ),
    ],
)
async def test_reads_the_newest_recorded_ratio(
    recorded, cut_client, title, file, column, ratio, mark
):
    """The later of the two marks counts."""
    client = cut_client("binance", recorded(f"binance_usdm/rest_{file}_ratio.json"))

    venue_id, fields = await heard(client, title, "BTCUSDT")

    assert venue_id == "BTCUSDT"
    assert fields == {"ls_ts": datetime.fromtimestamp(mark, UTC), column: pytest.approx(ratio)}


def test_shares_that_add_up_outweigh_a_ratio_they_contradict(recorded):
    """Recorded: ratio 0.1960 beside 66.22 % long and 33.78 % short, which is 1.96."""
    row = recorded("binance_usdm/rest_global_long_short_account_ratio.json")[0]

    assert long_short_ratio(row) == pytest.approx(1.9603, abs=1e-4)


@pytest.mark.parametrize(
    ("stated", "long", "short", "ratio"),
    [
        pytest.param("1.8105", "0.6442", "0.3558", 1.8105, id="agrees within rounding"),
        pytest.param("1.8105", None, None, 1.8105, id="no shares"),
        pytest.param(None, "0.75", "0.25", 3.0, id="no ratio"),
        pytest.param(None, None, None, None, id="nothing"),
    ],
)
def test_gives_the_ratio_as_stated_unless_it_is_contradicted(stated, long, short, ratio):
    """Shares have four digits, so the ratio itself is the finer figure."""
    row = {"longShortRatio": stated, "longAccount": long, "shortAccount": short}

    assert long_short_ratio(row) == ratio


def test_a_row_whose_figures_all_contradict_each_other_is_unreadable():
    """Neither the ratio nor shares that add up to 1.3 can be believed."""
    row = {"longShortRatio": "5", "longAccount": "0.9", "shortAccount": "0.4"}

    assert str(long_short_ratio(row)) == "nan"


@pytest.mark.parametrize("payload", [[], [{}], [{"symbol": None, "fundingIntervalHours": 4}]])
async def test_funding_terms_that_name_nobody_are_refused(cut_client, payload):
    """Who is not named pays every 8 hours: such a list would say so of everybody."""
    with pytest.raises(VenueUnavailable, match="funding terms: empty answer"):
        await cut_client("binance", payload).ask(question("funding terms"))


async def test_the_clock_offset_is_read_from_the_time_endpoint(cut_client, clock):
    """A venue whose clock shows two seconds more is two seconds ahead."""
    ahead_ms = round(clock.now().timestamp() * 1000) + 2000
    client = cut_client("binance", {"serverTime": ahead_ms}, clock)

    ahead_s, within_s = await client.clock_offset()

    assert ahead_s == pytest.approx(2, abs=within_s + 0.001)


async def test_answers_make_one_snapshot_in_named_units(recorded, cut_client):
    """10,659.509 BTC at a mark of 11,793.63 are 125.7 million USD."""
    info = recorded("binance_usdm/rest_exchange_info.json")
    (btc,) = [
        one.instrument
        for one in await cut_client("binance", info).listings()
        if one.instrument.symbol == BTC
    ]
    _, interest = await heard(
        cut_client("binance", recorded("binance_usdm/rest_open_interest.json")),
        "open interest",
        "BTCUSDT",
    )
    _, premium = await heard(
        cut_client("binance", [recorded("binance_usdm/rest_premium_index.json")]), "premium index"
    )
    parts = [Part(fields["venue_ts"], fields) for fields in (premium, interest)]

    row, refused = snapshot(btc, parts, premium["venue_ts"])

    assert refused == []
    assert row.oi_base == pytest.approx(10659.509)
    assert row.oi_usd == pytest.approx(125_714_316, abs=1)
    assert row.funding_rate == 0.00038246
