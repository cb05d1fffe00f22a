"""The main job on real input: a recording of Binance, from the wire to the screen.

The recording is not part of the repository; without it these tests skip.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from analytics import query
from analytics.lake.reader import Reader
from analytics.lake.writer import Lake
from collector.cycles.venue_collector import VenueCollector
from collector.imports.files import import_file
from collector.runtime.clock import Clock
from collector.venues import VENUES
from simulator.market.recording import Recording, read_recording
from simulator.server import Simulator
from tests.waiting import HANG_S

REPOSITORY = Path(__file__).resolve().parents[1]
FRESH = timedelta(minutes=5)
"""A pair whose newest reading is older than this is absent from the wire."""


@pytest.fixture(scope="module")
def file(recordings) -> Path:
    return recordings / "series" / "futuresboard_2025-10-20_22.sqlite"


@pytest.fixture(scope="module")
def recording(file) -> Recording:
    return read_recording(file)


def moment(reading) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=reading.time_ms)


def instants(recording: Recording, count: int) -> list[datetime]:
    """Return *count* times spread over the readings, each a second after one of them."""
    perpetuals = [reading for reading in recording.readings if reading.is_perpetual]
    step = len(perpetuals) // count
    return [moment(reading) + timedelta(seconds=1) for reading in perpetuals[step - 1 :: step]]


def served_at(recording: Recording, at: datetime) -> dict[str, object]:
    """Return the newest reading of each perpetual at *at*, worked out from the rows alone."""
    newest = {}
    for reading in recording.readings:
        if reading.is_perpetual and at - FRESH <= moment(reading) <= at:
            newest[reading.symbol] = reading
    return newest


async def test_what_is_collected_is_what_was_recorded(recording, tmp_path):
    """Price to the last bit and oi_usd to 1e-9, for every pair and time that was served."""
    expected = {}
    with Lake(tmp_path, origin="simulator") as lake:
        async with Simulator(recording, Clock(speed=0)) as simulator:
            for at in instants(recording, 30):
                simulator.clock = Clock(origin=at, speed=0)
                collector = VenueCollector(
                    VENUES["binance"],
                    Clock(origin=at),
                    simulator_url=simulator.url,
                    top_n=300,
                    requests_per_s=2000,
                )
                await collector.refresh_universe()
                snapshots, cycle = await collector.cycle()
                await collector.close()
                lake.append_records([*snapshots, cycle])
                for venue_id, reading in served_at(recording, at).items():
                    symbol = f"{venue_id.removesuffix('USDT')}/USDT:USDT"
                    expected[(symbol, at.date(), moment(reading), at)] = reading
        with lake.cursor() as cursor:
            stored = cursor.execute(
                "select symbol, venue_ts, received_ts, price, oi_usd, volume_24h_usd from snapshots"
            ).fetchall()

    times = sorted({key[3] for key in expected})
    found = {}
    for symbol, venue_ts, received_ts, *values in stored:
        received = received_ts.replace(tzinfo=UTC)
        at = max(time for time in times if time <= received)
        found[(symbol, at.date(), venue_ts.replace(tzinfo=UTC), at)] = values
    assert found.keys() == expected.keys()
    assert any(symbol.startswith("币安人生") for symbol, *_ in found)
    for key, (price, oi_usd, volume) in found.items():
        reading = expected[key]
        assert price == reading.price
        assert math.isclose(oi_usd, reading.oi_usd, rel_tol=1e-9)
        assert math.isclose(volume, reading.volume_24h_usd, rel_tol=1e-9)


def test_an_imported_recording_is_on_the_overview(recording, file, tmp_path, monkeypatch):
    """The Overview for the recording's last hour shows its pairs with its prices."""
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(tmp_path))
    with Lake(tmp_path) as lake:
        summary = import_file(lake, file, lambda done, total: None)
        lake.publish()
    end = moment(recording.readings[-1])
    newest = served_at(recording, end)

    app = AppTest.from_file(str(REPOSITORY / "dashboard" / "main.py"), default_timeout=HANG_S)
    app.query_params["at"] = end.isoformat()
    app.query_params["rows"] = "pairs"
    app.run()

    assert not app.exception
    assert summary.stored["snapshots"] > 22_000
    shown = app.dataframe[0].value
    prices = dict(zip(shown["pair"], shown["price"], strict=True))
    for venue_id, reading in newest.items():
        base = venue_id.removesuffix("USDT")
        price = next(value for pair, value in prices.items() if pair.startswith(base))
        assert price == reading.price
    assert "币安人生" in " ".join(prices)


def test_importing_twice_stores_nothing_twice(file, tmp_path):
    """Running it again is safe."""
    with Lake(tmp_path) as lake:
        first = import_file(lake, file, lambda done, total: None)
        again = import_file(lake, file, lambda done, total: None)
        lake.publish()

    assert sum(first.stored.values()) > 0
    assert sum(again.stored.values()) == 0
    with Reader(tmp_path).cursor() as cursor:
        rows = query.table(cursor, "table_rows")
    assert rows.num_rows
