"""Simulated trades on Replay: from the form or a link to figures, as known at the page's time."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from analytics.bundle import trades as bundled
from analytics.exports.csv import csv_bytes
from analytics.exports.pdf import pdf_bytes
from analytics.quantities import QUANTITIES
from analytics.trades.simulated import request
from analytics.trades.simulated.plan import SlippageOfBook
from analytics.trades.simulated.signals import RsiReversal
from dashboard.loaders import simulations
from dashboard.pair_chart import chart_and_figures
from dashboard.replay import simulated_tables
from dashboard.replay.simulated_report import report
from tests.waiting import until

BTC = "BTC/USDT:USDT"
BAR = timedelta(minutes=5)
BARS = 700
PAGE = "app_pages/replay.py"


@pytest.fixture
def market(record):
    """Prices that swing, so that RSI reverses often; a gap of an hour; funding at 08:00 alone."""
    end = record.noon - timedelta(minutes=4)
    swing = 100 + 3 * np.sin(np.arange(BARS) / 4) + np.random.default_rng(1).normal(0, 0.3, BARS)
    before = swing[0]
    for n, close in enumerate(swing):
        at = end - (BARS - 1 - n) * BAR
        if not 300 <= n < 312:
            prices = {"open": before, "high": max(before, close), "low": min(before, close)}
            funding = {"funding_rate": 1e-4, "funding_interval_h": 8} if n > 400 else {}
            record.bar(BTC, ended=at, close=float(close), oi_usd=1e9, **prices, **funding)
        before = float(close)
    record.instrument(BTC)
    record.snapshot(BTC, price=before, oi_usd=1e9)
    record.cycle()
    return end


def settled(page):
    """Run until what was begun is simulated."""
    job = page.session_state["simulated_job"].job
    until(job.done, "the simulation")
    page.run()
    assert not page.exception
    return page.session_state["simulated_last"].job.result()


def said(page):
    return "\n".join(one.value for one in page.caption).replace("\\", "")


def metric(page, label):
    return next(one for one in page.metric if one.label == label)


def test_a_press_simulates_what_the_form_says(market, opened):
    page = opened(PAGE)
    assert "filled at the next bar's open" in said(page)
    assert not page.metric

    page.selectbox(key="sim_signal").select("RSI reversal")
    page.number_input(key="sim_stop").set_value(2.5)
    assert not [one for one in page.number_input if one.key == "sim_rsi_period"]
    page.run()
    page.number_input(key="sim_rsi_period").set_value(1.0).run()
    assert any("Period: from 2 to" in one.value.replace("\\", "") for one in page.error)
    page.number_input(key="sim_rsi_period").set_value(14.0)
    page.button(key="sim_run").click().run()
    found = settled(page)
    trades = found.run.trades
    assert len(trades) > 20
    assert metric(page, "Number of trades").value == f"{len(trades)}"
    assert set(trades["exit_reason"]) <= {"signal", "stop", "end"}
    shown = next(one.value for one in page.dataframe if "entry_price" in one.value)
    assert len(shown) == len(trades)
    assert shown["entry_ts"].is_monotonic_decreasing
    assert f"{BTC[:8]} on Binance" in said(page)
    assert "with random entries earned less" in said(page)
    assert "missing in the record; PnL leaves them out" in said(page)
    assert page.query_params["simulate"] == "1"

    page.number_input(key="sim_rsi_period").set_value(10.0)
    page.button(key="sim_run").click().run()
    settled(page)
    asked = page.session_state["simulated_last"].wanted
    assert asked.source == RsiReversal(period=10)
    # The bundle of the page asks for the same.
    stated = request.stated(asked.source, asked.plan, asked.timeframe, asked.pairs)
    again = bundled.read(bundled.written(stated))
    assert request.source(again, ()) == asked.source
    assert request.plan(again) == asked.plan
    assert again.pairs == f"binance {BTC}"


def test_a_link_opens_the_same(market, opened):
    page = opened(
        PAGE,
        simulate="1",
        sim_signal="RSI reversal",
        sim_side="short",
        sim_sized="% of equity",
        sim_percentofequity="25",
        sim_span="24 h",
        sim_pairs="BTC/USDT · Binance",
        sim_book="true",
    )
    settled(page)

    wanted = page.session_state["simulated_job"].wanted
    assert wanted.source.name == "rsi"
    assert (wanted.plan.side, wanted.plan.size.pct) == ("short", 25)
    assert wanted.plan.slippage == SlippageOfBook(2.0)
    assert wanted.pairs == (("binance", BTC),)
    assert (wanted.timeframe, wanted.bars) == ("5m", 288)
    assert "No trades in this range." in said(page)
    assert "not filled as called for: no spread recorded before it" in said(page)


def test_the_range_ends_at_the_time_of_the_page(market, opened):
    """The clock moved back shows what was known then, and no trade of what was its future."""
    page = opened(PAGE, simulate="1", sim_signal="RSI reversal")
    whole = settled(page).run.trades
    middle = market - 300 * BAR

    page.text_input(key="at").set_value(f"{middle:%Y-%m-%dT%H:%M:%SZ}").run()
    then = settled(page).run

    assert then.equity_usd.index[-1] == middle
    assert then.trades["entry_ts"].max() < middle
    over = whole[whole["exit_ts"] <= middle]
    assert then.trades["pnl_usd"].head(len(over)).tolist() == pytest.approx(
        over["pnl_usd"].tolist()
    )
    assert f"to {middle:%Y-%m-%d %H:%M} UTC" in said(page)


def test_what_makes_no_sense_or_is_too_much_is_said(market, opened):
    page = opened(PAGE, sim_stop="120", sim_side="long")
    (error,) = page.error
    assert error.value.replace("\\", "") == "Stop: a long cannot lose 120 %; below 100 %"

    page.number_input(key="sim_stop").set_value(None)
    page.number_input(key="sim_limit").set_value(3.0)
    page.segmented_control(key="sim_span").set_value("24 h").run()
    assert not page.error
    assert not page.metric


def test_a_run_is_shared_by_its_parameters(market, opened, monkeypatch):
    asked = []
    run = simulations.run
    monkeypatch.setattr(simulations, "run", lambda *given: asked.append(1) or run(*given))
    page = opened(PAGE, simulate="1", sim_signal="RSI reversal")
    settled(page)
    page.run()
    page.button(key="sim_run").click().run()

    assert asked == [1]


def test_market_draws_the_trades_of_the_models_that_are_on(market, opened):
    """And in the past none that was still to come."""
    address = {"venue": "binance", "symbol": BTC, "panes": "price.rsi-trades"}
    middle = market - 100 * BAR

    page = opened("app_pages/market.py", **address)

    def drawn():
        assert "Trades are simulated, long and short, USD 1,000 each" in said(page)
        chart = page.session_state[f"{chart_and_figures.PAGE}_sent"][1]
        (beside,) = chart.parts["titles"]["Price"]["beside"]
        assert beside["name"] == "RSI reversal"
        return {chart.first + chart.step * one["bar"] for one in chart.parts["trades"]}

    now = drawn()
    page.text_input(key="at").set_value(f"{middle:%Y-%m-%dT%H:%M:%SZ}").run()
    then = drawn()

    assert len(now) > 10
    end, begin = middle.timestamp(), (middle - 120 * BAR).timestamp()
    assert max(then) < end < max(now)
    assert {time for time in then if time > begin} == {t for t in now if begin < t < end}


def test_a_condition_is_checked_as_it_is_typed_and_then_traded(market, opened):
    page = opened(PAGE, sim_signal="Expressions", sim_side="short", sim_entry="rsi > 70")
    assert "Write a condition for the entry, and one for the exit." in said(page)

    page.text_input(key="sim_exit").set_value("rsi_14 < 50").run()
    (error,) = page.error
    wrong = error.value.replace("\\", "")
    assert wrong == "Entry: character 1: no value is called 'rsi'; did you mean rsi_14?"

    page.text_input(key="sim_entry").set_value("rsi_14 > 65").run()
    assert not page.error
    page.button(key="sim_run").click().run()
    trades = settled(page).run.trades
    assert len(trades) > 10
    assert set(trades["side"]) == {"short"}

    page.segmented_control(key="sim_side").set_value("both").run()
    (error,) = page.error
    assert error.value == "A rule or an expression enters one side: choose long or short."


def test_a_rule_is_traded(record, market, opened):
    rule = '[[rule]]\nname = "Low"\nwhen = "rsi_14 < 35"\n'
    record.publish(alert_rules=rule)

    page = opened(PAGE, publish=False, simulate="1", sim_signal="Alert rule", sim_side="long")
    trades = settled(page).run.trades

    assert len(trades) > 10
    assert "Enters when it fires, leaves when it is resolved: (rsi_14 < 35)" in said(page)
    assert (trades["exit_ts"].dropna() > trades["entry_ts"].head(trades["exit_ts"].count())).all()


def test_all_of_it_is_exported(market, opened):
    """Each table as CSV and in the workbook, and a document with figures, curves and tables."""
    page = opened(PAGE, simulate="1", sim_signal="RSI reversal", sim_stop="3")
    found = settled(page)
    run = page.session_state["simulated_last"]

    made = {name: make() for name, make in simulated_tables.tables(found).items()}
    said = report(found, run.wanted, run.shown, "bars")

    assert list(made) == [
        *("Trades", "By pair", "By hour"),
        *("Equity curve", "Random runs", "Signals not filled"),
    ]
    assert len(made["Trades"].frame) == len(found.run.trades)
    assert len(made["Random runs"].frame) == 1_000
    header, first, *rest = csv_bytes(made["Equity curve"]).decode().splitlines()
    assert "Equity [USD]" in header
    assert first.split(",")[1:] == ["10000.0", "0.0", "10000.0"]
    assert len(rest) + 1 == len(found.run.equity_usd)
    assert said.state["Signal"] == "RSI reversal"
    assert said.state["Stop"] == "3 %"
    assert {one.label: one.value for one in said.figures}[
        "Number of trades"
    ] == f"{len(found.run.trades)}"
    assert [one.title for one in said.charts] == ["Equity", "Drawdown", "Random runs by PnL, USD"]
    assert {len(one.columns) for one in said.sections} == {12, 13, 16}
    assert pdf_bytes(said).startswith(b"%PDF")


def test_parameters_chosen_on_one_window_are_judged_on_the_next(market, opened, app):
    """All windows of the range are shown, once it is asked for, and none that is to come."""

    def table():
        return next((one.value for one in page.dataframe if "rank" in one.value), None)

    app.session_state["walk_forward"] = True
    page = opened(PAGE, simulate="1", sim_signal="RSI reversal", sim_span="24 h")
    settled(page)
    assert "Every set is tried on one window" in said(page)
    assert table() is None

    # 7 and 14 bars; chosen on 8 h, judged on 2 h, eight times.
    page.number_input(key="walk_forward_rsi_period_14_to").set_value(20).run()
    button = page.button(key="walk_forward_try")
    assert button.label == "Try 2 sets of parameters"
    button.click().run()
    assert not page.exception
    rows = table()
    assert rows["window"].tolist() == [*range(1, 9)]
    assert rows["test_to_ts"].max() == market
    assert set(rows["period"].dropna()) <= {7, 14}
    assert rows["train_sharpe"].notna().any()
    total = QUANTITIES["pnl_usd"].write(rows["judged_usd"].sum())
    assert f"Judged windows together: {total}; one set in all of them" in said(page)

    page.text_input(key="at").set_value(f"{market - 9 * BAR:%Y-%m-%dT%H:%M:%SZ}").run()
    settled(page)
    assert table() is None
    page.multiselect(key="walk_forward_rsi").set_value([]).run()
    assert page.button(key="walk_forward_try").disabled
    assert "Choose what to try." in said(page)


def test_prices_without_open_interest_are_traded(record, opened):
    """A record of candles alone has nothing else."""
    end = record.noon - timedelta(minutes=4)
    for n in range(60):
        close = 100 + 3 * math.sin(n / 2)
        ohlc = dict.fromkeys(("open", "high", "low", "close"), close)
        record.bar(BTC, ended=end - (59 - n) * BAR, **ohlc)

    page = opened(PAGE, simulate="1", sim_signal="RSI reversal", sim_rsi_period="3")

    assert len(settled(page).run.trades) > 3
