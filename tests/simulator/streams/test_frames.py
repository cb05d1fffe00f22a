"""Messages have the fields and types of real recorded ones."""

from __future__ import annotations

import pytest

BTC = "btcusdt"


def shape(value):
    """Return what a value is made of: fields and types, of a list the first element's."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


@pytest.mark.parametrize(
    ("route", "stream", "name"),
    [
        ("market", f"{BTC}@aggTrade", "ws_agg_trade"),
        ("public", f"{BTC}@trade", "ws_trade"),
        ("public", f"{BTC}@depth@500ms", "ws_depth_update"),
        ("public", f"{BTC}@bookTicker", "ws_book_ticker"),
        ("market", f"{BTC}@markPrice@1s", "ws_mark_price"),
        ("market", f"{BTC}@ticker", "ws_ticker"),
        ("market", "!forceOrder@arr", "ws_liquidation"),
    ],
)
async def test_binance(recorded, simulator, dial, fault, route, stream, name):
    client = await dial(route)
    await client.subscribe(stream)
    await fault(venue="binance", kind="ws_liquidation_burst", count=1)
    await simulator.advance(6)

    frames = await client.heard()

    real, ours = shape(recorded(f"binance_usdm/{name}.json")), shape(frames[0])
    # The recorded trade is older than field X.
    assert {key: ours[key] for key in ours if key != "X" or key in real} == real


async def test_bybit_ticker(recorded, dial):
    client = await dial("bybit")
    _ack, frame = await client.ask("tickers.BTCUSDT")

    real = shape(recorded("bybit/ws_ticker_linear.json"))
    assert frame.keys() == real.keys()
    assert frame["type"] == "snapshot"
    assert real["data"].items() <= shape(frame["data"]).items()


async def test_binance_combined_wraps_the_same_message(simulator, dial):
    raw, combined = await dial("market"), await dial("combined")
    for client in (raw, combined):
        await client.subscribe(f"{BTC}@aggTrade")
    await simulator.advance(1)

    plain, wrapped = await raw.heard(), await combined.heard()

    assert plain
    assert wrapped == [{"stream": f"{BTC}@aggTrade", "data": frame} for frame in plain]
