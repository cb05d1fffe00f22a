"""Signals: every tier by hand, at its thresholds, with inputs absent, live and in history."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.errors import QueryError, SettingsError
from analytics.panels.panel import Pair, Panel
from analytics.signals.fired import all_signals, latest_signals
from analytics.signals.oi_share import oi_shares
from analytics.signals.thresholds import Thresholds
from analytics.signals.tiers import (
    METRICS,
    Z_BARS,
    bars_needed,
    confluence,
    median_of_venue,
    tiers,
    z_oi,
)

NAN = np.nan
NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
BAR = timedelta(minutes=5)
DEFAULT = Thresholds(ls_accounts=2.0, funding_8h_pct=0.01)
"""Those that the figures below are reckoned for."""

BTC = Pair("binance", "BTC/USDT:USDT", "BTC")
BYBIT_BTC = Pair("bybit", "BTC/USDT:USDT", "BTC")
ALTS = tuple(Pair("binance", f"{base}/USDT:USDT", base) for base in ("ADA", "DOT", "ETH", "SOL"))

SWAY = np.tile([1.0, -1.0], Z_BARS // 2)
"""Changes of open interest about a mean of 0, their sample deviation the root of 20/19. [%]"""
Z_OF_3 = 3 / np.sqrt(20 / 19)


def panel_of(values, instruments=(BTC,), now=NOON):
    """A panel that ends at *now*, of lists by bar for one instrument or rows for several."""
    arrays = {
        name: np.asarray(metric, dtype=float).reshape(-1, len(instruments))
        for name, metric in values.items()
    }
    bars = len(next(iter(arrays.values())))
    end = np.datetime64(now.replace(tzinfo=None), "ms")
    times = end - np.arange(bars, 0, -1) * np.timedelta64(BAR)
    return Panel(times.astype("datetime64[ms]"), tuple(instruments), arrays, "5m", now)


def levels(deltas_pct):
    """Open interest that changes by *deltas_pct*, one bar more. [USD]"""
    return 1e6 * np.cumprod(np.concatenate([[1], 1 + np.asarray(deltas_pct) / 100]))


def unusual(last_pct=3.0, ls_accounts=2.5, book_imbalance=-0.04):
    """Open interest sways by 1 % for 20 bars, then moves by *last_pct*; 22 bars."""
    bars = Z_BARS + 2
    return {
        "oi_usd": levels([*SWAY, last_pct]),
        "ls_accounts": np.full(bars, ls_accounts),
        "book_imbalance": np.full(bars, book_imbalance),
    }


def fired(panel, thresholds=DEFAULT):
    return [signal.tier for signal in latest_signals(panel, thresholds)]


def one(panel, tier, thresholds=DEFAULT):
    """The one signal of *tier*."""
    (signal,) = (s for s in latest_signals(panel, thresholds) if s.tier == tier)
    return signal


# z_oi and confluence


def test_z_by_hand():
    """Of 20 changes of 1 % to and fro, 3 % is 3 over the root of 20/19: 2.924."""
    z = z_oi(np.array([*SWAY, 3.0])[:, None])

    assert np.isnan(z[:Z_BARS]).all()
    assert z[Z_BARS, 0] == pytest.approx(Z_OF_3)
    assert z[Z_BARS, 0] == pytest.approx(2.924, abs=0.0005)


def test_z_reaches_over_a_short_gap_but_not_over_a_long_one():
    """20 known bars among the 40 before are enough; one bar further back they are not."""
    for gap, known in ((20, True), (21, False)):
        deltas = np.array([*SWAY, *[NAN] * gap, 3.0])

        assert np.isfinite(z_oi(deltas[:, None])[-1, 0]) == known


@pytest.mark.parametrize(
    ("z", "ls_accounts", "imbalance_pct", "share", "known"),
    [
        pytest.param(2.6, 2.1, 3.1, 1, 3, id="all three"),
        pytest.param(2.6, 2.1, -3.1, 1, 3, id="imbalance on the other side"),
        pytest.param(2.6, 2.1, 1.0, 2 / 3, 3, id="two of three"),
        pytest.param(1.0, 1.0, 1.0, 0, 3, id="none"),
        pytest.param(2.5, 2.0, 3.0, 0, 3, id="exactly the thresholds"),
        pytest.param(-2.6, 2.1, -3.0, 1 / 3, 3, id="z downwards does not count"),
        pytest.param(2.6, NAN, 1.0, 1 / 2, 2, id="long/short absent"),
        pytest.param(NAN, 2.1, NAN, 1, 1, id="only long/short known"),
        pytest.param(NAN, NAN, NAN, NAN, 0, id="nothing known"),
    ],
)
def test_confluence_by_hand(z, ls_accounts, imbalance_pct, share, known):
    """The share is of what is known, and says how many that is."""
    inputs = (np.array([[value]]) for value in (z, ls_accounts, imbalance_pct))

    found = confluence(*inputs, DEFAULT)

    assert found.share[0, 0] == pytest.approx(share, nan_ok=True)
    assert found.known[0, 0] == known


def test_what_is_unknown_neither_fires_nor_counts_as_calm():
    """Tier 2 is false once one condition is, whatever the others; else unknown."""
    for change, answer in (
        ({}, 1),
        ({"ls_accounts": 1, "book_imbalance": NAN}, 0),
        ({"ls_accounts": NAN}, NAN),
    ):
        tier_2 = tiers(panel_of(unusual(**change)), DEFAULT)[1]

        assert tier_2.fired[-1, 0] == pytest.approx(answer, nan_ok=True)


# Tiers 1 and 2


def test_tiers_1_and_2_by_hand():
    """z 2.92, 2.5 accounts long to one short, 4 % more asks: both tiers, and all they saw."""
    panel = panel_of(unusual())

    signal = one(panel, 2)

    assert fired(panel) == [1, 2]
    assert (signal.venue, signal.symbol, signal.base) == BTC
    assert (signal.timeframe, signal.ts, signal.now) == ("5m", NOON - BAR, NOON)
    assert signal.values == {
        "z_oi": pytest.approx(Z_OF_3),
        "oi_delta_pct": pytest.approx(3),
        "oi_usd": pytest.approx(1e6 * 0.9999**10 * 1.03),
        "ls_accounts": 2.5,
        "book_imbalance_pct": -4,
        "confluence": 1,
        "confluence_known": 3,
    }
    assert signal.thresholds == {"z_oi": 2.5, "ls_accounts": 2.0, "book_imbalance_pct": 3.0}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, [1, 2], id="over all three"),
        pytest.param({"last_pct": 2.0}, [], id="z too small"),
        pytest.param({"last_pct": -3.0}, [], id="z downwards"),
        pytest.param({"ls_accounts": 2.0}, [1], id="long/short exactly 2"),
        pytest.param({"ls_accounts": NAN}, [1], id="long/short absent"),
        pytest.param({"book_imbalance": 0.03}, [1], id="imbalance exactly 3 %"),
        pytest.param({"book_imbalance": 0.0301}, [1, 2], id="imbalance just over"),
        pytest.param({"book_imbalance": NAN}, [1], id="imbalance absent"),
        pytest.param({"book_imbalance": np.inf}, [1], id="imbalance infinite"),
        pytest.param({"last_pct": NAN}, [], id="open interest absent"),
    ],
)
def test_what_tiers_1_and_2_ask_for(change, expected):
    """Tier 2 needs all three known and true."""
    assert fired(panel_of(unusual(**change))) == expected


def test_z_must_exceed_its_threshold():
    """A threshold of exactly z does not fire; the next number below does."""
    panel = panel_of(unusual(ls_accounts=1))
    z = one(panel, 1).values["z_oi"]

    assert fired(panel, Thresholds(z_oi=z)) == []
    assert fired(panel, Thresholds(z_oi=np.nextafter(z, 0))) == [1]


def test_absent_values_are_none_in_what_was_seen():
    """None, as everywhere outside of arrays; of the two known conditions one holds."""
    values = unusual(ls_accounts=NAN, book_imbalance=0.01)

    seen = one(panel_of(values), 1).values

    assert seen["ls_accounts"] is None
    assert (seen["confluence"], seen["confluence_known"]) == (0.5, 2)


def test_19_changes_are_too_few():
    """Nothing fires before 20 bars exist."""
    values = {name: metric[1:] for name, metric in unusual().items()}

    assert fired(panel_of(values)) == []


# Tier 3


def pushed(oi=(100, 102), close=(50, 51), bought=900.0, sold=400.0):
    return {
        "oi_usd": oi,
        "close": close,
        "taker_buy_usd": [NAN, bought],
        "taker_sell_usd": [NAN, sold],
    }


def test_tier_3_by_hand():
    """Price +2 %, takers bought 500 dollars more than they sold, open interest +2 %."""
    signal = one(panel_of(pushed()), 3)

    assert signal.values == pytest.approx(
        {"oi_delta_pct": 2, "price_delta_pct": 2, "cvd_delta_usd": 500}
    )
    assert signal.thresholds == {"oi_delta_pct": 1.0}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"close": (50, 49), "bought": 100}, [3], id="both down"),
        pytest.param({"close": (50, 49)}, [], id="bought into a fall"),
        pytest.param({"close": (50, 50)}, [], id="price stood still"),
        pytest.param({"bought": 400}, [], id="flow balanced"),
        pytest.param({"oi": (100, 101)}, [], id="open interest exactly 1 %"),
        pytest.param({"oi": (100, 101.01)}, [3], id="open interest just over"),
        pytest.param({"oi": (100, 97)}, [], id="open interest falls"),
        pytest.param({"oi": (NAN, 102)}, [], id="no open interest before"),
        pytest.param({"close": (NAN, 51)}, [], id="no price before"),
        pytest.param({"sold": NAN}, [], id="no flow"),
    ],
)
def test_what_tier_3_asks_for(change, expected):
    """Agreement has a direction; what is absent agrees with nothing."""
    assert fired(panel_of(pushed(**change))) == expected


# Tier 4


def paying(rate=0.0002, interval_h=8.0, oi=(100.0, 99.0), others=(0.0001, 0.00005, 0.0001)):
    """BTC and three others of the venue, which rest; only BTC's open interest falls."""
    still = [100.0] * len(others)
    return {
        "funding_rate": [[rate, *others]] * 2,
        "funding_interval_h": [[interval_h, *[8] * len(others)]] * 2,
        "oi_usd": [[oi[0], *still], [oi[1], *still]],
    }


def tier_4(thresholds=DEFAULT, **change):
    values = paying(**change)
    instruments = (BTC, *ALTS)[: len(values["oi_usd"][0])]
    return [
        signal
        for signal in latest_signals(panel_of(values, instruments), thresholds)
        if signal.tier == 4
    ]


def test_tier_4_by_hand():
    """0.02 % among 0.005, 0.01 and 0.01: 0.01 over the median of the four; open interest -1 %."""
    (signal,) = tier_4()

    assert (signal.venue, signal.symbol, signal.base) == BTC
    assert signal.values == pytest.approx(
        {"funding_8h_pct": 0.02, "funding_excess_pct": 0.01, "oi_delta_pct": -1}
    )
    assert signal.thresholds == {
        "funding_8h_pct": 0.01,
        "funding_excess_pct": 0.0,
        "funding_instruments": 3,
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"rate": 0.0001, "others": (0.00005,) * 3}, 0, id="exactly 0.01 %"),
        pytest.param(
            {"rate": 0.00005, "interval_h": 4, "others": (0.00005,) * 3}, 0, id="0.01 % rebased"
        ),
        pytest.param({"rate": 0.00006, "interval_h": 4}, 1, id="0.012 % rebased"),
        pytest.param({"others": (0.0002,) * 3}, 0, id="exactly the venue's median"),
        pytest.param({"others": (0.0003,) * 3}, 0, id="below the venue's median"),
        pytest.param({"others": (0.0001,)}, 0, id="too few for a median"),
        pytest.param({"others": (0.0001, 0.0001)}, 1, id="just enough for a median"),
        pytest.param({"others": (NAN, 0.0001, NAN)}, 0, id="too few are known"),
        pytest.param({"oi": (100, 100)}, 0, id="open interest stands still"),
        pytest.param({"oi": (100, 101)}, 0, id="open interest rises"),
        pytest.param({"oi": (NAN, 99)}, 0, id="open interest absent"),
        pytest.param({"rate": NAN}, 0, id="funding absent"),
        pytest.param({"interval_h": NAN}, 0, id="interval absent"),
        pytest.param({"interval_h": 0}, 0, id="interval of nothing"),
    ],
)
def test_what_tier_4_asks_for(change, expected):
    """The resting rate is no news, nor is what the whole venue pays."""
    assert len(tier_4(**change)) == expected


def test_excess_must_exceed_its_threshold():
    """0.02 % is 0.01 over the median of 0.01."""
    assert tier_4(replace(DEFAULT, funding_excess_pct=0.01)) == []
    assert len(tier_4(replace(DEFAULT, funding_excess_pct=0.009))) == 1


def test_rounding_exceeds_no_threshold():
    """0.04 % less 0.03 is 0.010000000000000002 to a computer, and 0.01 to everybody else."""
    assert (
        tier_4(replace(DEFAULT, funding_excess_pct=0.01), rate=0.0004, others=(0.0003,) * 3) == []
    )


def test_the_median_is_of_the_instruments_own_venue():
    """What another venue pays does not matter, and one instrument has no median."""
    values = {
        "funding_rate": [[0.0002, 0.0001, 0.0001, 0.09]] * 2,
        "funding_interval_h": [[8] * 4] * 2,
        "oi_usd": [[100] * 4, [99] * 4],
    }
    panel = panel_of(values, (BTC, *ALTS[:2], BYBIT_BTC))

    assert [(s.venue, s.base) for s in latest_signals(panel, DEFAULT) if s.tier == 4] == [
        ("binance", "BTC")
    ]


def test_median_of_a_venue_by_hand():
    """Of 1, 2, 4 and 9 it is 3, without the 9 it is 2; of two values it is not known."""
    values = np.array([[9, 1, 4, 2, 70], [NAN, 1, 4, 2, 70], [NAN, 1, NAN, 2, 70]])

    found = median_of_venue(values, (BTC, *ALTS[:3], BYBIT_BTC), 3)

    expected = [[3, 3, 3, 3, NAN], [2, 2, 2, 2, NAN], [NAN] * 5]
    np.testing.assert_allclose(found, expected)


# Tier 5


def shared(last=60.0, bars=Z_BARS):
    """Binance's part of BTC beside Bybit's: to 51 and back to 50 by turns, then *last*. [USD]"""
    binance = np.array([50.0, *np.tile([51.0, 50.0], Z_BARS // 2)[:bars], last])
    return np.column_stack([binance, 100 - binance])


def tier_5(oi_usd, thresholds=DEFAULT, instruments=(BTC, BYBIT_BTC)):
    found = latest_signals(panel_of({"oi_usd": oi_usd}, instruments), thresholds)
    return [signal for signal in found if signal.tier == 5]


def test_tier_5_by_hand():
    """10 points more after changes of 1 to and fro are 10 over the root of 20/19; Bybit loses
    as much."""
    binance, bybit = tier_5(shared())

    assert (binance.venue, binance.symbol, binance.base) == ("binance", None, "BTC")
    assert binance.values == pytest.approx(
        {"oi_share_pct": 60, "z_oi_share": 10 / np.sqrt(20 / 19)}
    )
    assert bybit.venue == "bybit"
    assert bybit.values == pytest.approx({"oi_share_pct": 40, "z_oi_share": -10 / np.sqrt(20 / 19)})
    assert binance.thresholds == {"z_oi_share": 2.0}


def test_the_share_must_depart_by_more_than_its_threshold():
    """A threshold of exactly z does not fire."""
    z = tier_5(shared())[0].values["z_oi_share"]

    assert tier_5(shared(), Thresholds(z_oi_share=z + 1e-9)) == []
    assert len(tier_5(shared(), Thresholds(z_oi_share=z - 1e-9))) == 2
    assert tier_5(shared(52.0)) == []


def test_a_venue_that_falls_silent_is_no_departure_of_the_others():
    """Its share is gone, the others' is not theirs; nor when it comes back after a day."""
    silent = shared()
    silent[-1, 1] = NAN
    back = np.vstack([shared()[:-1], *[[50.0, NAN]] * 300, [50.0, 50.0]])

    assert tier_5(silent) == []
    assert tier_5(back) == []
    assert tier_5(back[:-1]) == []


def test_a_level_is_no_departure():
    """52 was never seen beside 50 and 51; a change of 1 was in every bar."""
    binance = np.array([*np.tile([50.0, 51.0], Z_BARS // 2 + 1), 52.0])

    assert tier_5(np.column_stack([binance, 100 - binance])) == []


def test_too_little_history_is_no_departure():
    """19 bars before are too few."""
    assert tier_5(shared(bars=Z_BARS - 1)) == []


def test_a_share_that_never_moves_does_not_depart():
    """One venue alone, or coins that stand still while the price moves in odd steps."""
    price = np.linspace(1, 1.3, Z_BARS + 2) ** 3
    coins = np.array([0.1, 0.7])

    alone = oi_shares(shared()[:, :1], (BTC,), window=Z_BARS)
    still = oi_shares(price[:, None] * coins, (BTC, BYBIT_BTC), window=Z_BARS)

    assert np.isnan(alone.z).all()
    assert alone.share_pct[-1, 0] == 100
    assert np.isnan(still.z).all()
    assert still.share_pct[-1].tolist() == [12.5, 87.5]


def test_all_bars_of_the_window_must_know_the_same_venues():
    """The first of the 20 bars before the last knew only one: nothing to compare with."""
    first_alone = shared()
    first_alone[0, 1] = NAN

    z = oi_shares(np.vstack([first_alone, [[55, 45]]]), (BTC, BYBIT_BTC), window=Z_BARS).z

    assert np.isnan(z[:-1]).all()
    assert np.isfinite(z[-1]).all()


def test_a_venues_contracts_of_one_base_make_one_share():
    """USDT and USDC contracts move 5 dollars from one to the other: the venue holds as much."""
    usdc = Pair("binance", "BTC/USDC:USDC", "BTC")
    binance, bybit = shared(51.0).T
    split = np.column_stack([binance * 0.5, binance * 0.5, bybit])
    split[-1, :2] += (5, -5)

    assert tier_5(split, instruments=(BTC, usdc, BYBIT_BTC)) == []


# Tier 6


def clustered(instruments, ago=0):
    """*instruments* with a tier-2 event in the last bar, the first of them *ago* bars before."""
    each = unusual()
    ahead = {name: np.concatenate([metric[:1].repeat(9), metric]) for name, metric in each.items()}
    early = {name: np.roll(metric, -ago) for name, metric in ahead.items()}
    if ago:
        early["oi_usd"][-ago:] = early["oi_usd"][-ago - 1]
    columns = [early, *[ahead] * (len(instruments) - 1)]
    return panel_of(
        {name: np.column_stack([column[name] for column in columns]) for name in each}, instruments
    )


def test_tier_6_by_hand():
    """Three bases at once are a cluster, of the whole market."""
    signal = one(clustered(ALTS[:3]), 6)

    assert (signal.venue, signal.symbol, signal.base) == (None, None, None)
    assert signal.values == {"tier_2_bases": 3}
    assert signal.thresholds == {"cluster_bases": 3, "cluster_bars": 4}


def test_one_coin_on_three_venues_is_no_cluster():
    """BTC on Binance, Bybit and OKX is one base, with two others it is three."""
    everywhere = (BTC, BYBIT_BTC, Pair("okx", "BTC/USDT:USDT", "BTC"))

    assert 6 not in fired(clustered(everywhere))
    assert one(clustered((*everywhere, *ALTS[:2])), 6).values == {"tier_2_bases": 3}


@pytest.mark.parametrize(
    ("count", "ago", "expected"),
    [
        pytest.param(2, 0, 0, id="two are none"),
        pytest.param(3, 3, 1, id="three within four bars"),
        pytest.param(3, 4, 0, id="three within five bars"),
        pytest.param(4, 4, 1, id="three of four in time"),
    ],
)
def test_what_tier_6_asks_for(count, ago, expected):
    """As many as the threshold within the window are enough, one bar longer ago is too long."""
    assert fired(clustered(ALTS[:count], ago)).count(6) == expected


def test_as_many_bars_as_needed_are_enough():
    """The cluster's first bar compares with one 40 bars before, whose change needs one more."""
    oi_usd = [*levels(SWAY), *[NAN] * 19, 1e6, 1.03e6, *[NAN] * 3]
    each = {"oi_usd": oi_usd, "ls_accounts": [3] * 45, "book_imbalance": [0.05] * 45}
    panel = panel_of(
        {name: np.column_stack([metric] * 3) for name, metric in each.items()}, ALTS[:3]
    )
    short = {name: metric[1:] for name, metric in panel.values.items()}

    assert bars_needed(DEFAULT) == len(panel.times)
    assert fired(panel) == [6]
    assert fired(replace(panel, times=panel.times[1:], values=short)) == []


def test_one_instrument_counts_once():
    """Four bars of tier 2 in a row are one instrument's story."""
    values = unusual()
    values["oi_usd"] = levels([*SWAY, 10, 40, 160])
    for name in ("ls_accounts", "book_imbalance"):
        values[name] = np.full(Z_BARS + 4, values[name][0])
    panel = panel_of(values)

    found = Counter(signal.tier for signal in all_signals(panel, DEFAULT))

    assert found[2] == 3
    assert found[6] == 0


# Live and in history


def some_market(seed, bars=70, gaps=0.05):
    """Seven instruments whose values often lie about the thresholds."""
    rng = np.random.default_rng(seed)
    instruments = (*ALTS, BTC, BYBIT_BTC, Pair("bybit", "ETH/USDT:USDT", "ETH"))
    shape = (bars, len(instruments))
    values = {
        "close": 100 * np.exp(rng.normal(0, 0.01, shape).cumsum(axis=0)),
        "oi_usd": 1e6 * np.exp(rng.normal(0, 0.02, shape).cumsum(axis=0)),
        "ls_accounts": rng.uniform(1, 4, shape),
        "book_imbalance": rng.normal(0, 0.1, shape),
        "taker_buy_usd": rng.uniform(0, 9, shape),
        "taker_sell_usd": rng.uniform(0, 9, shape),
        "funding_rate": rng.choice([0.0001, 0.00005, 0.0003], shape),
        "funding_interval_h": np.full(shape, 8.0),
    }
    for metric in values.values():
        metric[rng.random(shape) < gaps] = NAN
    begin, long = rng.integers(0, bars, 2)
    values["oi_usd"][begin : begin + long // 2, 0] = NAN
    return panel_of(values, instruments)


def until(panel, rows):
    """The panel as it was known at the end of its bar number *rows*."""
    values = {name: metric[:rows] for name, metric in panel.values.items()}
    now = panel.now - BAR * (len(panel.times) - rows)
    return replace(panel, times=panel.times[:rows], values=values, now=now)


EAGER = replace(
    DEFAULT, z_oi=1, ls_accounts=1.5, funding_instruments=2, z_oi_share=1, cluster_bases=2
)


def test_every_tier_fires_in_the_market_of_these_tests():
    """Else the tests below would say nothing."""
    found = Counter(signal.tier for signal in all_signals(some_market(1), EAGER))

    assert set(found) == {1, 2, 3, 4, 5, 6}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), rows=st.integers(0, 70), gaps=st.sampled_from([0, 0.05, 0.3]))
def test_what_comes_later_changes_no_signal(seed, rows, gaps):
    """A signal of the past is the same however much was recorded since."""
    panel = some_market(seed, gaps=gaps)
    earlier = until(panel, rows)

    then = all_signals(earlier, EAGER)
    now = [signal for signal in all_signals(panel, EAGER) if signal.now <= earlier.now]

    assert then == now


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), gaps=st.sampled_from([0, 0.05, 0.3]))
def test_history_is_what_was_said_live(seed, gaps):
    """Bar by bar, from panels that begin no earlier than they need to."""
    panel, needed = some_market(seed, gaps=gaps), bars_needed(EAGER)
    live = []
    for rows in range(1, 71):
        known = until(panel, rows)
        first = max(rows - needed, 0)
        short = {name: metric[first:] for name, metric in known.values.items()}
        live += latest_signals(replace(known, times=known.times[first:], values=short), EAGER)

    assert all_signals(panel, EAGER) == live


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.permutations(range(7)))
def test_the_order_of_instruments_does_not_matter(seed, order):
    """The same signals, in the same order, from columns in any order."""
    panel = some_market(seed)
    permuted = replace(
        panel,
        instruments=tuple(panel.instruments[n] for n in order),
        values={name: metric[:, order] for name, metric in panel.values.items()},
    )

    assert all_signals(permuted, EAGER) == all_signals(panel, EAGER)


def test_long_history_is_looked_at_in_parts(monkeypatch):
    """However long the parts."""
    panel = some_market(3)
    whole = all_signals(panel, EAGER)

    monkeypatch.setattr("analytics.signals.fired._ROWS_PER_BATCH", 7)

    assert all_signals(panel, EAGER) == whole


def test_the_newest_bar_is_the_last_that_was_over():
    """Four minutes into a bar, the one before it; the end of a bar is over."""
    panel = panel_of(unusual())
    later = replace(panel, now=NOON + timedelta(minutes=4))

    assert {s.ts for s in latest_signals(later, DEFAULT)} == {NOON - BAR}
    assert {s.now for s in latest_signals(later, DEFAULT)} == {later.now}
    assert latest_signals(panel, DEFAULT, NOON - timedelta(seconds=1)) == []
    assert latest_signals(panel, DEFAULT, NOON - timedelta(days=9)) == []


def test_an_unfinished_bar_is_not_looked_at():
    """A panel may show the running bar; signals wait for its end."""
    panel = panel_of(unusual(), now=NOON)
    running = replace(panel, now=NOON - timedelta(minutes=2))

    assert latest_signals(running, DEFAULT) == []
    assert all_signals(running, DEFAULT) == []


def test_now_must_be_a_time_that_the_panel_knows():
    """Neither a time without a zone nor one after the panel was made."""
    panel = panel_of(unusual())

    with pytest.raises(QueryError, match="now: .* has no time zone"):
        latest_signals(panel, DEFAULT, datetime(2025, 6, 1))  # noqa: DTZ001
    with pytest.raises(QueryError, match="now: .* is after"):
        latest_signals(panel, DEFAULT, NOON + BAR)


@pytest.mark.parametrize("bars", [0, 1, 2])
@pytest.mark.parametrize("instruments", [(), (BTC,)])
def test_nearly_nothing_gives_nothing(bars, instruments):
    """No bar, no instrument, or every value absent: no signal and no warning."""
    values = {name: np.full((bars, len(instruments)), NAN) for name in METRICS}
    times = np.datetime64("2025-06-01", "ms") + np.arange(bars) * np.timedelta64(5, "m")
    panel = Panel(times, instruments, values, "5m", NOON)

    assert latest_signals(panel, DEFAULT) == []
    assert all_signals(panel, DEFAULT) == []
    assert [tier.fired.shape[0] for tier in tiers(panel, DEFAULT)] == [bars] * 6


def test_a_metric_that_was_not_loaded_is_absent():
    """Without a book there is no tier 2; the rest goes on."""
    values = unusual()
    del values["book_imbalance"]

    signal = one(panel_of(values), 1)

    assert signal.values["book_imbalance_pct"] is None
    assert signal.values["confluence_known"] == 2


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"z_oi": NAN}, "z_oi: must be a finite number"),
        ({"ls_accounts": np.inf}, "ls_accounts"),
        ({"cluster_bars": 0}, "cluster_bars: must be a whole number"),
        ({"cluster_bases": 2.5}, "cluster_bases"),
    ],
)
def test_wrong_thresholds_are_named(wrong, named):
    """A threshold is a setting, so its mistake is one."""
    with pytest.raises(SettingsError, match=named):
        Thresholds(**wrong)
