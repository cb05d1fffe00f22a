"""``perpscope simulate-trades`` on a small lake: trades, costs, the check for look-ahead."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

import perpscope
from analytics.lake import schema
from analytics.lake.layout import PRIVATE_UMASK
from analytics.lake.writer import Lake
from analytics.trades.simulated import record, signals
from analytics.trades.simulated.result import TRADE_COLUMNS

END = datetime(2026, 3, 5, 12, tzinfo=UTC)
BARS = 3 * 288
PAIRS = [(venue, base) for venue in ("binance", "okx") for base in ("BTC", "ETH", "SOL")]
GAP = range(500, 512)
"""Bars that the record of BTC on Binance lacks."""
FLOATS = [field.name for field in schema.arrow_schema("bars") if field.type == pa.float64()]


def prices(place):
    """Open, high, low and close of one pair; pairs of one base are close to each other."""
    draw = np.random.default_rng(place % 3)
    close = 100 * np.exp(draw.normal(0, 0.003, BARS).cumsum())
    close = close * np.exp(np.random.default_rng(10 + place).normal(0, 1e-4, BARS))
    open_ = np.concatenate([close[:1], close[:-1]]) * 1.0001
    return {"open": open_, "high": np.maximum(open_, close) * 1.001,
            "low": np.minimum(open_, close) * 0.999, "close": close}  # fmt: skip


def rows(place):
    venue, base = PAIRS[place]
    cells = {name: values.tolist() for name, values in prices(place).items()}
    draw = np.random.default_rng(100 + place)
    cells |= {"mark": cells["close"], "volume_usd": draw.exponential(1e5, BARS).tolist()}
    cells |= {"oi_usd": (1e6 * np.exp(draw.normal(0, 0.01, BARS).cumsum())).tolist()}
    for n in range(BARS):
        if place == 0 and n in GAP:
            continue
        row = dict.fromkeys(FLOATS) | {name: values[n] for name, values in cells.items()}
        row |= {"venue": venue, "base": base, "symbol": f"{base}/USDT:USDT"}
        row |= {"funding_rate": 1e-4, "funding_interval_h": 8.0, "spread_bps": 2.0}
        ts = (END - (BARS - n) * schema.BAR).replace(tzinfo=None)
        yield row | {"ts": ts, "snapshot_count": 1, "origin": "live"}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    with Lake(folder) as lake:
        bars = [row for place in range(len(PAIRS)) for row in rows(place)]
        lake.append(("bars", schema.conform("bars", pa.Table.from_pylist(bars))))
        lake.publish()
    return folder


@pytest.fixture(autouse=True)
def built_in_rules(stored):
    yield
    (stored / "alerts.toml").unlink(missing_ok=True)


@pytest.fixture
def simulate(monkeypatch, capsys, stored):
    """Run the command as a shell would; returns exit code, output and messages."""
    monkeypatch.setenv("PERPSCOPE_DATA_DIR", str(stored))

    class Wall(perpscope.datetime):
        @classmethod
        def now(cls, tz=None):
            return END.astimezone(tz)

    monkeypatch.setattr(perpscope, "datetime", Wall)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["perpscope", "simulate-trades", *map(str, words)])
        old, code = os.umask(PRIVATE_UMASK), 0
        try:
            perpscope.main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            os.umask(old)
        told = capsys.readouterr()
        return code, told.out, " ".join(told.err.split())

    return run


def trades_of(simulate, *words):
    code, out, told = simulate(*words, "--csv", "-")
    assert (code, told) == (0, "")
    return list(csv.DictReader(io.StringIO(out)))


UP_AND_DOWN = ("--entry", "price_delta_pct > 0.4", "--exit", "price_delta_pct < -0.4")


def test_an_expression_enters_at_the_open_after_it_is_true(simulate):
    words = ("--from", "2d", "--pairs", "okx ETH/USDT:USDT", "--slippage", "0")
    found = trades_of(simulate, *UP_AND_DOWN, *words, "--fee", "0.02/0.05")
    assert tuple(found[0]) == TRADE_COLUMNS
    of = prices(4)
    moved = 100 * (of["close"][1:] / of["close"][:-1] - 1)
    first = next(n for n in range(288, BARS) if moved[n - 1] > 0.4)
    last = next(n for n in range(first + 1, BARS) if moved[n - 1] < -0.4)
    trade = found[0]
    at = END - (BARS - first - 1) * schema.BAR
    assert trade["signal_ts"] == trade["entry_ts"] == f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
    assert float(trade["entry_price"]) == of["open"][first + 1]
    assert float(trade["exit_price"]) == of["open"][last + 1]
    units = 1000 / of["open"][first + 1]
    fee = 0.0005 * units * (of["open"][first + 1] + of["open"][last + 1])
    assert float(trade["fee_usd"]) == pytest.approx(fee)
    # Longs pay 0.01 % of the mark at each settlement, every eight hours.
    held = [t for t in found if int(t["settlements"]) and t["exit_ts"]]
    assert held
    for trade in held:
        size = int(trade["settlements"]) * 1e-4 * 1000
        assert float(trade["funding_usd"]) == pytest.approx(-size, rel=0.05)


def test_a_rule_makes_the_trades_of_its_conditions(simulate, stored):
    """It fires where it becomes true and is resolved by its second condition."""
    rule = '[[rule]]\nname = "Up"\nwhen = "price_delta_pct > 0.4"\nclear = "price_delta_pct < -0.4"'
    (stored / "alerts.toml").write_text(rule)
    words = ("--from", "1d", "--side", "short", "--stop", "1")
    ruled = trades_of(simulate, "--signal", "rule:Up", *words[:4])
    assert ruled == trades_of(simulate, *UP_AND_DOWN, *words[:4])
    assert {trade["side"] for trade in ruled} == {"short"}
    stopped = trades_of(simulate, *UP_AND_DOWN, *words, "--target", "0.5", "--time-limit", "30m")
    assert {"stop", "target", "time"} <= {trade["exit_reason"] for trade in stopped}
    # What is true of an asset is so of its pairs.
    (stored / "alerts.toml").write_text(f'{rule}\nper = "asset"')
    of_assets = trades_of(simulate, "--signal", "rule:Up", "--from", "1d")
    entries = {(one["entry_ts"], one["symbol"], one["venue"]) for one in of_assets}
    assert len(entries) > 10
    assert {(ts, symbol, "okx") for ts, symbol, _ in entries} <= entries
    symbols = {symbol for _, symbol, _ in entries}
    assert len(entries) < len(symbols) * 2 * len({ts for ts, _, _ in entries})


def test_the_table_says_what_was_not_filled_and_what_is_not_known(simulate):
    code, out, _ = simulate(
        "--signal", "obv", "--side", "both", "--from", "2d", "--set", "window=5"
    )
    assert code == 0
    assert "6 pairs, 5m, 2026-03-03 12:00 to 2026-03-05 12:00 UTC" in out
    for title in ("Number of trades", "Win rate", "Fees", "Funding received", "Sharpe ratio"):
        assert title in out
    assert "Last 20 of" in out
    assert "Percentile among random entries" in out
    none = simulate("--signal", "rsi", "--set", "low=0.01", "--from", "1d")[1]
    assert "Nothing signalled an entry." in none
    gap = ("--entry", "price_delta_pct is not null", "--exit", "false", "--from")
    start = END - (BARS - 491) * schema.BAR
    lost = ("--to", f"{start + timedelta(minutes=150):%Y-%m-%dT%H:%MZ}", "--pairs", "BTC",
            "--time-limit", "5m")  # fmt: skip
    out = simulate(*gap, f"{start:%Y-%m-%dT%H:%MZ}", *lost)[1]
    assert "Not filled: 1 signal, no bar recorded after it." in out


def test_json_holds_trades_and_account(simulate, tmp_path):
    path = tmp_path / "run.json"
    code, out, _ = simulate("--signal", "bollinger+obv", "--from", "2d", "--json", path)
    assert (code, "Number of trades" in out) == (0, True)
    found = json.loads(path.read_text())
    assert set(found) == {"trades", "account", "unfilled"}
    assert len(found["account"]) == 2 * 288 + 1
    total = sum(trade["pnl_usd"] for trade in found["trades"])
    assert found["account"][-1]["equity_usd"] == pytest.approx(10_000 + total)


@dataclass(frozen=True, slots=True)
class Leaking:
    """RSI's signals a bar before they are known."""

    name: ClassVar[str] = "leaking"
    metrics: ClassVar[tuple[str, ...]] = ("close",)
    warm_up: ClassVar[int] = 70

    def signals(self, panel):
        """Those of the next bar; none in the last."""
        parts = signals.RsiReversal().signals(panel).parts
        moved = [np.vstack([flags[1:], np.zeros_like(flags[:1])]) for flags in parts]
        return signals.Signals(*moved)


def test_signals_that_look_one_bar_ahead_are_caught(simulate, monkeypatch):
    monkeypatch.setitem(signals.MODELS, "leaking", Leaking)
    words = ("--from", "6h", "--pairs", "BTC,SOL", "--check")
    code, out, _ = simulate("--signal", "leaking", *words)
    assert code == 1
    assert "Looks ahead: later bars changed" in out
    for honest in (("--signal", "rsi+obv"), UP_AND_DOWN):
        code, out, _ = simulate(*honest, *words)
        assert (code, out.split(":")[0]) == (0, "Nothing looks ahead")


def test_walk_forward_shows_every_window(simulate):
    words = (
        "--signal",
        "rsi",
        "--from",
        "48h",
        "--vary",
        "period=7:21:7",
        "--vary",
        "low=25:35:10",
    )
    code, out, _ = simulate(*words, "--walk-forward", "18h:6h", "--measure", "pnl_usd")
    assert code == 0
    assert sum(" of 6 " in line for line in out.splitlines()) == 5
    assert "Judged windows together: " in out


def test_parts_of_the_pairs_make_the_same_trades(simulate, monkeypatch):
    """A long stretch is read a few pairs at a time, to bound the memory."""
    words = ("--signal", "rsi+obv", "--side", "both", "--from", "2d", "--slippage", "book")
    whole = trades_of(simulate, *words)
    monkeypatch.setattr(record, "_CELLS", 2000)
    assert len(whole) > 10
    assert trades_of(simulate, *words) == whole


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "give --signal, or --entry and --exit"),
        (("--signal", "rsi", "--entry", "z_oi > 1"), "give --signal, or --entry and --exit"),
        (("--entry", "z_oi > 1"), "--entry and --exit belong together"),
        (("--signal", "macd"), "--signal macd: one of rsi, obv, bollinger, rsi+obv"),
        (("--signal", "obv+rsi"), "--signal obv+rsi: rsi+obv and bollinger+obv exist"),
        (("--signal", "rule:none"), "no rule is called 'none'"),
        (("--signal", "rule:Stream down"), "about the data of a venue, not about pairs"),
        (("--signal", "rule:Flush", "--side", "both"), "--side both: a rule or an expression"),
        (("--entry", "z_oii > 1", "--exit", "true"), "entry: character 1: no value is called"),
        (("--signal", "rsi", "--set", "period=x"), "--set period=x: write NAME=NUMBER"),
        (("--signal", "rsi", "--set", "window=9"), "window: rsi has no such parameter, only"),
        (("--signal", "rsi", "--set", "period=9.5"), "period: must be a whole number of bars"),
        (("--signal", "rsi", "--set", "period=1"), "period: from 2 to 100,000 bars, not 1"),
        (("--signal", "rsi", "--pairs", "BTC,XYZ"), "--pairs 'XYZ': not in the record"),
        (("--signal", "rsi", "--timeframe", "7m"), "--timeframe 7m: one of 5m, 15m"),
        (("--signal", "rsi", "--from", "soon"), "--from soon: write a time such as"),
        (("--signal", "rsi", "--from", "2026-04-01"), "is not before"),
        (("--signal", "rsi", "--from", "30d", "--to", "10d"), "no bars of these pairs from"),
        (("--signal", "rsi", "--size", "lots"), "--size lots: write USD as 1000"),
        (("--signal", "rsi", "--fee", "1"), "--fee 1: write maker/taker in percent"),
        (("--signal", "rsi", "--slippage", "x"), "--slippage x: write basis points"),
        (("--signal", "rsi", "--stop", "0"), "stop: must be above 0"),
        (("--signal", "rsi", "--time-limit", "7m"), "time limit: 0:07:00 is no whole number"),
        (("--signal", "rsi", "--csv", "/nowhere/at/all"), "cannot be written"),
        (("--signal", "rsi", "--walk-forward", "7d"), "write 14d:7d"),
        (("--signal", "rsi", "--walk-forward", "9d:9d", "--vary", "low=1:2:1"), "are more than"),
        (("--signal", "rule:Flush", "--walk-forward", "1d:1d"), "no parameters to choose"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_sentence(simulate, words, says):
    code, out, told = simulate(*words)
    assert (code, out) == (2, "")
    assert told.startswith("perpscope: ")
    assert says in told
