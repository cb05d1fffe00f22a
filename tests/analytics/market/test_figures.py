"""The market as a whole: figures by hand, and what is missing leaving no mark on them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import query
from analytics.errors import QueryError
from analytics.lake.attach import MACROS
from analytics.lake.schema import definition
from analytics.market import figures, movers, totals, venue_shares
from analytics.panels.panel import Pair, Panel

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
NAN = math.nan
METRICS = (
    *("oi_usd", "volume_24h_usd", "funding_8h_pct", "price_24h_pct"),
    *("ls_accounts", "ls_top_accounts", "ls_top_positions"),
)
LS_KINDS = ("ls_accounts", "ls_top_accounts", "ls_top_positions")
FIGURES = {
    "global_oi_usd": totals.global_oi_usd,
    "volume_24h_usd": totals.volume_24h_usd,
    "oi_volume_weighted_usd": totals.oi_volume_weighted_usd,
    "funding_8h_pct": totals.funding_8h_pct,
    "breadth_pct": totals.breadth_pct,
    **{
        kind: lambda market, kind=kind: totals.weighted_ratio(
            totals.column(market, kind), totals.column(market, "oi_usd")
        )
        for kind in LS_KINDS
    },
}


def pairs(*rows):
    """Pairs as (oi_usd, volume_24h_usd, funding_8h_pct, ls_accounts, price_24h_pct)."""
    columns = ["oi_usd", "volume_24h_usd", "funding_8h_pct", "ls_accounts", "price_24h_pct"]
    return pd.DataFrame(rows, columns=columns, dtype=float)


def test_figures_of_two_pairs():
    """Means lean to the larger pair: three quarters of the weight here."""
    market = figures.market(pairs((6e9, 10e9, 0.01, 2, 10), (2e9, 5e9, -0.02, 1, -10)))

    assert market["global_oi_usd"] == 8e9
    assert market["volume_24h_usd"] == 15e9
    assert market["funding_8h_pct"] == pytest.approx(0.0025)
    # The shares of longs are 2/3 and 1/2: three quarters and a quarter of them make 5/8.
    assert market["ls_accounts"] == pytest.approx(5 / 3)
    assert market["breadth_pct"] == 50
    assert market["oi_volume_weighted_usd"] == pytest.approx((6e9 * 10 + 2e9 * 5) / 15)


def test_a_pair_that_does_not_know_a_value_does_not_pull_at_the_mean():
    """Unknown is not nought."""
    market = figures.market(pairs((6e9, None, 0.01, None, None), (2e9, 5e9, None, 1, 3)))

    assert market["funding_8h_pct"] == pytest.approx(0.01)
    assert market["ls_accounts"] == 1
    assert market["volume_24h_usd"] == 5e9
    assert market["breadth_pct"] == 100


@pytest.mark.parametrize("rows", [[], [(None,) * 5]], ids=["no pair", "nothing known"])
def test_no_figure_without_a_value(rows):
    """A sum of nothing is not nought either."""
    assert figures.market(pairs(*rows)).isna().all()


def test_counts_what_stands_behind_each_figure():
    """A weighted mean needs the weight as well as the value."""
    known = figures.known(pairs((6e9, None, 0.01, 2, 1), (None, 5e9, 0.01, None, None)))

    assert known["global_oi_usd"] == 1
    assert known["funding_8h_pct"] == 1
    assert known["volume_24h_usd"] == 1
    assert known["oi_volume_weighted_usd"] == 0


def test_a_weight_of_nought_is_no_weight():
    """Never a division by nought."""
    assert math.isnan(figures.market(pairs((0, None, 0.01, None, None)))["funding_8h_pct"])


def test_a_price_that_stayed_did_not_rise():
    """Breadth counts risers."""
    assert figures.market(pairs((1, 1, 1, 1, 0), (1, 1, 1, 1, 2)))["breadth_pct"] == 50


@pytest.fixture
def bars():
    """A function that stores bars, and a history made of them."""
    with duckdb.connect() as cursor:
        cursor.execute(MACROS)
        cursor.execute(definition("bars").partition("alter table")[0])
        yield Bars(cursor)


class Bars:
    def __init__(self, cursor):
        self.cursor = cursor

    def store(self, minutes_ago, venue="binance", symbol="BTC/USDT:USDT", **values):
        """Store the bar that ended *minutes_ago* before noon."""
        row = {
            "venue": venue,
            "symbol": symbol,
            "base": symbol.partition("/")[0],
            "ts": (NOON - timedelta(minutes=minutes_ago + 5)).replace(tzinfo=None),
            "snapshot_count": 10,
            "origin": "live",
            **values,
        }
        marks = ", ".join("?" * len(row))
        self.cursor.execute(
            f"insert into bars ({', '.join(row)}) values ({marks})", [*row.values()]
        )

    def sums(self):
        return query.fetch(self.cursor, "market_history", now=NOON, symbols=None)

    def history(self):
        return figures.market_history(self.sums())


def test_an_outage_of_one_venue_is_not_a_fall(bars):
    """The part that is known moved by 10 %, so the whole is taken to have moved by 10 %."""
    for minutes, oi in ((10, 80e9), (5, 88e9), (0, 88e9)):
        bars.store(minutes, oi_usd=oi)
    for minutes, oi in ((10, 10e9), (0, 12e9)):
        bars.store(minutes, venue="okx", oi_usd=oi)

    oi = bars.history()["global_oi_usd"]

    assert oi.tolist() == pytest.approx([90e9 / 1, 88e9 / (88 / 100), 100e9])
    assert oi.index[-1] == NOON


def test_a_time_that_knows_too_little_is_left_out(bars):
    """Half the market is not the market."""
    bars.store(5, oi_usd=50e9)
    bars.store(0, oi_usd=50e9)
    bars.store(0, venue="okx", oi_usd=50e9)

    assert bars.history()["global_oi_usd"].isna().tolist() == [True, False]


def test_funding_of_different_intervals_is_rebased(bars):
    """0.01 % every 4 h and 0.01 % every 8 h are 0.02 % and 0.01 % per 8 h."""
    bars.store(0, oi_usd=1e9, funding_rate=0.0001, funding_interval_h=4)
    bars.store(0, venue="okx", oi_usd=1e9, funding_rate=0.0001, funding_interval_h=8)

    assert bars.history()["funding_8h_pct"].tolist() == pytest.approx([0.015])


def test_breadth_compares_with_the_same_time_yesterday(bars):
    """One of two rose; a pair without yesterday is not counted."""
    day = 24 * 60
    for symbol, before, after in (("A/USDT:USDT", 1.0, 2.0), ("B/USDT:USDT", 2.0, 1.0)):
        bars.store(day, symbol=symbol, close=before)
        bars.store(0, symbol=symbol, close=after)
    bars.store(0, symbol="C/USDT:USDT", close=1.0)

    assert bars.history()["breadth_pct"].iloc[-1] == 50


def test_a_bar_that_is_not_over_is_not_seen(bars):
    """At noon, the bar that ends a minute later is the future."""
    bars.store(-1, oi_usd=1e9)

    assert bars.history().empty


def test_every_pair_that_is_known_counts_however_much_the_market_grew(bars):
    """Open interest and volume rise by 40 % in a day: no bar of it is left out."""
    for nth in range(289):
        grown = 1 + 0.4 * nth / 288
        for venue, oi in (("binance", 60.0), ("okx", 40.0)):
            bars.store(
                5 * (288 - nth), venue, oi_usd=oi * grown, volume_24h_usd=2 * oi * grown,
                funding_rate=0.0001, funding_interval_h=8, ls_accounts=2.0,
            )  # fmt: skip

    past = bars.history()

    assert len(past) == 289
    assert past.drop(columns="breadth_pct").notna().all(axis=None)
    assert past["global_oi_usd"].tolist() == pytest.approx(np.linspace(100, 140, 289))
    assert past["funding_8h_pct"].tolist() == pytest.approx([0.01] * 289)
    assert past["ls_accounts"].tolist() == pytest.approx([2.0] * 289)


def test_a_market_that_shrank_is_no_reason_to_count_a_part_as_the_whole(bars):
    """A quarter of today's market did not say then: the others alone are not the market."""
    bars.store(5, "binance", oi_usd=107.0, funding_rate=0.0002, funding_interval_h=8)
    bars.store(5, "okx", oi_usd=36.0)
    for venue, oi in (("binance", 75.0), ("okx", 25.0)):
        bars.store(0, venue, oi_usd=oi, funding_rate=0.0001, funding_interval_h=8)

    assert bars.history()["funding_8h_pct"].isna().tolist() == [True, False]


def test_a_silent_venue_makes_no_step_in_any_course(bars):
    """OKX has another funding, other longs and larger pairs, and misses one bar of three."""
    for minutes in (10, 5, 0):
        bars.store(minutes, "binance", oi_usd=85.0, volume_24h_usd=100.0, funding_rate=0.0001,
                   funding_interval_h=8, ls_accounts=2.0)  # fmt: skip
        if minutes != 5:
            bars.store(minutes, "okx", oi_usd=15.0, volume_24h_usd=10.0, funding_rate=0.0003,
                       funding_interval_h=8, ls_accounts=0.5)  # fmt: skip

    past = bars.history()

    longs = 0.85 * 2 / 3 + 0.15 / 3
    assert past["funding_8h_pct"].tolist() == pytest.approx([0.013] * 3)
    assert past["ls_accounts"].tolist() == pytest.approx([longs / (1 - longs)] * 3)
    assert past["oi_volume_weighted_usd"].tolist() == pytest.approx([8650 / 110] * 3)
    assert past["volume_24h_usd"].tolist() == pytest.approx([110.0] * 3)


def test_who_left_is_no_part_of_today(bars):
    """196 pairs recorded the evening before must not make today's 18 too few."""
    for nth in range(20):
        bars.store(600, "binance", f"OLD{nth}/USDT:USDT", oi_usd=10.0)
    for minutes, oi in ((600, 50.0), (300, 55.0), (0, 60.0)):
        bars.store(minutes, "binance", oi_usd=oi)

    assert bars.history()["global_oi_usd"].tolist() == pytest.approx([50, 55, 60])


def heard(*rows):
    """Pairs as ``pairs.sql`` says them: venue, symbol, and of each metric (now, then)."""
    metrics = ("oi_usd", "volume_24h_usd", "funding_8h_pct", "ls_accounts")
    made = []
    for venue, symbol, *values in rows:
        row = {
            "venue": venue,
            "symbol": symbol,
            "base": symbol,
            "price_24h_pct": NAN,
            "price_24h_pct_then": NAN,
        }
        for name, (now, then) in zip(metrics, values, strict=True):
            row |= {name: now, f"{name}_then": then}
        for short in ("oi", "volume", "funding", "ls", "price"):
            row[f"{short}_delta_s"] = 3600.0
        for name in ("oi_usd_ts", "volume_24h_usd_ts", "funding_ts", "received_ts", "price_ts"):
            row[name] = pd.Timestamp(NOON)
        made.append(row)
    return pd.DataFrame(made)


def changed(pairs, silent=0):
    """Return the change of every figure of *pairs* over an hour, without a history."""
    found = figures.figures(pairs, NO_HISTORY, HOUR, silent)
    return {name: figure.change for name, figure in found.items() if name != "breadth_pct"}


HOUR = timedelta(hours=1)
BINANCE = ("binance", "BTC", (85.0, 85.0), (100.0, 100.0), (0.01, 0.01), (2.0, 2.0))
BYBIT = ("bybit", "BTC", (40.0, 40.0), (30.0, 30.0), (0.02, 0.02), (1.0, 1.0))
OKX = ("okx", "BTC", (15.0, 15.0), (10.0, 10.0), (-0.03, -0.03), (0.5, 0.5))
UNKNOWN = [(NAN, NAN)] * 4
SHORTS = ("oi", "volume", "weighed", "funding", "longs", "risen")
KINDS = ("then", "now", "weight", "whole", "whole_weight")
SUMS = [f"{short}_{kind}" for short in SHORTS for kind in KINDS]
NO_HISTORY = pd.DataFrame(columns=["venue", "ts", *SUMS]).astype(dict.fromkeys(SUMS, float))


def joined(pair):
    """Return *pair* with nothing known of it an hour before."""
    return (*pair[:2], *[(now, NAN) for now, _ in pair[2:]])


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param((BINANCE, BYBIT), id="a venue is silent, or a pair left"),
        pytest.param((BINANCE, BYBIT, joined(OKX)), id="a venue came back, or a pair joined"),
        pytest.param((BINANCE, BYBIT, ("okx", "BTC", *UNKNOWN)), id="a venue that knows nothing"),
    ],
)
def test_who_is_there_at_one_end_only_changes_no_change(pairs):
    """Nothing moved: every change is nought, of the two pairs that are known at both ends."""
    found = changed(heard(*pairs))

    assert [change.difference for change in found.values()] == pytest.approx([0.0] * 5)
    assert {change.pairs for change in found.values()} == {2}


def test_changes_are_of_the_same_pairs_with_the_weights_of_now():
    """Worked by hand: BTC on binance and bybit moved, okx joined with figures of its own."""
    pairs = heard(
        ("binance", "BTC", (90.0, 80.0), (100.0, 50.0), (0.01, 0.03), (3.0, 1.0)),
        ("bybit", "BTC", (10.0, 20.0), (60.0, 50.0), (0.05, 0.05), (1.0, 1.0)),
        joined(OKX),
    )

    found = changed(pairs)

    oi, weighted = found["global_oi_usd"], found["oi_volume_weighted_usd"]
    assert (oi.difference, oi.pct, oi.pairs) == (0, 0, 2)
    assert found["volume_24h_usd"].difference == 60
    assert found["volume_24h_usd"].pct == pytest.approx(60)
    # 100 and 60 of today's volume at both ends: 9,600 of 160 now, 9,200 of 160 then.
    assert weighted.difference == pytest.approx(400 / 160)
    assert weighted.pct == pytest.approx(100 * (9600 / 9200 - 1))
    # 90 and 10 of today's open interest: 0.014 now, 0.032 then.
    assert found["funding_8h_pct"].difference == pytest.approx(-0.018)
    # Shares of longs: (90 x 0.75 + 10 x 0.5) / 100 is 0.725 now, and 0.5 then.
    assert found["ls_accounts"].difference == pytest.approx(0.725 / 0.275 - 1)
    assert (oi.least, oi.most, oi.until) == (HOUR, HOUR, NOON)


def test_a_change_says_the_time_that_it_really_covers():
    """One pair is known 58 minutes before, the other 62."""
    pairs = heard(BINANCE, BYBIT).assign(oi_delta_s=[3480.0, 3720.0])

    change = changed(pairs)["global_oi_usd"]

    assert (change.least, change.most) == (timedelta(minutes=58), timedelta(minutes=62))


def test_all_is_the_universe_not_who_answered():
    """Of three pairs one is silent, and one knows no volume."""
    pairs = heard(BINANCE, (*BYBIT[:3], (NAN, NAN), *BYBIT[4:]))

    found = figures.figures(pairs, NO_HISTORY, HOUR, silent=1)

    assert (found["global_oi_usd"].pairs, found["global_oi_usd"].expected) == (2, 3)
    assert (found["volume_24h_usd"].pairs, found["volume_24h_usd"].expected) == (1, 3)
    assert not found["global_oi_usd"].is_whole
    assert figures.figures(pairs, NO_HISTORY, HOUR)["global_oi_usd"].is_whole


def test_breadth_changes_by_the_pairs_that_are_known_at_both_ends():
    """Of three that rose until now one had fallen an hour ago; of a fourth that is not known."""
    pairs = heard(BINANCE, BYBIT, OKX, ("okx", "NEW", *BINANCE[2:]))
    pairs = pairs.assign(
        price_24h_pct=[1.0, 2.0, 3.0, 4.0], price_24h_pct_then=[1.0, -2.0, 3.0, NAN]
    )

    breadth = figures.figures(pairs, NO_HISTORY, HOUR)["breadth_pct"]

    assert (breadth.value, breadth.pairs) == (100, 4)
    assert breadth.change.difference == pytest.approx(100 / 3)
    assert (breadth.change.pairs, breadth.change.until, breadth.change.most) == (3, NOON, HOUR)


def liquidations(bars, universe, span=HOUR):
    rows = query.fetch(bars.cursor, "liquidated", now=NOON, span_s=int(span.total_seconds()))
    known = pd.DataFrame(universe, columns=["venue", "symbol"])
    return figures.liquidations_1h(known, rows, bars.sums(), span)


def store_hours(bars, venue, symbol="BTC/USDT:USDT", minutes=range(0, 120, 5), usd=1e6):
    for ago in minutes:
        bars.store(ago, venue, symbol, liq_long_usd=usd, liq_short_usd=0.0)


def test_a_venue_that_is_not_heard_is_not_nought(bars):
    """Binance liquidates 1 M a bar; okx 2 M, and is silent for the last 20 minutes."""
    store_hours(bars, "binance")
    store_hours(bars, "okx", minutes=range(20, 120, 5), usd=2e6)
    both = [("binance", "BTC/USDT:USDT"), ("okx", "BTC/USDT:USDT")]

    found = liquidations(bars, both)

    assert found.value == 12e6 + 8 * 2e6
    assert found.parts == {"liq_long_usd": 28e6, "liq_short_usd": 0}
    assert (found.pairs, found.expected) == (2, 2)
    assert (found.summed, found.summed_least) == (HOUR, timedelta(minutes=40))
    assert not found.is_whole
    # Nothing changed on binance, and okx cannot be compared.
    assert (found.change.difference, found.change.pairs) == (0, 1)


def test_a_venue_that_was_never_heard_is_missing_by_name(bars):
    """Its pair counts among those that there should be, and its bars know no liquidations."""
    store_hours(bars, "binance")
    for ago in range(0, 60, 5):
        bars.store(ago, "okx", close=1.0)

    found = liquidations(bars, [("binance", "BTC/USDT:USDT"), ("okx", "BTC/USDT:USDT")])

    assert (found.value, found.pairs, found.expected) == (12e6, 1, 2)
    assert (found.summed, found.summed_least) == (HOUR, HOUR)


def test_three_of_two_pairs_cannot_be(bars):
    """What left the universe half an hour ago is not counted, and neither is its flow."""
    universe = [("binance", "A/USDT:USDT"), ("binance", "B/USDT:USDT")]
    for _, symbol in universe:
        store_hours(bars, "binance", symbol)
    store_hours(bars, "binance", "GONE/USDT:USDT", range(30, 120, 5), 5e6)

    found = liquidations(bars, universe)

    assert (found.pairs, found.expected, found.value) == (2, 2, 24e6)
    assert found.change.difference == 0


@pytest.mark.parametrize("minutes", [5, 15, 60, 240, 1440])
def test_liquidations_change_between_two_whole_hours(bars, minutes):
    """1 M a bar until now; before the last *minutes* it was 3 M."""
    store_hours(bars, "binance", minutes=range(0, minutes, 5))
    store_hours(bars, "binance", minutes=range(minutes, minutes + 60, 5), usd=3e6)

    found = liquidations(bars, [("binance", "BTC/USDT:USDT")], timedelta(minutes=minutes))

    assert found.change.difference == -2e6 * min(minutes // 5, 12)


def test_bars_that_a_venue_has_not_written_yet_are_not_missing(bars):
    """They come with its next cycle: its hour ends with its newest bar."""
    store_hours(bars, "binance")
    store_hours(bars, "okx", minutes=range(5, 120, 5))

    found = liquidations(bars, [("binance", "BTC/USDT:USDT"), ("okx", "BTC/USDT:USDT")])

    assert (found.value, found.is_whole) == (24e6, True)


def test_nobody_listened(bars):
    """No sum, no change, and all the pairs are said to be missing."""
    bars.store(0, close=1.0)

    found = liquidations(bars, [("binance", "BTC/USDT:USDT")])

    assert (found.value, found.pairs, found.expected, found.change) == (None, 0, 1, None)


def test_old_is_more_than_two_cycles():
    """Exactly two cycles is still in time; a value that never came is absent, not old."""
    ages = [timedelta(seconds=60), timedelta(seconds=61), None]
    received = pd.Series([None if age is None else NOON - age for age in ages])
    received = pd.to_datetime(received, utc=True)

    assert figures.stale(received, NOON, timedelta(seconds=30)).tolist() == [False, True, False]


def frame(*rows):
    """Pairs as (venue, symbol) and METRICS in order; what a row does not say is absent."""
    filled = [[*row[:2], row[1], *row[2:], *[NAN] * (len(METRICS) + 2 - len(row))] for row in rows]
    return pd.DataFrame(filled, columns=["venue", "symbol", "base", *METRICS]).astype(
        dict.fromkeys(METRICS, float)
    )


def panel(instruments, now=NOON, **metrics):
    """A panel of 5-minute bars up to *now*; each metric is rows of one value per instrument."""
    values = {name: np.array(rows, dtype=float) for name, rows in metrics.items()}
    bars = len(next(iter(values.values())))
    times = np.datetime64(now.replace(tzinfo=None), "ms") - np.arange(bars, 0, -1) * 300_000
    pairs = tuple(Pair(venue, symbol, symbol) for venue, symbol in instruments)
    return Panel(times, pairs, values, "5m", now)


TWO = (("binance", "BTC"), ("okx", "BTC"))


def test_figures_of_a_panel_are_by_bar():
    """6 and 2 billion, then the second falls silent: the sum falls, and so does its coverage."""
    market = panel(
        TWO,
        oi_usd=[[6e9, 2e9], [6e9, NAN]],
        volume_24h_usd=[[10e9, 5e9], [10e9, 5e9]],
        funding_rate=[[0.0001, -0.0001], [0.0001, 0.0001]],
        funding_interval_h=[[8, 4], [8, 4]],
        close=[[100, 50], [101, 49]],
    )

    oi = totals.global_oi_usd(market)
    weighted = totals.oi_volume_weighted_usd(market)
    funding = totals.funding_8h_pct(market)
    breadth = totals.breadth_pct(market)

    assert oi.value.tolist() == [8e9, 6e9]
    assert (oi.pairs.tolist(), oi.expected) == ([2, 1], 2)
    assert oi.coverage_pct.tolist() == [100, 50]
    assert weighted.value.tolist() == pytest.approx([(60 + 10) / 15 * 1e9, 6e9])
    assert funding.value.tolist() == pytest.approx([(0.01 * 6 - 0.02 * 2) / 8, 0.01])
    assert breadth.value.tolist() == pytest.approx([NAN, 50], nan_ok=True)
    assert breadth.pairs.tolist() == [0, 2]


def test_a_figure_of_a_frame_is_one_number():
    """With how many pairs contributed, and how many there are."""
    oi = totals.global_oi_usd(frame(("okx", "A", 1e9), ("okx", "B"), ("okx", "C", math.inf)))

    assert (float(oi.value), int(oi.pairs), oi.expected) == (1e9, 1, 3)
    assert float(oi.coverage_pct) == pytest.approx(100 / 3)


@pytest.mark.parametrize("figure", FIGURES)
def test_of_no_pairs_there_is_no_figure(figure):
    """Neither of an empty frame nor of pairs that know nothing."""
    empty, ignorant = FIGURES[figure](frame()), FIGURES[figure](frame(("okx", "A")))

    assert math.isnan(empty.value)
    assert math.isnan(empty.coverage_pct)
    assert math.isnan(ignorant.value)
    assert ignorant.coverage_pct == 0


@pytest.mark.parametrize(
    ("ratios", "weights", "expected"),
    [
        pytest.param([2, 0.5], [1, 1], 1, id="twice as many longs, twice as many shorts"),
        pytest.param([3, 1], [1, 3], 0.5625 / 0.4375, id="shares of 75 and 50 %"),
        pytest.param([0, 0], [1, 1], 0, id="no longs"),
        pytest.param([2, NAN], [1, 5], 2, id="one unknown"),
        pytest.param([2, 3], [0, NAN], NAN, id="no weight"),
    ],
)
def test_ratios_are_averaged_as_shares_of_longs(ratios, weights, expected):
    """A ratio and its inverse cancel out; the mean of 2 and 0.5 would be 1.25."""
    found = totals.weighted_ratio(np.array(ratios, float), np.array(weights, float))

    assert float(found.value) == pytest.approx(expected, nan_ok=True)


def test_breadth_looks_back_as_far_as_it_is_asked_to():
    """Up since the bar before, down since the one before that."""
    market = panel([("okx", "A")], close=[[3], [1], [2]])

    assert totals.breadth_pct(market, bars=1).value[-1] == 100
    assert totals.breadth_pct(market, bars=2).value[-1] == 0


def test_venues_share_what_is_known():
    """6 of 8 billion are three quarters; a silent venue has none, and says so."""
    market = panel(
        [*TWO, ("okx", "ETH")], oi_usd=[[6e9, 1e9, 1e9], [6e9, NAN, 2e9], [6e9, NAN, NAN]]
    )

    shares = venue_shares.venue_shares(market)

    assert shares.venues == ("binance", "okx")
    assert shares.value_usd.tolist()[:2] == [[6e9, 2e9], [6e9, 2e9]]
    assert shares.share_pct[:2].tolist() == [[75, 25], [75, 25]]
    assert shares.share_pct[2].tolist() == pytest.approx([100, NAN], nan_ok=True)
    assert shares.complete.tolist() == [True, True, False]
    assert shares.pairs.tolist() == [[1, 2], [1, 1], [1, 0]]
    assert shares.coverage_pct[1].tolist() == [100, 50]


def test_shares_of_volume_are_of_volume():
    """The metric is the caller's choice."""
    market = frame(("okx", "A", 1.0, 3e9), ("bybit", "A", 9.0, 1e9))

    shares = venue_shares.venue_shares(market, "volume_24h_usd")

    assert dict(zip(shares.venues, shares.share_pct, strict=True)) == {"bybit": 25, "okx": 75}


def test_movers_leave_out_and_count_what_is_unknown():
    """From the top or from the bottom; equals stand by venue and symbol."""
    market = frame(*[(venue, symbol, oi) for venue, symbol, oi in MOVERS])

    top = movers.movers(market, "oi_usd", most=3)
    bottom = movers.movers(market, "oi_usd", most=2, ascending=True)

    assert top.rows[["venue", "symbol"]].to_numpy().tolist() == [
        ["okx", "C"],
        ["binance", "B"],
        ["okx", "A"],
    ]
    assert top.rows["value"].tolist() == [9, 5, 5]
    assert (top.pairs, top.left_out) == (4, 2)
    assert bottom.rows["value"].tolist() == [-1, 5]


MOVERS = (
    *(("okx", "A", 5), ("okx", "B", NAN), ("okx", "C", 9)),
    *(("binance", "B", 5), ("binance", "D", -1), ("binance", "E", math.inf)),
)


@pytest.mark.parametrize("ascending", [False, True])
def test_of_equal_movers_those_first_by_name_are_listed(ascending):
    """Who is listed does not depend on the order of the rows."""
    names = ["D", "B", "A", "C"]
    market = pd.DataFrame({"venue": "okx", "symbol": names, "base": names, "oi_usd": 1.0})

    rows = movers.movers(market, "oi_usd", most=2, ascending=ascending).rows

    assert rows["symbol"].tolist() == ["A", "B"]


def test_movers_of_a_panel_are_of_its_newest_bar():
    """By value, or by how far they came in so many bars."""
    market = panel(TWO, oi_usd=[[100, 10], [50, 10], [120, 15]])

    assert movers.movers(market, "oi_usd").rows["value"].tolist() == [120, 15]
    change = movers.movers(market, "oi_usd", bars=2)
    assert change.rows["venue"].tolist() == ["okx", "binance"]
    assert change.rows["value"].tolist() == pytest.approx([50, 20])


def test_an_empty_panel_has_no_movers():
    market = Panel(np.array([], "datetime64[ms]"), (), {"oi_usd": np.empty((0, 0))}, "5m", NOON)

    assert movers.movers(market, "oi_usd").rows.empty
    assert venue_shares.venue_shares(market).venues == ()
    assert totals.global_oi_usd(market).value.shape == (0,)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda pairs: movers.movers(pairs, "oi"), "metric: 'oi' is not one of oi_usd"),
        (lambda pairs: movers.movers(pairs, "symbol"), "metric: 'symbol' is not one of"),
        (lambda pairs: movers.movers(pairs, "oi_usd", most=0), "most: "),
        (lambda pairs: movers.movers(pairs, "oi_usd", bars=1), "bars: a frame"),
        (lambda pairs: movers.movers(pairs.drop(columns="base"), "oi_usd"), "lacks column base"),
        (
            lambda pairs: venue_shares.venue_shares(pairs, "price_24h_pct"),
            "metric: 'price_24h_pct'",
        ),
        (lambda pairs: totals.of_venue(pairs, "kraken"), "venue: 'kraken' is not one of okx"),
        (lambda pairs: totals.global_oi_usd(pairs[["venue"]]), "lacks column oi_usd; it has venue"),
        (lambda _: totals.global_oi_usd(panel(TWO, close=[[1, 1]])), "without oi_usd"),
        (lambda _: movers.movers(panel(TWO, close=[[1, 1]]), "oi_usd"), "not one of close"),
    ],
)
def test_a_wrong_argument_is_named(ask, message):
    """With what there is instead."""
    with pytest.raises(QueryError, match=message):
        ask(frame(("okx", "A", 1.0)))


quickly = settings(max_examples=40, deadline=None)
amounts = st.one_of(st.just(NAN), st.just(0.0), st.floats(1, 1e12))
ratios = st.one_of(st.just(NAN), st.floats(0.001, 1000))
changes = st.one_of(st.just(NAN), st.floats(-100, 1000))
markets = st.lists(
    st.tuples(
        st.sampled_from(["binance", "bybit", "okx"]),
        st.sampled_from("ABCDEFGH"),
        *(amounts, amounts, changes, changes, ratios, ratios, ratios),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row[:2],
)


@quickly
@given(rows=markets, order=st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(rows, order):
    """A market is a set of pairs."""
    market, shuffled = frame(*rows), frame(*order.sample(rows, len(rows)))
    near = {"rel": 1e-9, "abs": 1e-9, "nan_ok": True}

    for ask in FIGURES.values():
        one, other = ask(market), ask(shuffled)
        assert float(one.value) == pytest.approx(float(other.value), **near)
        assert one.pairs == other.pairs


@quickly
@given(rows=markets, order=st.randoms(use_true_random=False))
def test_movers_and_shares_do_not_depend_on_the_order_either(rows, order):
    """Not even where values are equal."""
    one, other = frame(*rows), frame(*order.sample(rows, len(rows)))

    pd.testing.assert_frame_equal(
        movers.movers(one, "ls_accounts").rows, movers.movers(other, "ls_accounts").rows
    )
    np.testing.assert_allclose(
        venue_shares.venue_shares(one).share_pct, venue_shares.venue_shares(other).share_pct
    )


@quickly
@given(rows=markets)
def test_shares_add_up_to_everything(rows):
    """To 100 % wherever anything is known, and each lies between."""
    shares = venue_shares.venue_shares(frame(*rows))
    known = shares.share_pct[np.isfinite(shares.share_pct)]

    assert (known >= 0).all()
    assert known.sum() == pytest.approx(100) or not np.nansum(shares.value_usd) > 0


@quickly
@given(rows=markets, scale=st.floats(0.001, 1000))
def test_figures_scale_as_their_units_do(rows, scale):
    """Twice the open interest is twice the sum, and changes no mean that it only weighs."""
    market = frame(*rows)
    larger = market.assign(oi_usd=market["oi_usd"] * scale)
    near = {"rel": 1e-9, "abs": 1e-9, "nan_ok": True}

    for name, ask in FIGURES.items():
        factor = scale if name in ("global_oi_usd", "oi_volume_weighted_usd") else 1
        expected = float(ask(market).value) * factor
        assert float(ask(larger).value) == pytest.approx(expected, **near)


@quickly
@given(rows=markets)
def test_a_mean_lies_among_its_values(rows):
    """Weighted means never leave the range of what they are of."""
    market = frame(*rows)

    for kind in LS_KINDS:
        mean = float(FIGURES[kind](market).value)
        if not math.isnan(mean):
            assert market[kind].min() * (1 - 1e-9) <= mean <= market[kind].max() * (1 + 1e-9)


@quickly
@given(rows=markets)
def test_a_panel_of_one_bar_is_like_a_frame(rows):
    """The same pairs give the same figures either way."""
    market = frame(*rows)
    names = ("oi_usd", "volume_24h_usd", *LS_KINDS)
    bar = panel([row[:2] for row in rows], **{name: [market[name]] for name in names})

    for name in ("global_oi_usd", "volume_24h_usd", "oi_volume_weighted_usd", *LS_KINDS):
        one, other = FIGURES[name](market), FIGURES[name](bar)
        np.testing.assert_array_equal(other.value, [one.value])
        assert other.pairs.tolist() == [one.pairs]
    np.testing.assert_array_equal(
        venue_shares.venue_shares(bar).share_pct[0], venue_shares.venue_shares(market).share_pct
    )


@quickly
@given(rows=markets)
def test_the_market_is_the_sum_of_its_venues(rows):
    """What a venue alone has adds up to what all have."""
    market = frame(*rows)
    parts = [totals.of_venue(market, venue) for venue in set(market["venue"])]

    assert sum(int(totals.global_oi_usd(part).pairs) for part in parts) == int(
        totals.global_oi_usd(market).pairs
    )
    assert np.nansum([totals.global_oi_usd(part).value for part in parts]) == pytest.approx(
        float(np.nan_to_num(totals.global_oi_usd(market).value))
    )


def test_a_part_of_a_panel_is_of_its_venue():
    market = panel([*TWO, ("okx", "ETH")], oi_usd=[[1, 2, 3]], close=[[4, 5, 6]])

    part = totals.of_venue(market, "okx")

    assert [pair.symbol for pair in part.instruments] == ["BTC", "ETH"]
    assert part.values["close"].tolist() == [[5, 6]]
