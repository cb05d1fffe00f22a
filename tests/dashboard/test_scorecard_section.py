"""The scorecard on Alerts: read when somebody opens it, figures where there are enough episodes."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest

from analytics.lake.records import AlertEvent
from analytics.rules.columns import COLUMNS
from analytics.rules.rules_file import read_rules
from dashboard.loaders import scorecards

RULES = '[[rule]]\nname = "Jump"\nwhen = "price > 1"\n[[rule]]\nname = "Rare"\nwhen = "price > 9"\n'
BAR = timedelta(minutes=5)


def fired(record, rule, at):
    """Record an alert of BTC."""
    about = {"per": "pair", "venue": "binance", "symbol": "BTC/USDT:USDT", "base": "BTC"}
    said = {"timeframe": "5m", "severity": "info", "alert_group": "g", "condition": "c"}
    seen = {"message": "m", "seen_values": "{}", "seen_ages_s": json.dumps({}), "channels": "[]"}
    named = {"rule": rule.name, "version": rule.version, "subject": "binance BTC/USDT:USDT"}
    key = {**named, **about, **said, **seen, "started_ts": at}
    record.rows += [
        AlertEvent(**key, change="firing", ts=at),
        AlertEvent(**key, change="resolved", ts=at + BAR),
    ]


@pytest.fixture
def judged(record):
    """Three days of prices at random that rise by 0.5 % after each alert of Jump."""
    jump, rare = read_rules(RULES.encode(), COLUMNS)
    steps = np.random.default_rng(1).normal(0, 1e-3, 864)
    at = np.arange(20, 840, 27)
    steps[at + 1] += 0.005
    end = record.noon - timedelta(minutes=4)
    for row, close in enumerate(100 * np.exp(steps.cumsum())):
        ended = end - (863 - row) * BAR
        record.bar("BTC/USDT:USDT", ended=ended, close=float(close), oi_usd=1e9)
        if row in at:
            fired(record, jump, ended)
    fired(record, rare, end - 100 * BAR)
    record.snapshot("BTC/USDT:USDT", price=110.0, oi_usd=6e9)
    record.cycle()
    record.publish(alert_rules=RULES)
    return len(at)


def test_rules_are_judged_once_the_section_is_open(monkeypatch, opened, judged):
    asked = []
    score = scorecards.score
    monkeypatch.setattr(scorecards, "score", lambda *given: asked.append(1) or score(*given))
    page = opened("app_pages/alerts.py", publish=False)
    assert asked == []

    page.session_state["scorecard"] = True
    page.run()
    page.run()

    assert not page.exception
    assert asked == [1]
    (table,) = (one.value for one in page.dataframe if "hit_pct" in one.value)
    row = table[(table["measure"] == "price_delta_pct") & (table["horizon"] == "15m")].iloc[0]
    assert row["rule"] == "Jump"
    assert row["firing_count"] == row["episode_count"] == judged
    assert row["mean_excess"] == pytest.approx(0.5, abs=0.15)
    said = "\n".join(one.value for one in page.caption).replace("\\", "")
    assert "Rare, 5m, 15m, 1h, 4h: 1 independent episode; at least 20 are needed." in said
