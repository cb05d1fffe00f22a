from datetime import UTC, datetime

import pytest

from collector.cycles.validation import Part, snapshot
from collector.venues.okx import OKX

PEPE = "PEPE-USDT-SWAP"
NOON_MS = "1767268800000"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def question(name):
    return next(found for found in (*OKX.bulk, *OKX.each, *OKX.slow) if found.name == name)


def answer(*rows):
    return {"code": "0", "msg": "", "data": list(rows)}


def swap(name, **changes):
    """Return a swap as the venue lists it."""
    base, quote, _ = name.split("-")
    row = {
        "instId": name,
        "instType": "SWAP",
        "uly": f"{base}-{quote}",
        "settleCcy": quote,
        "ctVal": "10000000",
        "ctValCcy": base,
        "ctType": "linear",
        "state": "live",
        "lotSz": "0.1",
        "minSz": "0.1",
        "tickSz": "0.000000001",
        "lever": "50",
    }
    return row | changes


async def heard(client, name, venue_id=None):
    (row,) = (await client.ask(question(name), venue_id)).rows
    return row


async def test_lists_linear_swaps_with_their_contract_size(cut_client):
    """Ten million PEPE in a contract; the coin-margined, the paused and the odd ones are out."""
    client = cut_client(
        "okx",
        answer(
            swap(PEPE),
            swap("BTC-USD-SWAP", settleCcy="BTC", ctType="inverse", ctVal="100"),
            swap("ETH-USDT-SWAP", state="suspend"),
            {"instId": "ETH-USD_UM-SWAP", "instType": "SWAP", "state": "preopen"},
        ),
    )

    (listed,) = await client.listings()

    assert listed.instrument.symbol == "PEPE/USDT:USDT"
    assert listed.instrument.base == "PEPE"
    assert listed.instrument.contract_size == 10_000_000
    assert listed.instrument.oi_unit == "contracts"


async def test_volume_is_coins_times_price(cut_client):
    """volCcy24h is in coins; vol24h, in contracts, is of no use."""
    row = {
        "instId": PEPE,
        "last": "0.00001",
        "open24h": "0.000008",
        "bidPx": "0.000009",
        "askPx": "0.000011",
        "vol24h": "123",
        "volCcy24h": "2000000000",
        "ts": NOON_MS,
    }

    venue_id, fields = await heard(cut_client("okx", answer(row)), "tickers")

    assert venue_id == PEPE
    assert fields["volume_24h_usd"] == pytest.approx(20_000)
    assert (fields["price"], fields["price_24h_ago"]) == (0.00001, 0.000008)
    assert (fields["bid"], fields["ask"]) == (0.000009, 0.000011)


async def test_open_interest_in_contracts_becomes_coins_and_usd(cut_client):
    """3 contracts of 10 million PEPE at 0.00001 are 30 million PEPE and 300 USD."""
    (listed,) = await cut_client("okx", answer(swap(PEPE))).listings()
    row = {"instId": PEPE, "oi": "3", "oiCcy": "30000000", "oiUsd": "300.5", "ts": NOON_MS}
    _, interest = await heard(cut_client("okx", answer(row)), "open interest")
    mark = {"instId": PEPE, "markPx": "0.00001", "ts": NOON_MS}
    _, marked = await heard(cut_client("okx", answer(mark)), "mark prices")

    said, refused = snapshot(listed.instrument, [Part(NOON, interest), Part(NOON, marked)], NOON)

    assert refused == []
    assert said.oi_raw == 3
    assert said.oi_base == 30_000_000
    assert said.oi_usd == pytest.approx(300)
    assert said.oi_venue_usd == 300.5


async def test_the_funding_interval_is_the_time_between_two_payments(cut_client):
    """Paid at fundingTime, and four hours later again."""
    row = {
        "instId": PEPE,
        "fundingRate": "-0.0001",
        "fundingTime": NOON_MS,
        "nextFundingTime": str(int(NOON_MS) + 4 * 3_600_000),
        "settFundingRate": "0.9",
        "ts": NOON_MS,
    }
    client = cut_client("okx", answer(row))

    _, fields = await heard(client, "funding rates")

    assert fields["funding_rate"] == -0.0001
    assert fields["next_funding_ts"] == NOON
    assert fields["funding_interval_h"] == 4
    assert "instId=ANY" in client.urls[0]


async def test_an_index_is_of_the_swap_that_follows_it(cut_client):
    """BTC-USDT is what BTC-USDT-SWAP is compared with."""
    client = cut_client("okx", answer({"instId": "BTC-USDT", "idxPx": "43350.1", "ts": NOON_MS}))

    venue_id, fields = await heard(client, "indices")

    assert venue_id == "BTC-USDT-SWAP"
    assert fields == {"venue_ts": NOON, "index": 43350.1}
    assert "quoteCcy=USDT" in client.urls[0]


async def test_ratios_are_pairs_of_time_and_text(cut_client):
    """Newest first or last: the newest counts."""
    client = cut_client("okx", answer([NOON_MS, "1.25"], ["1767268500000", "9"]))

    venue_id, fields = await heard(client, "top traders' positions", PEPE)

    assert venue_id == PEPE
    assert fields == {"ls_ts": NOON, "ls_top_positions": 1.25}


async def test_levels_of_a_book_have_more_than_price_and_size(cut_client):
    """The two further figures of a level do not disturb."""
    book = {
        "bids": [["99.99", "1", "0", "4"]],
        "asks": [["100.01", "3", "0", "2"]],
        "ts": NOON_MS,
    }

    venue_id, fields = await heard(cut_client("okx", answer(book)), "order book", PEPE)

    assert venue_id == PEPE
    assert fields["book_imbalance"] == pytest.approx(-0.5)
