"""Gaps that belong together are one hole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from analytics.quality.outages import outages

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)


def gap(symbol, metric, *, bars, repairable=0, start=NOON, venue="okx"):
    return {
        **{"venue": venue, "symbol": symbol, "metric": metric, "bars": bars, "running": False},
        **{"start_ts": start, "end_ts": start + bars * timedelta(minutes=5)},
        "repairable_bars": repairable,
    }


def test_an_outage_is_one_hole():
    """Of all pairs and metrics that were away from then to then."""
    gaps = [gap(symbol, metric, bars=2) for symbol in "BA" for metric in ("price", "oi_usd")]

    (hole,) = outages(pd.DataFrame(gaps)).to_dict("records")

    assert (hole["symbols"], hole["metrics"]) == (("A", "B"), ("oi_usd", "price"))
    assert (hole["bars"], hole["length_s"]) == (8, 600)


def test_another_time_or_venue_is_another_hole():
    """The longest comes first, then the newest."""
    later = NOON + timedelta(hours=1)
    gaps = [
        gap("A", "price", bars=1),
        gap("A", "price", bars=1, start=later),
        gap("A", "price", bars=3, venue="bybit"),
    ]

    found = outages(pd.DataFrame(gaps))

    assert found["venue"].tolist() == ["bybit", "okx", "okx"]
    assert found["start_ts"].tolist() == [NOON, later, NOON]


def test_repairable_as_far_as_its_gaps_are():
    """All of them, some, or none."""
    gaps = [
        gap("A", "price", bars=4, repairable=4),
        gap("A", "price", bars=3, repairable=3),
        gap("A", "mark", bars=3),
        gap("A", "mark", bars=2),
    ]

    assert outages(pd.DataFrame(gaps))["repairable"].tolist() == ["yes", "in part", "no"]
