"""The scorecard on Alerts: read when somebody opens it, figures where there are enough episodes."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest

from analytics.lake.records import AlertEvent
from analytics.rules import firings
from analytics.rules.columns import COLUMNS
from analytics.rules.rules_file import read_rules

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
    score = firings.score
    monkeypatch.setattr(firings, "score", lambda *given: asked.append(1) or score(*given))
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


@pytest.fixture
def half_true(record):
    """Six days in which prices rise after a rise of open interest, in the first three alone."""
    draw, count = np.random.default_rng(2), 6 * 288
    prices, contracts = draw.normal(0, 1e-3, count), draw.normal(0, 1e-4, count)
    at = np.arange(20, count - 20, 27)
    contracts[at], contracts[at + 3] = 0.02, -0.02
    prices[at[at < count // 2] + 1] += 0.005
    # On the hour, up to which thresholds are tried.
    end = record.noon.replace(minute=0, second=0)
    close, oi = 100 * np.exp(prices.cumsum()), 1e7 * np.exp(contracts.cumsum())
    for row in range(count):
        values = {"close": float(close[row]), "oi_base": float(oi[row])}
        ended = end - (count - 1 - row) * BAR
        record.bar("BTC/USDT:USDT", ended=ended, oi_usd=values["close"] * oi[row], **values)
    record.snapshot("BTC/USDT:USDT", price=110.0, oi_usd=6e9)
    record.cycle()
    when = "oi_delta_pct > 1 and price > 1"
    record.publish(alert_rules=f'[[rule]]\nname = "Jump"\nwhen = "{when}"\ntimeframe = "5m"\n')


def test_thresholds_are_tried_on_one_half_and_shown_beside_the_other(opened, half_true):
    page = opened("app_pages/alerts.py", publish=False)
    page.session_state["sweep"] = True
    page.run()
    assert [one for one in page.dataframe if "held_out_q" in one.value] == []
    page.selectbox(key="sweep_horizon").set_value("5m")
    page.button(key="sweep_try").click().run()

    assert not page.exception
    (table,) = (one.value for one in page.dataframe if "held_out_q" in one.value)
    assert table["oi_delta_pct"].tolist() == [0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4]
    assert table.loc[4, "in_sample_mean_excess"] == pytest.approx(0.5, abs=0.15)
    assert table.loc[4, "held_out_mean_excess"] == pytest.approx(0, abs=0.1)
    said = "\n".join(one.value for one in page.warning).replace("\\", "")
    assert "Best of 9 in-sample: oi_delta_pct 0.6, mean excess +0." in said
    assert "Warning: it does not hold out: " in said
    drawn = json.loads(page.get("vega_lite_chart")[0].proto.spec)
    assert len(drawn["layer"]) == 4

    (both,) = (one for one in page.multiselect if str(one.key).startswith("sweep_of_"))
    both.set_value(["oi_delta_pct", "price"]).run()
    assert any("The fields have changed" in one.value for one in page.caption)
    page.button(key="sweep_try").click().run()
    assert not page.exception
    halves = [json.loads(one.proto.spec) for one in page.get("vega_lite_chart")]
    assert len(halves) == 2
    colors = [one["layer"][0]["encoding"]["color"]["scale"] for one in halves]
    assert colors[0] == colors[1]
