from datetime import UTC, datetime

import pytest

from collector.cycles.validation import Part, snapshot
from collector.venues.bybit import BYBIT
from collector.venues.bybit_history import read_open_interest

BTC = "BTC/USDT:USDT"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def question(name):
    return next(found for found in (*BYBIT.bulk, *BYBIT.each, *BYBIT.slow) if found.name == name)


def as_rest(frame):
    """Return a ticker frame of the websocket as the REST answer that has the same row."""
    return {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"category": "linear", "list": [frame["data"]]},
        "time": frame["ts"],
    }


async def test_reads_every_figure_of_the_recorded_ticker(recorded, cut_client):
    """One row has all but the book and the ratio."""
    frame = recorded("bybit/ws_ticker_linear.json")
    client = cut_client("bybit", as_rest(frame))

    ((venue_id, fields),) = (await client.ask(question("tickers"))).rows

    assert venue_id == "BTCUSDT"
    assert fields == {
        "venue_ts": datetime(2023, 1, 9, 14, 1, 1, 686000, tzinfo=UTC),
        "price": 17216.0,
        "price_24h_ago": 16926.5,
        "mark": 17217.33,
        "index": 17227.36,
        "bid": 17215.5,
        "ask": 17216.0,
        "volume_24h_usd": 1570383121.943499,
        # Of 2023: half of 68,744.761 and of 1,183,601,235.91, the sums of both sides.
        "oi_raw": 34372.3805,
        "oi_venue_usd": 591800617.955,
        "funding_rate": -0.000212,
        "next_funding_ts": datetime(2023, 1, 9, 16, tzinfo=UTC),
        "funding_interval_h": 8.0,
    }
    assert client.urls == ["https://api.bybit.com/v5/market/tickers?category=linear"]


async def test_open_interest_agrees_with_what_the_venue_says_in_usd(recorded, cut_client):
    """34,372.3805 BTC at the mark are half of the 1.1836 billion USD of both sides."""
    instruments = cut_client("bybit", recorded("bybit/http_get_instruments_linear.json"))
    btc = next(
        one.instrument for one in await instruments.listings() if one.instrument.symbol == BTC
    )
    client = cut_client("bybit", as_rest(recorded("bybit/ws_ticker_linear.json")))
    answer = await client.ask(question("tickers"))
    fields = answer.rows[0][1]

    row, refused = snapshot(btc, [Part(fields["venue_ts"], fields)], fields["venue_ts"])

    assert refused == []
    assert row.oi_base == 34372.3805
    assert row.oi_usd == pytest.approx(row.oi_venue_usd, rel=1e-6)
    assert row.spread_bps == pytest.approx(0.2904, abs=1e-4)


async def test_lists_the_recorded_instruments(recorded, cut_client):
    """Two perpetuals, paying every 8 hours; the recorded list has no category to tell them by."""
    client = cut_client("bybit", recorded("bybit/http_get_instruments_linear.json"))

    listings = {one.instrument.symbol: one for one in await client.listings()}

    assert set(listings) == {BTC, "ETH/USDT:USDT"}
    assert listings[BTC].instrument.venue_id == "BTCUSDT"
    assert listings[BTC].instrument.contract_size == 1
    assert listings[BTC].terms == {"funding_interval_h": 8.0}


@pytest.mark.parametrize(
    ("stated", "hours"),
    [(480, {"funding_interval_h": 8}), (60, {"funding_interval_h": 1}), (None, {})],
)
def test_reads_the_funding_interval_of_the_list_in_minutes(stated, hours):
    """Documented in minutes; absent where the list does not say."""
    assert BYBIT.listed_terms({"info": {"fundingInterval": stated}}) == hours


async def test_a_ticker_without_an_interval_leaves_the_lists_one_standing(cut_client):
    """An absent field must not shadow what is known from elsewhere."""
    row = {"symbol": "BTCUSDT", "lastPrice": "1", "fundingIntervalHour": ""}
    client = cut_client("bybit", {"retCode": 0, "result": {"list": [row]}, "time": 0})

    ((_, fields),) = (await client.ask(question("tickers"))).rows

    assert "funding_interval_h" not in fields


@pytest.mark.parametrize(
    ("stated", "one_side"),
    [
        pytest.param(
            {
                **{"openInterest": "90.5", "openInterestValue": "905000"},
                **{"singleOpenInterest": "45.2", "singleOpenInterestValue": "452000"},
            },
            (45.2, 452_000),
            id="as stated, and not as worked out",
        ),
        pytest.param(
            {"openInterest": "90.5", "openInterestValue": "905000"},
            (45.25, 452_500),
            id="half of both sides where one is not stated",
        ),
        pytest.param(
            {"openInterest": "90.5", "singleOpenInterest": ""},
            (45.25, None),
            id="empty is not stated",
        ),
        pytest.param({"symbol": "BTCUSDT"}, (None, None), id="neither"),
    ],
)
async def test_open_interest_is_of_one_side(cut_client, stated, one_side):
    """``openInterest`` is the sum of longs and shorts; each contract would count twice."""
    row = {"symbol": "BTCUSDT", "lastPrice": "1", **stated}
    client = cut_client("bybit", {"retCode": 0, "result": {"list": [row]}, "time": 0})

    ((_, fields),) = (await client.ask(question("tickers"))).rows

    assert (fields["oi_raw"], fields["oi_venue_usd"]) == one_side


def test_open_interest_of_the_past_is_of_one_side():
    """One row with both, as answers are today, and one with the sum of both sides alone."""
    rows = [
        {"openInterest": "90.5", "singleOpenInterest": "45.2", "timestamp": "1767268800000"},
        {"openInterest": "80.5", "timestamp": "1767268500000"},
    ]

    read = [*read_open_interest({"result": {"list": rows}}, "BTCUSDT")]

    assert [fields["oi_raw"] for _, fields in read] == [45.2, 40.25]


async def test_reads_an_order_book(cut_client):
    """Bids are under b, asks under a."""
    client = cut_client(
        "bybit",
        {
            "retCode": 0,
            "result": {
                "s": "BTCUSDT",
                "b": [["99.99", "3"], ["90", "100"]],
                "a": [["100.01", "1"]],
                "ts": 1767268800000,
            },
        },
    )

    ((venue_id, fields),) = (await client.ask(question("order book"), "BTCUSDT")).rows

    assert venue_id == "BTCUSDT"
    assert fields["venue_ts"] == NOON
    assert fields["book_imbalance"] == pytest.approx(0.5)
    assert fields["spread_bps"] == pytest.approx(2.0)


async def test_the_ratio_is_long_holders_over_short_holders(cut_client):
    """Asked for in 5min, as this venue calls it; computed from the two shares."""
    row = {"symbol": "BTCUSDT", "buyRatio": "0.6", "sellRatio": "0.4", "timestamp": "1767268800000"}
    client = cut_client("bybit", {"retCode": 0, "result": {"list": [row]}})

    ((venue_id, fields),) = (await client.ask(question("long/short accounts"), "BTCUSDT")).rows

    assert venue_id == "BTCUSDT"
    assert fields == {"ls_ts": NOON, "ls_accounts": pytest.approx(1.5)}
    assert "period=5min" in client.urls[0]


async def test_names_in_any_script_can_be_asked_for(cut_client):
    """A contract named in Chinese is asked for by an address that is plain ASCII."""
    empty = {"retCode": 0, "result": {"list": []}}
    client = cut_client("bybit", empty)

    answer = await client.ask(question("long/short accounts"), "币安人生USDT")

    assert answer.rows == []
    assert client.urls[0].isascii()
