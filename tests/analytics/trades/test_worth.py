"""What a trade is worth, against figures computed by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.lake.records import Trade
from analytics.lake.schema import BAR
from analytics.panels.panel import Panel
from analytics.trades.worth import (
    Contract,
    FundingPaid,
    conditions,
    crossed,
    distance_pct,
    excursion,
    funding_paid,
    funding_usd,
    liquidation_price,
    pnl_margin_pct,
    pnl_usd,
)

OPENED = datetime(2026, 1, 1, 7, 52, tzinfo=UTC)
LINEAR, INVERSE = Contract(1.0, linear=True), Contract(1.0, linear=False)
LONG = Trade(
    **{"id": "1", "change_id": "1", "change": "open", "side": "long"},
    **{"venue": "okx", "symbol": "BTC/USDT:USDT", "base": "BTC"},
    **{"entry_price": 100.0, "size_base": 3.0, "leverage": 10.0, "maintenance_margin_pct": 1.0},
    **{"stop_price": 95.0, "target_price": 120.0},
    ts=OPENED,
    opened_ts=OPENED,
)
SHORT = replace(LONG, side="short", stop_price=105.0, target_price=80.0)


@pytest.mark.parametrize(
    ("trade", "contract", "usd", "margin_pct"),
    [
        # 3 coins, 4 up; the margin was 30.
        (LONG, LINEAR, 12.0, 40.0),
        (SHORT, LINEAR, -12.0, -40.0),
        # 3 coins x 100 are 300 USD of contracts: 3 - 300 / 104 coins, of a margin of 0.3.
        (LONG, INVERSE, 12.0, 100 * (3 - 300 / 104) / 0.3),
        # The price is of 1000 coins.
        (replace(LONG, size_base=3000.0), Contract(1000.0, linear=True), 12.0, 40.0),
    ],
)
def test_pnl(trade, contract, usd, margin_pct):
    assert pnl_usd(trade, 104.0, contract) == pytest.approx(usd)
    assert pnl_margin_pct(trade, 104.0, contract) == pytest.approx(margin_pct)


@pytest.mark.parametrize(
    ("side", "contract", "leverage", "price"),
    [
        ("long", LINEAR, 10.0, 90 / 0.99),
        ("short", LINEAR, 10.0, 110 / 1.01),
        ("long", INVERSE, 10.0, 101 / 1.1),
        ("short", INVERSE, 10.0, 99 / 0.9),
        ("long", LINEAR, 1.0, None),
        ("short", INVERSE, 1.0, None),
        ("short", LINEAR, 1.0, 200 / 1.01),
    ],
)
def test_liquidation_is_where_the_margin_left_is_the_maintenance_margin(
    side, contract, leverage, price
):
    trade = replace(LONG, side=side, leverage=leverage)
    found = liquidation_price(trade, contract)
    assert found == (None if price is None else pytest.approx(price))
    if found is not None:
        # In USD at that price; an inverse margin of coins is worth what they are then.
        inverse = not contract.linear
        margin = 300 / leverage * (found / 100 if inverse else 1)
        notional = 300 if inverse else 3 * found
        left = margin + pnl_usd(trade, found, contract)
        assert left == pytest.approx(0.01 * notional)


def test_distances_and_what_is_crossed():
    assert distance_pct(100.0, 95.0) == pytest.approx(-5.0)
    assert [crossed(LONG, price) for price in (95.0, 95.1, 119.9, 120.0)] == [
        *("stop", None, None, "target")
    ]
    assert [crossed(SHORT, price) for price in (105.0, 104.9, 80.1, 80.0)] == [
        *("stop", None, None, "target")
    ]
    assert crossed(replace(LONG, stop_price=None, target_price=None), 1.0) is None


def panel(bars=240, **columns):
    """Bars of 5 minutes from 07:00 on, of price 100 and funding 0.01 % every 4 hours."""
    start = OPENED.replace(hour=7, minute=0)
    made = {"high": 101.0, "low": 99.0, "close": 100.0, "mark": 100.0, "oi_usd": 5e6}
    made |= {"ls_accounts": 1.5, "funding_rate": 0.0001, "funding_interval_h": 4.0, **columns}
    frame = pd.DataFrame({"ts": [start + n * BAR for n in range(bars)], **made})
    frame = frame.assign(venue="okx", symbol="BTC/USDT:USDT", base="BTC")
    return Panel.from_frame(frame, "5m", now=start + bars * BAR)


def test_a_payment_is_of_the_position_then():
    assert funding_usd(LONG, 0.001, 110.0, LINEAR) == pytest.approx(0.33)
    assert funding_usd(SHORT, 0.001, 110.0, LINEAR) == pytest.approx(-0.33)
    # Of contracts for 300 USD, at any price.
    assert funding_usd(LONG, 0.001, 110.0, INVERSE) == pytest.approx(0.3)


def test_funding_is_paid_at_each_funding_time_after_the_entry():
    """08:00, 12:00 and 16:00, at the mark of the bar before; the one at the entry is not."""
    mark = np.full(240, 100.0)
    mark[11], mark[59], mark[107] = 110.0, 90.0, np.nan
    of = panel(mark=mark)
    at = OPENED.replace(hour=16, minute=0)
    paid = funding_paid(LONG, of, LINEAR, at)
    assert paid == FundingPaid(pytest.approx(0.0001 * 3 * (110 + 90 + 100)), 3, 3)
    assert funding_paid(SHORT, of, LINEAR, at).usd == pytest.approx(-paid.usd)
    assert funding_paid(LONG, of, LINEAR, at - timedelta(seconds=1)).due == 2
    at_eight = replace(LONG, opened_ts=OPENED.replace(hour=8, minute=0))
    assert funding_paid(at_eight, of, LINEAR, at).due == 2
    closed = replace(LONG, closed_ts=OPENED.replace(hour=9))
    assert funding_paid(closed, of, LINEAR, at).due == 1


def test_a_payment_whose_rate_is_not_recorded_is_counted_and_not_0():
    rate = np.full(240, 0.0001)
    rate[59] = np.nan
    at = OPENED.replace(hour=16, minute=0)
    assert funding_paid(LONG, panel(funding_rate=rate), LINEAR, at) == FundingPaid(
        pytest.approx(0.06), 2, 3
    )
    nothing = panel(funding_rate=np.nan)
    assert funding_paid(LONG, nothing, LINEAR, at) == FundingPaid(None, 0, 3)
    unknown = panel(funding_interval_h=np.nan)
    assert funding_paid(LONG, unknown, LINEAR, at) == FundingPaid(None, 0, None)
    assert funding_paid(LONG, panel(), LINEAR, OPENED + BAR) == FundingPaid(0.0, 0, 0)
    # The record ends at 08:00: what was due since is not known.
    assert funding_paid(LONG, panel(bars=12), LINEAR, at) == FundingPaid(pytest.approx(0.03), 1, 3)


def test_excursions_are_of_whole_bars_since_the_entry():
    """The bar of the entry, 07:50, reaches further, before it."""
    high, low = np.full(240, 101.0), np.full(240, 99.0)
    high[10], low[10] = 150.0, 50.0
    high[20], low[21], high[22] = 107.0, 94.0, np.nan
    of, at = panel(high=high, low=low), OPENED.replace(hour=9, minute=0)
    found = excursion(LONG, of, at)
    assert (found.mae_pct, found.mfe_pct) == (pytest.approx(-6.0), pytest.approx(7.0))
    assert (found.known, found.bars) == (12, 13)
    found = excursion(SHORT, of, at)
    assert (found.mae_pct, found.mfe_pct) == (pytest.approx(-7.0), pytest.approx(6.0))
    first = excursion(LONG, of, OPENED + timedelta(minutes=1))
    assert (first.mae_pct, first.mfe_pct, first.known, first.bars) == (0.0, 0.0, 0, 0)
    # A loss of now is an excursion before any bar holds it, and so is that of an exit.
    assert excursion(LONG, of, OPENED + timedelta(minutes=1), 98.0).mae_pct == pytest.approx(-2.0)
    closed = replace(LONG, closed_ts=OPENED + timedelta(minutes=1), exit_price=103.0)
    assert excursion(closed, of, at, 50.0).mfe_pct == pytest.approx(3.0)
    assert excursion(closed, of, at, 50.0).mae_pct == 0.0


def test_conditions_are_of_the_last_bar_that_was_over():
    # Up by 1 and 3 permille in turns, then by 5 %.
    oi_usd = 5e6 * np.cumprod(1 + 0.001 * (1 + 2 * (np.arange(240) % 2)))
    oi_usd[23] = 1.05 * oi_usd[22]
    ls = np.full(240, 1.5)
    ls[10], ls[30] = 2.5, np.nan
    of = panel(oi_usd=oi_usd, ls_accounts=ls)
    before = conditions(of, OPENED + timedelta(minutes=3))
    assert (before.ls_accounts, before.funding_8h_pct) == (2.5, pytest.approx(0.02))
    assert before.oi_usd == oi_usd[10]
    assert before.z_oi is None
    assert conditions(of, OPENED.replace(hour=9, minute=36)).ls_accounts is None
    assert conditions(of, OPENED - timedelta(days=1)).oi_usd is None
    jump = conditions(of, OPENED.replace(hour=9, minute=0))
    past = np.array([0.1, 0.3] * 10)
    assert jump.z_oi == pytest.approx((5 - past.mean()) / past.std(ddof=1), rel=1e-6)
