"""A pair's history: figures by hand, holes that stay holes, and several instruments as one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.indicators import change, momentum
from analytics.market.pair_history import _COMPARED, METRICS, history, warm_up_bars
from analytics.panels.panel import FLOWS, Pair, Panel
from analytics.signals.tiers import z_oi

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)
BAR = timedelta(minutes=5)
BINANCE, OKX = ("binance", "BTC/USDT:USDT"), ("okx", "BTC/USDT:USDT")


def panel(instruments, now=NOW):
    """A 5-minute panel that ends at *now*: of each instrument the metrics' newest values.

    None is a bar that is not there; a number stands for all its bars.
    """
    rows = []
    for (venue, symbol), metrics in instruments.items():
        longest = max(len(v) for v in metrics.values() if isinstance(v, list))
        for back in range(longest):
            values = {}
            for name, given in metrics.items():
                values[name] = given[longest - 1 - back] if isinstance(given, list) else given
            if all(value is None for value in values.values()):
                continue
            key = {"venue": venue, "symbol": symbol, "base": "BTC"}
            rows.append({**key, "ts": now - (back + 1) * BAR, **values})
    frame = pd.DataFrame(rows)
    for name in frame.columns.difference(["venue", "symbol", "base", "ts"]):
        frame[name] = frame[name].astype(float)
    return Panel.from_frame(with_flows(frame), "5m", now=now)


def with_flows(frame):
    """*frame* with what was traded, and with flows known wherever they are, unless it says."""
    if "taker_buy_usd" in frame and "traded_usd" not in frame:
        frame["traded_usd"] = frame["taker_buy_usd"] + frame["taker_sell_usd"]
    for name in {*FLOWS} & {*frame.columns}:
        if (known := name.replace("_usd", "_coverage_pct")) not in frame:
            frame[known] = 100.0 * frame[name].notna()
    return frame


def lines(instruments, pair=None, bars=100, multipliers=None):
    return history(panel(instruments), pair, bars, multipliers or {})


def test_an_instruments_lines_are_worked_out_by_hand():
    """Each quantity from the bars' own metrics, in GLOSSARY.md's units."""
    found = lines(
        {
            BINANCE: {
                "close": [100.0, 102.0],
                "mark": [99.0, 100.5],
                "index": [100.0, 101.0],
                "oi_usd": [1e9, 1.1e9],
                "funding_rate": [0.0001, 0.0002],
                "funding_interval_h": 4.0,
                "ls_accounts": [2.0, 1.5],
                "book_imbalance": [0.25, -0.5],
                "taker_buy_usd": [30.0, 10.0],
                "taker_sell_usd": [10.0, 30.0],
                "liq_long_usd": [0.0, 5.0],
                "liq_short_usd": [7.0, 0.0],
            }
        },
        BINANCE,
    )

    known = {name: line.tolist() for name, line in found.lines.items()}
    assert known["oi_delta_pct"][1] == pytest.approx(10)
    assert known["ls_delta_pct"][1] == pytest.approx(-25)
    assert known["funding_8h_pct"] == pytest.approx([0.02, 0.04])
    assert known["book_imbalance_pct"] == pytest.approx([25, -50])
    assert known["taker_imbalance_pct"] == pytest.approx([50, -50])
    assert known["traded_usd"] == [40, 40]
    assert known["cvd_usd"] == [20, 0]
    assert known["basis_pct"] == pytest.approx([-1, -100 / 202])
    assert known["last_premium_pct"] == pytest.approx([0, 100 / 101])
    assert known["liq_long_usd"] == [0, 5]
    assert found.price_of == Pair(*BINANCE, "BTC")


def test_coins_add_up_over_venues_as_dollars_do():
    """And who joins makes no step: the bar before is scaled to the two of now."""
    found = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": 1.0, "oi_base": [10.0, 11.0, 12.0]},
            OKX: {"close": 1.0, "oi_usd": 1.0, "oi_base": [None, 4.0, 4.0]},
        },
    )

    assert found.lines["oi_base"].tolist() == pytest.approx([150 / 11, 15, 16])
    assert [pair.venue for pair in found.others] == ["binance", "okx"]
    assert found.others[Pair(*BINANCE, "BTC")]["oi_base"].tolist() == [10, 11, 12]


def test_indicators_look_back_beyond_the_left_edge():
    """With the warm-up loaded, the first bar shown has all its indicators."""
    rng = np.random.default_rng(5)
    bars = 30
    closes = (100 + rng.normal(0, 1, warm_up_bars("5m") + bars).cumsum()).tolist()
    interest = (1e9 * (1 + rng.normal(0, 0.01, warm_up_bars("5m") + bars))).tolist()
    whole = panel({BINANCE: {"close": closes, "oi_usd": interest}})

    found = history(whole, BINANCE, bars, {})

    assert len(found.times) == bars
    for name in ("rsi_14", "bollinger_upper", "bollinger_lower", "ema_50", "z_oi", "oi_delta_pct"):
        assert np.isfinite(found.lines[name]).all(), name
    column = np.array(closes)[:, None]
    assert found.lines["rsi_14"] == pytest.approx(momentum.rsi(column)[-bars:, 0])
    delta_pct = change.delta_pct(np.array(interest)[:, None])
    assert found.lines["z_oi"] == pytest.approx(z_oi(delta_pct)[-bars:, 0])


def test_the_cumulative_flow_begins_at_the_left_edge():
    """Not in the warm-up, which nobody sees."""
    flows = {"taker_buy_usd": [1000.0, 3.0, 2.0], "taker_sell_usd": [0.0, 1.0, 5.0]}

    found = lines({BINANCE: {"close": 1.0, **flows}}, BINANCE, bars=2)

    assert found.lines["cvd_usd"].tolist() == [2, -1]


def test_a_base_is_sums_and_means_by_open_interest():
    """Three quarters of the open interest pay 0.04 %, one quarter receives 0.04 %."""
    paid = {"funding_interval_h": 8.0}

    found = lines(
        {
            BINANCE: {"close": [100.0], "oi_usd": 3e9, "funding_rate": 0.0004, **paid},
            OKX: {"close": [101.0], "oi_usd": 1e9, "funding_rate": -0.0004, **paid},
        }
    )

    assert found.lines["oi_usd"].tolist() == [4e9]
    assert found.lines["funding_8h_pct"] == pytest.approx([0.02])
    assert found.lines["close"].tolist() == [100]
    assert found.price_of.venue == "binance"
    assert {pair.venue for pair in found.others} == {"binance", "okx"}


def test_a_venue_that_falls_silent_is_no_fall_of_open_interest():
    """The sum is absent while one of its parts is, and is back with it."""
    found = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": [3.0, 3.0, 3.0, 3.0]},
            OKX: {"close": 1.0, "oi_usd": [1.0, None, None, 1.0]},
        }
    )

    assert found.lines["oi_usd"].tolist() == pytest.approx([4, np.nan, np.nan, 4], nan_ok=True)


def test_a_venue_that_is_silent_now_leaves_the_sum_open():
    """Nobody knows yet whether it will be back."""
    found = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": [3.0, 3.0, 3.0]},
            OKX: {"close": 1.0, "oi_usd": [1.0, 1.0, None]},
        }
    )

    assert found.lines["oi_usd"].tolist() == pytest.approx([4, 4, np.nan], nan_ok=True)


def test_who_has_not_begun_or_is_long_gone_is_not_missed():
    """A listing does not blank the time before it, nor a delisting the time after."""
    day = 289

    begun = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": [3.0] * 3},
            OKX: {"close": 1.0, "oi_usd": [1.0]},
        }
    )
    gone = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": [3.0] * (day + 1)},
            OKX: {"close": [1.0, *[None] * day], "oi_usd": [1.0, *[None] * day]},
        },
        bars=1000,
    )

    assert begun.lines["oi_usd"].tolist() == [4, 4, 4]
    assert gone.lines["oi_usd"].tolist() == [3, *[3] * day]


def wandering(bars, seed):
    rng = np.random.default_rng(seed)
    return (1e9 * np.cumprod(1 + rng.normal(0, 0.002, bars))).tolist()


def test_who_is_not_collected_any_more_is_not_missed_for_a_day():
    """OKX left the universe two bars ago: what is left goes on, and nothing jumps."""
    both = panel({BINANCE: {"oi_usd": [3, 3, 6, 6]}, OKX: {"oi_usd": [1, 1, None, None]}})

    left = history(both, None, 4, {}, collected={BINANCE}).lines["oi_usd"]
    silent = history(both, None, 4, {}, collected={BINANCE, OKX}).lines["oi_usd"]

    assert left.tolist() == [3, 3, 6, 6]
    assert silent[:2].tolist() == [4, 4]
    assert np.isnan(silent[2:]).all()


@pytest.mark.parametrize("way", ["joins", "leaves"])
def test_who_joins_or_leaves_moves_no_change(way):
    """A third of the open interest comes, or goes for good: changes and z are of those in both."""
    bars, at = 600, 200
    staying, other = np.array(wandering(bars, 1)), np.array(wandering(bars, 2)) / 2
    there = np.arange(bars) >= at if way == "joins" else np.arange(bars) < at
    there_then = there[:-1] & there[1:]

    found = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": staying.tolist()},
            OKX: {"close": 1.0, "oi_usd": np.where(there, other, None).tolist()},
        },
        bars=1000,
    )

    before = staying[:-1] + np.where(there_then, other[:-1], 0)
    after = staying[1:] + np.where(there_then, other[1:], 0)
    changes = 100 * (after / before - 1)
    np.testing.assert_allclose(found.lines["oi_delta_pct"][1:], changes, rtol=1e-9, atol=1e-9)
    rolling = pd.Series(changes).shift().rolling(20)
    z = ((changes - rolling.mean()) / rolling.std()).to_numpy()
    np.testing.assert_allclose(found.lines["z_oi"][1:][20:], z[20:], rtol=1e-6)
    newest = staying[-1] + (other[-1] if there[-1] else 0)
    assert found.lines["oi_usd"][-1] == newest
    assert found.mixed_at.tolist() == [found.times[at].item()]


def test_nothing_is_known_of_a_step_from_one_instrument_to_another():
    """The old contract was gone for more than a day when the new one came."""
    found = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": [5.0, 5.0, *[None] * 300]},
            OKX: {"close": 1.0, "oi_usd": [*[None] * 300, 8.0, 8.0]},
        },
        bars=1000,
    )

    known = found.lines["oi_usd"][np.isfinite(found.lines["oi_usd"])]
    assert known.tolist() == [5, 8, 8]
    assert np.isfinite(found.lines["oi_delta_pct"]).sum() == 1


def test_long_short_of_several_is_of_shares_of_longs_and_its_change_of_those_in_both():
    """2 and 0.5 are 1; a third that joins with 9 moves the mean and not the change."""
    third = ("bybit", "BTC/USDT:USDT")
    found = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": 1.0, "ls_accounts": [2.0, 2.0]},
            OKX: {"close": 1.0, "oi_usd": 1.0, "ls_accounts": [0.5, 0.5]},
            third: {"close": 1.0, "oi_usd": 1.0, "ls_accounts": [None, 9.0]},
        }
    )

    longs = (2 / 3 + 1 / 3 + 9 / 10) / 3
    assert found.lines["ls_accounts"] == pytest.approx([1, longs / (1 - longs)])
    assert found.lines["ls_delta_pct"][1] == pytest.approx(0, abs=1e-12)


def test_the_parts_of_a_change_of_open_interest_add_up_to_it():
    """10 coins at 100 become 12 at 110: 110 from the price, 210 from contracts."""
    found = lines(
        {
            BINANCE: {"close": 1.0, "oi_usd": [1000.0, 1320.0], "oi_base": [10.0, 12.0]},
            OKX: {"close": 1.0, "oi_usd": [500.0, 500.0], "oi_base": [5.0, 5.0]},
        }
    )

    assert found.lines["oi_price_usd"][1] == pytest.approx(110)
    assert found.lines["oi_contracts_usd"][1] == pytest.approx(210)
    assert np.isnan(found.lines["oi_price_usd"][0])


def test_a_flow_says_how_much_of_it_is_known():
    """Of the venues' bars the mean; a running sum is of the time since it began."""
    found = lines(
        {
            BINANCE: {
                "close": 1.0,
                "taker_buy_usd": [None, 3.0, 3.0, 3.0, 3.0],
                "taker_sell_usd": [None, 1.0, 1.0, 1.0, 1.0],
                "taker_buy_coverage_pct": [0.0, 100.0, 100.0, 80.0, 100.0],
                "taker_sell_coverage_pct": [0.0, 100.0, 100.0, 90.0, 100.0],
                "traded_coverage_pct": [0.0, 100.0, 100.0, 80.0, 100.0],
            }
        },
        BINANCE,
    )

    assert found.coverage["taker_imbalance_pct"].tolist() == [0, 100, 100, 80, 100]
    assert found.coverage["cvd_usd"] == pytest.approx([0, 100, 100, 280 / 3, 95])
    assert found.partial("traded_usd").tolist() == [False, False, False, True, False]
    assert found.partial("cvd_usd").tolist() == [False, False, False, True, True]
    assert not found.partial("oi_usd").any()


def test_a_running_sum_of_less_than_three_quarters_is_absent():
    """Two of the three bars since its beginning: the third lies in a gap."""
    flows = {"taker_buy_usd": [2.0, None, 2.0, 2.0], "taker_sell_usd": [1.0, None, 1.0, 1.0]}

    found = lines({BINANCE: {"close": 1.0, **flows}}, BINANCE)

    assert found.lines["cvd_usd"].tolist() == pytest.approx([1, np.nan, np.nan, 3], nan_ok=True)
    assert found.partial("cvd_usd").tolist() == [False, False, False, True]


def test_the_lead_is_the_one_asked_for_or_the_largest_now():
    """Not the largest of the stretch: the header says whose price it is by the newest figures."""
    both = panel(
        {
            BINANCE: {"close": 1.0, "oi_usd": [9.0, 9.0, 3.0]},
            OKX: {"close": 2.0, "oi_usd": [1.0, 1.0, 4.0]},
        }
    )

    assert history(both, None, 9, {}).price_of[:2] == OKX
    assert history(both, None, 9, {}, lead=BINANCE).price_of[:2] == BINANCE
    assert history(both, None, 9, {}, lead=("bybit", "X")).price_of[:2] == OKX


def test_optional_indicators_are_those_of_the_library_of_indicators():
    """Realised volatility, ATR, robust z and OBV, by pandas and by hand."""
    rng = np.random.default_rng(8)
    close = 100 * np.cumprod(1 + rng.normal(0, 0.01, 120))
    interest = np.array(wandering(120, 4))
    found = lines(
        {
            BINANCE: {
                "close": close.tolist(), "high": (close + 1).tolist(), "low": (close - 2).tolist(),
                "oi_usd": interest.tolist(), "traded_usd": [10.0] * 120,
            }
        },
        BINANCE,
        200,
    )  # fmt: skip

    returns = pd.Series(np.log(close)).diff()
    deviation = returns.rolling(20).std() * np.sqrt(365 * 288) * 100
    np.testing.assert_allclose(found.lines["volatility_pct"], deviation, rtol=1e-9)
    before = pd.Series(close).shift()
    ranges = np.maximum(close + 1, before) - np.minimum(close - 2, before)
    mean = ranges[1:15].mean()
    for one in ranges[15:]:
        mean += (one - mean) / 14
    assert found.lines["atr_14"][-1] == pytest.approx(mean)
    change = pd.Series(100 * (interest[1:] / interest[:-1] - 1))
    last = change.iloc[-21:-1]
    mad = 1.4826 * (last - last.median()).abs().median()
    assert found.lines["z_robust"][-1] == pytest.approx((change.iloc[-1] - last.median()) / mad)
    steps = 10 * np.sign(np.diff(close))
    np.testing.assert_allclose(np.diff(found.lines["obv_usd"]), steps)


def test_who_never_states_a_metric_is_named():
    """A sum or mean says whom it is without."""
    found = lines(
        {
            BINANCE: {"close": [1.0], "oi_usd": 3.0, "ls_top_accounts": 2.0},
            OKX: {"close": [1.0], "oi_usd": 1.0},
        }
    )

    assert found.lines["ls_top_accounts"].tolist() == [2]
    assert [pair.venue for pair in found.without["ls_top_accounts"]] == ["okx"]
    assert found.without["oi_usd"] == ()


def test_other_venues_quote_the_same_coins():
    """1000PEPE at 0.01 is PEPE at 0.00001."""
    many = ("bybit", "1000PEPE/USDT:USDT")
    one = ("okx", "PEPE/USDT:USDT")
    multipliers = {Pair(*many, "BTC"): 1000.0, Pair(*one, "BTC"): 1.0}

    found = lines({many: {"close": [0.01]}, one: {"close": [0.000011]}}, many, 1, multipliers)

    assert found.others[Pair(*one, "BTC")]["close"] == pytest.approx([0.011])


def test_nothing_recorded_is_no_history():
    """Neither of an instrument that is not there, nor of an empty panel."""
    assert lines({BINANCE: {"close": [1.0]}}, OKX) is None
    empty = pd.DataFrame({"venue": [], "symbol": [], "base": [], "ts": pd.to_datetime([])})
    assert history(Panel.from_frame(empty, "5m", now=NOW), None, 9, {}) is None


@pytest.mark.parametrize("known", [["close"], ["oi_usd"], []])
def test_a_metric_without_a_value_is_absent_throughout(known):
    """Nothing is made up of it, and nothing fails."""
    metrics = {name: [1.0] * 3 if name in known else [None] * 3 for name in METRICS}
    metrics["snapshot_count"] = [10.0] * 3

    found = lines({BINANCE: metrics}, BINANCE)

    assert found.known("close") == (3 if "close" in known else 0)
    assert found.known("oi_usd") == (3 if "oi_usd" in known else 0)
    assert found.known("ls_accounts", "cvd_usd", "rsi_14") == 0


def test_all_lines_are_of_one_length():
    """One time axis serves all."""
    found = lines({BINANCE: {"close": [1.0, None, 2.0]}}, BINANCE)

    assert {len(line) for line in found.lines.values()} == {3}
    assert len(found.times) == 3
    assert set(_COMPARED) <= set(found.lines)


def test_funding_is_carried_from_what_was_known_before_and_stays_apart():
    """From before the left edge too; not past the last price; the known line keeps its holes."""
    found = lines(
        {
            BINANCE: {
                "close": [100.0, 100.0, 100.0, 100.0, 100.0, None],
                "oi_usd": [1e9, 1e9, 1e9, 1e9, 1e9, 1e9],
                "funding_rate": [0.0001, None, None, 0.0002, None, None],
                "funding_interval_h": 8.0,
            }
        },
        bars=5,
    )

    known, carried = (found.lines[f"funding_{part}8h_pct"] for part in ("", "carried_"))
    np.testing.assert_allclose(known, [np.nan, np.nan, 0.02, np.nan, np.nan])
    np.testing.assert_allclose(carried, [0.01, 0.01, np.nan, 0.02, np.nan])


def test_vwap_is_the_leads_since_midnight_and_says_how_much_of_it_is_known():
    """The bars of the day before do not count; of less than three quarters there is no average."""
    bought = [60.0, 60.0, 90.0, 90.0, None, 90.0, None, 90.0]
    prices = [5.0, 5.0, 100.0, 50.0, 60.0, 90.0, 90.0, 90.0]
    bars = {**dict.fromkeys(("high", "low", "close"), prices), "taker_buy_usd": bought}
    now = datetime(2025, 10, 22, 0, 30, tzinfo=UTC)
    whole = panel({BINANCE: {**bars, "taker_sell_usd": 0.0, "oi_usd": 1.0}}, now=now)

    found = history(whole, BINANCE, 7, {})

    nan = np.nan
    expected = [nan, 100, 180 / 2.7, nan, 270 / 3.7, nan, nan]
    np.testing.assert_allclose(found.lines["vwap"], expected)
    assert found.partial("vwap").tolist() == [False] * 4 + [True] + [False] * 2
