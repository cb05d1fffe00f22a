"""Tier 7: an hour in which more was liquidated than is usual for the pair."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from analytics.signals.fired import Signal
from analytics.signals.thresholds import Thresholds

TIER: Final = 7
HOUR: Final = timedelta(hours=1)
_SEEN: Final = ("z_liquidations", "liquidated_usd", "liq_long_usd", "liq_short_usd")


def flushes(hours: pd.DataFrame, thresholds: Thresholds, now: datetime) -> list[Signal]:
    """Return a signal for each pair of *hours* whose newest hour exceeds its threshold.

    Args:
        hours: As ``liquidation_hours.sql`` returns them by pair, of *now*.
        thresholds: What counts.
        now: The end of the hour. UTC
    """
    least = thresholds.of_bases("z_liquidations", hours["base"].tolist())
    beyond = hours.assign(least=least)[hours["z_liquidations"].to_numpy() > least]
    return [
        Signal(
            tier=TIER,
            venue=row["venue"],
            symbol=row["symbol"],
            base=row["base"],
            timeframe="1h",
            ts=now - HOUR,
            now=now,
            values={name: None if pd.isna(row[name]) else row[name] for name in _SEEN},
            thresholds={"z_liquidations": row["least"]},
        )
        for row in beyond.to_dict("records")
    ]
