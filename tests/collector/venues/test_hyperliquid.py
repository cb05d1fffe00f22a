import pytest

from collector.venues.hyperliquid import HYPERLIQUID

(CONTEXTS,) = HYPERLIQUID.bulk
(BOOK,) = HYPERLIQUID.each


def meta_and_contexts(recorded):
    """Join the recorded names with the recorded figures of the venue's own perpetuals."""
    meta = recorded("hyperliquid/http_meta_perp_sample.json")
    dexes = dict(recorded("hyperliquid/ws_all_dexs_asset_ctxs.json")["data"]["ctxs"])
    return [meta, dexes[""][: len(meta["universe"])]]


async def test_reads_the_recorded_contexts(recorded, cut_client):
    """BTC, the first name, has the first figures: 27,353 BTC open at 77,562."""
    client = cut_client("hyperliquid", meta_and_contexts(recorded))

    rows = dict((await client.ask(CONTEXTS)).rows)

    assert list(rows) == ["BTC", "ETH", "ATOM"]
    assert rows["BTC"] == {
        "price": 77558.5,
        "price_24h_ago": 76317.0,
        "mark": 77562.0,
        "index": 77605.0,
        "volume_24h_usd": 1516669192.1953897476,
        "oi_raw": 27353.17682,
        "funding_rate": -0.0000015186,
    }
    assert rows["ATOM"]["index"] == 2.1345


async def test_all_recorded_contexts_are_readable(recorded, cut_client):
    """Every figure of the main DEX is a number or absent; a delisted one has no mid price."""
    dexes = dict(recorded("hyperliquid/ws_all_dexs_asset_ctxs.json")["data"]["ctxs"])
    names = [{"name": f"COIN{n}"} for n in range(len(dexes[""]))]
    client = cut_client("hyperliquid", [{"universe": names}, dexes[""]])

    rows = (await client.ask(CONTEXTS)).rows

    values = [value for _, fields in rows for value in fields.values() if value is not None]
    assert len(rows) == len(names) > 100
    assert all(value == value for value in values)


async def test_lists_the_recorded_instruments_paying_hourly(recorded, cut_client):
    """The venue's name is the coin's, not the number that ccxt knows it by."""
    client = cut_client("hyperliquid", meta_and_contexts(recorded))

    listings = {one.instrument.venue_id: one for one in await client.listings()}

    assert set(listings) == {"BTC", "ETH", "ATOM"}
    assert listings["BTC"].instrument.symbol == "BTC/USDC:USDC"
    assert listings["BTC"].terms == {"funding_interval_h": 1.0}


async def test_a_small_k_means_a_thousand(cut_client):
    """kPEPE is PEPE by the thousand; KAS is KAS."""
    universe = [{"name": "kPEPE", "szDecimals": 0}, {"name": "KAS", "szDecimals": 0}]
    figures = [{"markPx": "0.01"}, {"markPx": "0.1"}]
    client = cut_client("hyperliquid", [{"universe": universe}, figures])

    instruments = {one.instrument.venue_id: one.instrument for one in await client.listings()}

    assert (instruments["kPEPE"].base, instruments["kPEPE"].multiplier) == ("PEPE", 1000)
    assert (instruments["KAS"].base, instruments["KAS"].multiplier) == ("KAS", 1)


async def test_reads_the_recorded_book(recorded, cut_client):
    """All ten recorded levels are within 25 bps of mid."""
    client = cut_client("hyperliquid", recorded("hyperliquid/http_l2_book_btc.json"))

    ((venue_id, fields),) = (await client.ask(BOOK, "BTC")).rows

    assert venue_id == "BTC"
    assert fields["spread_bps"] == pytest.approx(0.09056, abs=1e-5)
    bids = 4.11882 + 0.31694 + 1.30796 + 0.28581 + 3.07847
    asks = 3.72573 + 0.03586 + 1.35809 + 1.35805 + 1.27191
    assert fields["book_imbalance"] == pytest.approx((bids - asks) / (bids + asks))
