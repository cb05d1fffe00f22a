"""The rules that a data folder begins with: when each fires, and what it says."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from analytics.rules.engine import SUBJECT_KEYS, run
from analytics.rules.frames import COLUMNS, names_read
from analytics.rules.messages import message
from analytics.rules.rules_file import builtin, read_rules

NOW = datetime(2025, 10, 22, 12, tzinfo=UTC)
RULES = {rule.name: rule for rule in read_rules(builtin(), COLUMNS)}
KEYS = {"venue": "okx", "symbol": "BTC/USDT:USDT", "base": "BTC"}
CALM = {
    **{"volume_24h_usd": 1e9, "oi_delta_pct": 0.1, "price_delta_pct": 0.1, "z_oi": 0.4},
    **{"ls_accounts": 1.4, "book_imbalance_pct": 1.0, "funding_8h_pct": 0.01},
    **{"funding_paid_8h_pct": 0.008, "funding_excess_pct": 0.0, "tier_5_bases_pct": 5},
    **{"z_liquidations": 0.3, "liquidations_1h_usd": 4e5, "cvd_usd": 1e5, "basis_pct": -0.02},
    **{"tier_2_bases": 0, "age_s": 20, "coverage_pct": 99.5, "streams_down": 0},
}
"""Nothing is unusual."""

FIRES = {
    "OI z-score": ({"z_oi": -3.12, "oi_delta_pct": -4}, "OI -3.1 σ in 1h (-4.00 %)"),
    "OI + crowd + book": (
        {"z_oi": 2.61, "ls_accounts": 3.2, "book_imbalance_pct": -4.5},
        "OI +2.6 σ in 15m, crowd long (L/S 3.20), book -4.50 %",
    ),
    "Takers drive OI": (
        {"cvd_usd": -2e6, "price_delta_pct": -1.9, "oi_delta_pct": 1.6, "z_oi": 2.7},
        "CVD -$2.00M, price -1.90 %, OI +1.60 % in 15m",
    ),
    "Longs pay and leave": (
        {"funding_8h_pct": 0.11, "funding_excess_pct": 0.1, "oi_delta_pct": -2.4},
        "Funding +0.1100 % per 8 h, longs pay, OI -2.40 % in 1h",
    ),
    "Venue share of OI": (
        {"tier_5_bases_pct": 40},
        "The share of OI departs in 40 % of the venue's coins in 1h",
    ),
    "Crowd long across coins": (
        {"tier_2_bases": 4},
        "4 coins with crowd long on a jump of OI within 1 h",
    ),
    "Crowd + book + funding": (
        {"ls_accounts": 2.41, "book_imbalance_pct": 5, "funding_8h_pct": 0.02},
        "Crowd long (L/S 2.41), book +5.00 %, funding +0.0200 % per 8 h",
    ),
    "Flush": (
        {"z_liquidations": 7.3, "liquidations_1h_usd": 9.2e7},
        "$92.00M liquidated in an hour, +7.3 σ against 7 days",
    ),
    "Funding flip": (
        {"funding_8h_pct": -0.012, "funding_paid_8h_pct": 0.01},
        "Funding flipped: -0.0120 % per 8 h, paid last +0.0100 %",
    ),
    "Basis blow-out": ({"basis_pct": -0.8}, "Basis -0.8000 %: mark against index"),
    "Venue silent": ({"age_s": 190}, "No data for 3 min"),
    "Coverage low": ({"coverage_pct": 81}, "81.0 % of the last hour's snapshots stored"),
    "Stream down": (
        {"streams_down": 2},
        "2 of the venue's streams down: REST fills in what it can",
    ),
}


def passed(rule, values):
    """Pass twice over one row, *values* and else calm, once the rule has waited; by its change."""
    (names,) = names_read([rule]).values()
    keys = {name: KEYS[name] for name in {*SUBJECT_KEYS[rule.per], *(names & KEYS.keys())}}
    row = keys | {name: float((CALM | values)[name]) for name in names - KEYS.keys()}
    frames = {(rule.per, rule.timeframe): pd.DataFrame([row])}
    states, first = run([rule], frames, {}, NOW)
    _, second = run([rule], frames, states, NOW + rule.waits.hold) if rule.waits.hold else ({}, [])
    return {event.change: event for event in [*first, *second]}


def test_the_rules_are_the_six_tiers_and_what_else_is_promised():
    assert RULES.keys() == FIRES.keys()
    assert {rule.per for rule in RULES.values()} == {"pair", "asset", "market", "venue"}


@pytest.mark.parametrize("name", FIRES)
def test_each_fires_where_it_should_and_says_so(name):
    values, says = FIRES[name]
    events = passed(RULES[name], values)
    assert message(RULES[name], events["firing"]) == says
    assert passed(RULES[name], {}) == {}


def test_the_resting_funding_is_no_crowd():
    """0.01 % a period, rebased from whatever interval, is not over 0.01 %."""
    values = {"ls_accounts": 2.5, "book_imbalance_pct": 5, "funding_8h_pct": 100 * 5e-5 * 8 / 4}
    for rate in (values["funding_8h_pct"], 0.010000000000000002):
        assert passed(RULES["Crowd + book + funding"], values | {"funding_8h_pct": rate}) == {}


def test_a_rule_without_a_message_says_what_it_read():
    text = """
    [[rule]]
    name = "mine"
    timeframe = "15m"
    when = "z_oi > 2 and oi_delta_pct_1h > 1 and ls_accounts > 2 and venue = 'okx'"
    """
    (rule,) = read_rules(text.encode(), COLUMNS)
    row = KEYS | {"z_oi": 2.25, "oi_delta_pct_1h": 3.5, "ls_accounts": 2.5}
    _, (event,) = run([rule], {("pair", "15m"): pd.DataFrame([row])}, {}, NOW)
    assert message(rule, event) == (
        "Long/short 2.50, OI change +3.50 % in 1h, z of OI change +2.2 σ in 15m"
    )


def test_a_message_names_its_subject_rule_and_time():
    text = """
    [[rule]]
    name = "mine"
    when = "z_oi > 2"
    message = "{{{time}}} {subject}: {rule}, {severity}, {z_oi:+.3f}"
    """
    (rule,) = read_rules(text.encode(), COLUMNS)
    _, (event,) = run([rule], {("pair", "5m"): pd.DataFrame([KEYS | {"z_oi": 3.0}])}, {}, NOW)
    assert message(rule, event) == "{2025-10-22 12:00 UTC} BTC/USDT OKX: mine, warning, +3.000"
