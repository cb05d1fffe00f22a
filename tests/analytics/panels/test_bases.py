"""What is one asset: names that venues share for two coins, and a coin and a share of one name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from analytics.cli.query_cli import ask
from analytics.lake.records import Instrument
from analytics.lake.writer import Lake
from analytics.panels.bases import bases
from analytics.panels.panel import Only, load
from analytics.signals.fired import load_timeframes
from analytics.signals.thresholds import Thresholds

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BAR = timedelta(minutes=5)
GAS = "GAS/USDT:USDT"


@pytest.fixture
def lake(tmp_path):
    with Lake(tmp_path) as lake:
        yield lake


def store(lake, known_ts=None, **closes):
    """Store bars that end at noon: closes by venue and symbol, as in ``binance__GAS``.

    Two figures are a close and a mark.
    """
    rows = []
    for name, prices in closes.items():
        venue, asset = name.split("__")
        for nth, close in enumerate(reversed(prices), 1):
            start = (NOON - nth * BAR).replace(tzinfo=None)
            key = {"venue": venue, "symbol": f"{asset}/USDT:USDT", "ts": start}
            base = asset.removeprefix("1000")
            close, mark = close if isinstance(close, tuple) else (close, None)
            value = {
                "close": close,
                "mark": mark,
                "oi_usd": 1e6,
                "snapshot_count": 10,
                "origin": "live",
            }
            rows.append({**key, "base": base, "known_ts": known_ts, **value})
    table = pa.Table.from_pylist(rows)
    times = {"ts": pa.timestamp("ms"), "known_ts": pa.timestamp("ms", "UTC")}
    for name, kind in {**times, "snapshot_count": pa.int32()}.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(kind))
    lake.append(("bars", table))


def list_(lake, venue, symbol, base, **more):
    given = {"multiplier": 1, "contract_size": 1, "linear": True, "quote": "USDT"}
    given |= {"oi_unit": "contracts", "in_universe": True, "venue_id": symbol, **more}
    times = {"first_seen_ts": NOON - timedelta(days=9), "last_seen_ts": NOON}
    lake.append_records([Instrument(venue=venue, symbol=symbol, base=base, **given, **times)])


def judged(lake, now=NOON, known_by=None):
    with lake.cursor() as cursor:
        return bases(cursor, now, known_by)


def test_prices_apart_for_an_hour_are_two_assets(lake):
    """4 and 0.002 are 2000 times apart; neither of two venues has the name to itself."""
    store(lake, binance__GAS=[4.0] * 12, bybit__GAS=[0.002] * 12)
    found = judged(lake)
    assert dict(found.names) == {("binance", GAS): "GAS (binance)", ("bybit", GAS): "GAS (bybit)"}
    (difference,) = found.differences
    assert difference.sentence == (
        "Prices of GAS differ by a factor of 2,000 between venues. "
        "Treated as 2 assets: GAS (binance) and GAS (bybit)."
    )


def test_less_than_an_hour_apart_is_said_and_still_one_asset(lake):
    """Eleven bars are 55 minutes: a venue's price may hang for that long."""
    store(lake, binance__GAS=[4.0] * 12, bybit__GAS=[4.0] + [0.002] * 11)
    found = judged(lake)
    assert not found.names
    assert found.differences[0].sentence == (
        "Prices of GAS differ by a factor of 2,000 between venues. "
        "Treated as one asset unless this lasts an hour."
    )


@pytest.mark.parametrize(("higher", "is_two"), [(1.25, False), (1.2501, True)])
def test_a_quarter_is_the_limit(lake, higher, is_two):
    store(lake, binance__GAS=[1.0] * 12, bybit__GAS=[higher] * 12)
    assert bool(judged(lake).names) is is_two


def test_comes_together_after_an_hour_and_not_before(lake):
    """Neither a bar that agrees in between nor one that does not makes it flap."""
    apart, level = [0.002] * 12, [4.0]
    store(lake, binance__GAS=[4.0] * 24, bybit__GAS=apart + level * 11 + [0.002])
    assert judged(lake).names
    store(lake, binance__ETH=[4.0] * 24, bybit__ETH=apart + level * 12)
    found = judged(lake)
    assert ("binance", "ETH/USDT:USDT") not in found.names
    assert found.of("ETH") == ()


def test_says_that_prices_agree_again_while_they_are_still_apart(lake):
    store(lake, binance__GAS=[4.0] * 24, bybit__GAS=[0.002] * 13 + [4.0] * 11)
    found = judged(lake)
    assert set(found.names.values()) == {"GAS (binance)", "GAS (bybit)"}
    assert found.of("GAS (bybit)")[0].sentence == (
        "Prices of GAS agree between venues again. Until this has lasted an hour, "
        "treated as 2 assets: GAS (binance) and GAS (bybit)."
    )


def test_judges_as_of_the_time_that_is_asked_for(lake):
    """At 11:55 there were eleven bars that are over, at 11:00 none."""
    store(lake, binance__GAS=[4.0] * 12, bybit__GAS=[0.002] * 12)
    assert judged(lake).names
    assert not judged(lake, NOON - timedelta(milliseconds=1)).names
    assert judged(lake, NOON - BAR).differences
    assert not judged(lake, NOON - 12 * BAR).differences


def test_a_trade_of_long_ago_is_no_price_where_the_venue_states_a_mark(lake):
    """After a fall by half, what nobody trades any more is still the same coin."""
    store(lake, binance__GAS=[(2.0, 2.0)] * 12, bybit__GAS=[(4.0, 2.01)] * 12)
    assert not judged(lake).differences
    store(lake, binance__ETH=[(2.0, 2.0)] * 12, bybit__ETH=[4.0] * 12)
    assert len(judged(lake).names) == 2


def test_prices_that_became_known_later_are_let_in_only_where_asked_for(lake, tmp_path):
    store(lake, binance__GAS=[4.0] * 12)
    store(lake, NOON + BAR, bybit__GAS=[0.002] * 12)
    assert not judged(lake).differences
    assert judged(lake, known_by=NOON + BAR).names
    lake.publish()
    assert '"base": "GAS (bybit)"' in by_hand(tmp_path, "known_by=")
    assert '"base": "GAS"' in by_hand(tmp_path)


def test_a_price_that_is_not_known_is_not_judged(lake):
    """A venue without prices keeps the name; a hole neither counts nor breaks the hour."""
    store(lake, binance__GAS=[4.0] * 14, okx__GAS=[None] * 14, bybit__GAS=[0.002] * 14)
    names = judged(lake).names
    assert set(names) == {("binance", GAS), ("bybit", GAS)}
    holes = [0.002] * 6 + [None, None] + [0.002] * 6
    store(lake, binance__ETH=[4.0] * 14, bybit__ETH=holes, okx__ETH=[None] * 14)
    assert ("bybit", "ETH/USDT:USDT") in judged(lake).names
    store(lake, binance__SOL=[4.0] * 13, bybit__SOL=[0.002] * 5 + [None, None] + [0.002] * 6)
    assert ("bybit", "SOL/USDT:USDT") not in judged(lake).names


def test_the_name_stays_with_what_most_venues_mean(lake):
    store(lake, binance__GAS=[4.0] * 12, okx__GAS=[4.1] * 12, bybit__GAS=[0.002] * 12)
    assert dict(judged(lake).names) == {
        ("binance", GAS): "GAS",
        ("okx", GAS): "GAS",
        ("bybit", GAS): "GAS (bybit)",
    }


def test_venues_that_mean_the_same_other_coin_are_one(lake):
    """A newcomer goes with the price that it has, without an hour of its own."""
    store(
        lake,
        binance__GAS=[4.0] * 12,
        okx__GAS=[4.0] * 12,
        bybit__GAS=[0.002] * 12,
        hyperliquid__GAS=[0.0021] * 3,
    )
    names = set(judged(lake).names.values())
    assert names == {"GAS (binance, okx)", "GAS (bybit, hyperliquid)"}


def test_one_venue_may_list_both(lake):
    store(lake, binance__GAS=[4.0] * 12)
    store(lake, binance__1000GAS=[2.0] * 12)
    list_(lake, "binance", "1000GAS/USDT:USDT", "GAS", multiplier=1000)
    assert set(judged(lake).names.values()) == {
        "GAS (1000GAS/USDT on binance)",
        "GAS (GAS/USDT on binance)",
    }


def test_compares_coins_not_quoted_units(lake):
    """0.007 for a thousand and 0.000007 for one is one price; unlisted, only the latter is sure."""
    store(lake, binance__1000PEPE=[0.007] * 12, okx__PEPE=[0.000007] * 12)
    assert not judged(lake).differences
    list_(lake, "binance", "1000PEPE/USDT:USDT", "PEPE", multiplier=1000)
    assert not judged(lake).differences
    list_(lake, "bybit", "1000PEPE/USDT:USDT", "PEPE", multiplier=1000)
    store(lake, bybit__1000PEPE=[0.07] * 12)
    assert judged(lake).names["bybit", "1000PEPE/USDT:USDT"] == "PEPE (bybit)"


def test_a_share_and_a_coin_of_one_name_are_two_by_the_venues_word(lake):
    """From the first moment, whatever their prices; shares of two venues are one."""
    for venue, kind in (("binance", "stock"), ("okx", "stock"), ("bybit", "coin")):
        list_(lake, venue, "CAT/USDT:USDT", "CAT", asset_class=kind)
    list_(lake, "hyperliquid", "CAT/USDC:USDC", "CAT")
    found = judged(lake)
    assert dict(found.names) == {
        ("binance", "CAT/USDT:USDT"): "CAT (stock)",
        ("okx", "CAT/USDT:USDT"): "CAT (stock)",
    }
    store(lake, binance__CAT=[500.0] * 12, bybit__CAT=[0.002] * 12, okx__CAT=[501.0] * 12)
    assert judged(lake).differences == ()


def test_panels_are_by_what_is_counted(lake):
    """Whoever groups by base, and asks for one, gets it from the panel."""
    store(lake, binance__GAS=[4.0] * 12, okx__GAS=[4.0] * 12, bybit__GAS=[0.002] * 12)
    store(lake, binance__CAT=[500.0] * 12, bybit__CAT=[0.002] * 12)
    list_(lake, "binance", "CAT/USDT:USDT", "CAT", asset_class="stock")

    def of(*names):
        only = Only(bases=names or None)
        with lake.cursor() as cursor:
            given = {"bars": 12, "only": only, "counted": bases(cursor, NOON)}
            panel = load(cursor, ["oi_usd"], "5m", now=NOON, **given)
        return [pair[::2] for pair in panel.instruments]

    every = [
        ("bybit", "CAT"),
        ("binance", "CAT (stock)"),
        ("binance", "GAS"),
        ("okx", "GAS"),
        ("bybit", "GAS (bybit)"),
    ]
    assert of() == every
    assert of("GAS") == every[2:4]
    assert of("GAS (bybit)", "CAT (stock)") == [every[1], every[4]]
    assert of("CAT") == every[:1]
    with lake.cursor() as cursor:
        panels = load_timeframes(cursor, Thresholds(), ["5m"], now=NOON)
    assert [pair[::2] for pair in panels["5m"].instruments] == every


def by_hand(folder, *more):
    """Return what ``perpscope query`` says of all pairs at noon."""
    with (folder / "out").open("w+") as out:
        given = ["since=24h", "span_s=300", "now=2026-03-01T12:00:00Z", *more]
        ask(folder, "pairs", given, "json", out, wall=NOON)
        out.seek(0)
        return out.read()


def test_a_query_by_hand_says_the_same(lake, tmp_path):
    store(lake, binance__GAS=[4.0] * 12, bybit__GAS=[0.002] * 12)
    lake.publish()
    text = by_hand(tmp_path)
    assert '"base": "GAS (binance)"' in text
    assert '"base": "GAS (bybit)"' in text
