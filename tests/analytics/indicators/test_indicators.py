"""Indicators against their published formulas, written out plainly here."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.indicators import bands, change, flow, funding, momentum, volatility, zscores

GAPS = (3, 4, 5, 40, 77)
"""Rows that one column of the panels below does not have."""


def walk(bars=200, seed=3):
    return 100 * np.exp(np.random.default_rng(seed).normal(0, 0.01, bars).cumsum())


def with_gaps(series):
    """A panel of three columns: the series whole, the series with gaps, and nothing."""
    gapped = np.insert(series, [at - before for before, at in enumerate(GAPS)], np.nan)
    whole = np.append(series, np.full(len(GAPS), np.nan))
    return np.column_stack([whole, gapped, np.full(len(gapped), np.nan)])


def in_gapped(series):
    """What the panel above must answer where *series* is the answer to its first column."""
    return with_gaps(series)


def wilder_rsi(close, period):
    """Wilder 1978, section VI, step by step."""
    result = [math.nan] * len(close)
    changes = np.diff(close)
    up = sum(max(change, 0) for change in changes[:period]) / period
    down = sum(max(-change, 0) for change in changes[:period]) / period
    for bar in range(period, len(close)):
        if bar > period:
            up = (up * (period - 1) + max(changes[bar - 1], 0)) / period
            down = (down * (period - 1) + max(-changes[bar - 1], 0)) / period
        result[bar] = 100 - 100 / (1 + up / down) if down else 100
    return np.array(result)


def wilder_atr(high, low, close, period):
    """Wilder 1978, section III, step by step."""
    result = [math.nan] * len(close)
    ranges = [max(high[i], close[i - 1]) - min(low[i], close[i - 1]) for i in range(1, len(close))]
    average = sum(ranges[:period]) / period
    for bar in range(period, len(close)):
        if bar > period:
            average = (average * (period - 1) + ranges[bar - 1]) / period
        result[bar] = average
    return np.array(result)


def granville_obv(close, volume):
    """Granville 1963: add the volume of a rising bar, take off that of a falling one."""
    balance = [volume[0]]
    for bar in range(1, len(close)):
        balance.append(balance[-1] + np.sign(close[bar] - close[bar - 1]) * volume[bar])
    return np.array(balance)


@pytest.mark.parametrize("period", [2, 14, 50])
def test_rsi_is_wilders(period):
    """With and without gaps: the known bars one after the other, nothing in the gaps."""
    close = walk()

    result = momentum.rsi(with_gaps(close), period)

    np.testing.assert_allclose(result, in_gapped(wilder_rsi(close, period)), rtol=1e-9)


@pytest.mark.parametrize("period", [2, 14, 50])
def test_atr_is_wilders(period):
    close, rng = walk(), np.random.default_rng(1)
    high, low = close * (1 + rng.random(200) / 50), close * (1 - rng.random(200) / 50)

    result = volatility.atr(with_gaps(high), with_gaps(low), with_gaps(close), period)

    np.testing.assert_allclose(result, in_gapped(wilder_atr(high, low, close, period)), rtol=1e-9)


def test_obv_is_granvilles():
    close, volume = walk().round(), np.random.default_rng(2).random(200)

    result = flow.obv(with_gaps(close), with_gaps(volume))

    np.testing.assert_allclose(result, in_gapped(granville_obv(close, volume)), rtol=1e-9)


@pytest.mark.parametrize(("window", "deviations"), [(2, 1.0), (20, 2.0), (33, 2.5)])
def test_bands_are_bollingers(window, deviations):
    """Mean, population deviation, %b and bandwidth of the window that the bar ends."""
    close = walk()
    windows = np.lib.stride_tricks.sliding_window_view(close, window)
    blank = np.full(window - 1, np.nan)
    middle = np.append(blank, windows.mean(axis=1))
    reach = deviations * np.append(blank, windows.std(axis=1))

    found = bands.bollinger(with_gaps(close), window, deviations)

    expected = {
        "middle": middle,
        "upper": middle + reach,
        "lower": middle - reach,
        "position": (close - (middle - reach)) / (2 * reach),
        "width_pct": 100 * 2 * reach / middle,
    }
    for name, series in expected.items():
        np.testing.assert_allclose(
            getattr(found, name), in_gapped(series), rtol=1e-9, atol=1e-9, err_msg=name
        )


def test_bands_keep_the_digits_of_a_quiet_market():
    """A price of 100,000 that moves by a cent has a deviation of half a cent, not of 0 or noise."""
    close = (100_000 + 0.01 * (np.arange(40) % 2))[:, None]

    found = bands.bollinger(close, 20)

    np.testing.assert_allclose(found.upper[19:] - found.lower[19:], 4 * 0.005, rtol=1e-9)


def test_volatility_of_alternating_returns():
    """Returns of +1 % and -1 % in turn, 20 of them, have a deviation of 1 % x sqrt(20 / 19)."""
    close = np.exp(np.cumsum(np.tile([0.01, -0.01], 15)))[:, None]

    result = volatility.volatility_pct(close, 20, bars_per_year=100)

    assert np.isnan(result[:20]).all()
    np.testing.assert_allclose(result[20:], 10 * math.sqrt(20 / 19), rtol=1e-9)


def test_volatility_recovers_that_of_a_random_walk():
    """A walk of 1 % per bar is measured as about 1 %."""
    close = walk(4001)[:, None]

    result = volatility.volatility_pct(close, 4000, bars_per_year=1)

    assert result[-1, 0] == pytest.approx(1, rel=0.05)


def test_volatility_does_not_take_a_gap_for_a_storm():
    """What happened in ten unrecorded bars is no return of one bar: both ends are left out."""
    close = np.exp(np.cumsum(np.tile([0.01, -0.01], 40)))
    gap = slice(40, 50)
    close[gap] = np.nan
    close[50:] *= 5

    result = volatility.volatility_pct(close[:, None], 20, bars_per_year=100)[:, 0]

    assert np.isnan(result[40:51]).all()
    np.testing.assert_allclose(result[51:], 10 * math.sqrt(20 / 19), rtol=0.01)


def constant(bars=60):
    return np.full((bars, 1), 7.0)


@pytest.mark.parametrize(
    ("name", "answer", "expected"),
    [
        ("rsi", lambda close: momentum.rsi(close), math.nan),
        ("z_score", lambda close: zscores.z_score(close), math.nan),
        ("z_robust", lambda close: zscores.z_robust(close), math.nan),
        ("position", lambda close: bands.bollinger(close).position, math.nan),
        ("width", lambda close: bands.bollinger(close).width_pct, 0),
        ("upper", lambda close: bands.bollinger(close).upper, 7),
        ("atr", lambda close: volatility.atr(close, close, close), 0),
        ("volatility", lambda close: volatility.volatility_pct(close, bars_per_year=9), 0),
        ("delta_pct", lambda close: change.delta_pct(close), 0),
        ("obv", lambda close: flow.obv(close, close), 7),
    ],
)
def test_of_a_price_that_stands_still(name, answer, expected):
    """Where nothing moves, a share of movement has no answer; movement itself is 0."""
    np.testing.assert_array_equal(answer(constant())[-1], [expected], err_msg=name)


@pytest.mark.parametrize(
    ("close", "expected"),
    [(np.arange(30.0), 100), (-np.arange(30.0), 0), (np.tile([1.0, 2.0], 15), 50)],
)
def test_rsi_at_its_ends(close, expected):
    """Only rises are 100, only falls 0, and as much up as down about 50."""
    assert momentum.rsi(close[:, None])[-1, 0] == pytest.approx(expected, abs=4)


EVERY = {
    "delta": change.delta,
    "delta_pct": change.delta_pct,
    "rsi": momentum.rsi,
    "bollinger": lambda x: np.stack(bands.bollinger(x)),
    "volatility_pct": lambda x: volatility.volatility_pct(x, bars_per_year=365),
    "atr": lambda x: volatility.atr(x + 1, x - 1, x),
    "obv": lambda x: flow.obv(x, x),
    "cvd_usd": lambda x: flow.cvd_usd(x, 2 * x),
    "taker_imbalance_pct": lambda x: flow.taker_imbalance_pct(x, 2 * x),
    "cvd_oi_pct": lambda x: flow.cvd_oi_pct(x, x),
    "z_score": zscores.z_score,
    "z_robust": zscores.z_robust,
    "funding_8h_pct": lambda x: funding.funding_8h_pct(x, x),
    "funding_apr_pct": lambda x: funding.funding_apr_pct(x, x),
    "premium_pct": lambda x: funding.premium_pct(x, x),
}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(np.empty((0, 0)), id="nothing"),
        pytest.param(np.empty((0, 3)), id="no bar"),
        pytest.param(np.empty((5, 0)), id="no instrument"),
        pytest.param(np.ones((1, 2)), id="one bar"),
        pytest.param(np.full((300, 2), np.nan), id="nothing known"),
        pytest.param(np.full((300, 1), 5.0), id="constant"),
        pytest.param(np.zeros((300, 2)), id="zero"),
        pytest.param(np.linspace(-3, 3, 600).reshape(300, 2), id="through zero"),
        pytest.param(np.tile([np.inf, -np.inf, 1.0], 200)[:, None], id="infinite"),
        pytest.param(np.tile([1e300, -1e300, 1e-300, 5e-324], 99)[:, None], id="out of this world"),
        pytest.param(np.geomspace(1e-12, 1e12, 300)[:, None], id="24 decades"),
    ],
)
def test_answers_anything_without_a_warning(name, panel):
    """A number or NaN in the panel's shape; warnings are errors in these tests."""
    answer = EVERY[name](panel)

    assert answer.shape[-2:] == panel.shape
    assert not np.isinf(answer).any()


@pytest.mark.parametrize("name", EVERY)
def test_leaves_its_input_as_it_was(name):
    panel = np.ascontiguousarray(with_gaps(walk()))
    before = panel.copy()
    panel.flags.writeable = False

    EVERY[name](panel)

    np.testing.assert_array_equal(panel, before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: momentum.rsi(x, 1), "period must be a whole number of bars from 2"),
        (lambda x: momentum.rsi(x, 10**6), "period must be a whole number of bars from 2"),
        (lambda x: momentum.rsi(x, 2.5), "period must be a whole number of bars from 2"),
        (lambda x: momentum.rsi(x[0]), r"close has the shape \(3,\)"),
        (lambda x: volatility.atr(x, x[1:], x), r"low is \(204, 3\) where high is \(205, 3\)"),
        (lambda x: zscores.z_score(x, 0), "window must be a whole number"),
        (lambda x: zscores.z_robust(x, 1), "window must be a whole number"),
        (lambda x: change.delta(x, 0), "bars must be a whole number of bars from 1"),
        (lambda x: bands.bollinger(x, 20, 0), "deviations must be a number above 0"),
        (lambda x: volatility.volatility_pct(x, bars_per_year=0), "bars_per_year must be a number"),
    ],
)
def test_names_the_argument_that_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call(with_gaps(walk()))
