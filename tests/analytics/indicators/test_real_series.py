"""Indicators of recorded markets against TA-Lib and pandas on the bare series."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import talib

from analytics.indicators import averages, bands, change, flow, momentum, volatility, zscores
from analytics.panels.panel import Panel

SERIES = Path(__file__).parents[4] / "shared" / "real" / "series"
RECORDED = ("btc_perp_1m_2022-01.csv.gz", "XRP_USDT_USDT-5m-futures.feather")


def recorded(name):
    """One recorded market: ts, open, high, low, close, volume."""
    path = SERIES / name
    if not path.exists():
        pytest.skip(f"the recorded series {name} is not on this machine")
    rows = pd.read_feather(path) if name.endswith(".feather") else pd.read_csv(path)
    rows = rows.rename(columns={"date": "ts", "timestamp": "ts"})
    return rows.assign(ts=pd.to_datetime(rows["ts"], utc=True))


def bars(name):
    """The same in bars of 5 minutes, by pandas."""
    cells = recorded(name).set_index("ts").resample("5min")
    cut = cells.agg({"open": "first", "high": "max", "low": "min", "close": "last"})
    return cut.assign(volume_usd=cells["volume"].sum()).reset_index()


def panel_of(*frames):
    """A panel with a column for each frame, named a, b, c …"""
    named = [
        frame.assign(venue="binance", symbol=letter, base=letter)
        for letter, frame in zip("abcdef", frames, strict=False)
    ]
    rows = pd.concat(named)
    return Panel.from_frame(rows, "5m", now=rows["ts"].max() + timedelta(minutes=5))


@pytest.fixture(params=RECORDED)
def market(request):
    """A recorded market, known whole, from another start, and with a tenth of it missing."""
    whole = bars(request.param)
    missing = np.random.default_rng(4).random(len(whole)) < 0.1
    missing[300:400] = True
    return [whole, whole[1000:].reset_index(drop=True), whole[~missing].reset_index(drop=True)]


TALIB = {
    "rsi": (lambda x: momentum.rsi(x["close"]), lambda b: talib.RSI(b["close"], 14)),
    "atr": (
        lambda x: volatility.atr(x["high"], x["low"], x["close"]),
        lambda b: talib.ATR(b["high"], b["low"], b["close"], 14),
    ),
    "obv": (
        lambda x: flow.obv(x["close"], x["volume_usd"]),
        lambda b: talib.OBV(b["close"], b["volume_usd"]),
    ),
    "ema": (lambda x: averages.ema(x["close"], 50), lambda b: talib.EMA(b["close"], 50)),
    "middle": (
        lambda x: bands.bollinger(x["close"]).middle,
        lambda b: talib.BBANDS(b["close"], 20, 2, 2)[1],
    ),
    "upper": (
        lambda x: bands.bollinger(x["close"]).upper,
        lambda b: talib.BBANDS(b["close"], 20, 2, 2)[0],
    ),
    "lower": (
        lambda x: bands.bollinger(x["close"]).lower,
        lambda b: talib.BBANDS(b["close"], 20, 2, 2)[2],
    ),
}


@pytest.mark.parametrize("name", TALIB)
def test_is_talibs_answer_to_each_bare_series(market, name):
    """Beside other instruments, from any start and with gaps: each column is as if alone."""
    through_panels, bare = TALIB[name]
    panel = panel_of(*market)

    answers = through_panels(panel.values)

    for column, frame in enumerate(market):
        values = {key: frame[key].to_numpy(float) for key in ("high", "low", "close", "volume_usd")}
        known = np.isfinite(panel.values["close"][:, column])
        assert np.isnan(answers[~known, column]).all()
        np.testing.assert_allclose(answers[known, column], bare(values), rtol=1e-9)


def test_z_of_a_real_market_is_that_of_pandas(market):
    """Of changes, as it is used; 1e-12 is what two ways to sum 20 numbers may differ by."""
    panel = panel_of(*market)
    values = change.delta_pct(panel.values["close"])

    result = zscores.z_score(values)

    for column in range(values.shape[1]):
        known = pd.Series(values[:, column]).dropna()
        before = known.rolling(20)
        expected = (known - before.mean().shift(1)) / before.std().shift(1)
        np.testing.assert_allclose(result[known.index, column], expected, rtol=1e-12, atol=1e-12)


def test_volatility_of_a_real_market(market):
    """Against pandas: the deviation of the last 20 returns of adjacent bars, annualised."""
    panel = panel_of(*market)
    close = panel.values["close"]

    result = volatility.volatility_pct(close, bars_per_year=panel.bars_per_year)

    for column in range(close.shape[1]):
        returns = pd.Series(np.append(np.nan, np.diff(np.log(close[:, column])))).dropna()
        expected = 100 * returns.rolling(20).std() * np.sqrt(panel.bars_per_year)
        np.testing.assert_allclose(result[returns.index, column], expected, rtol=1e-9)
