"""Thresholds of all signals: settings of the user."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd

from analytics.errors import SettingsError
from analytics.indicators.arrays import Floats
from analytics.quantities import QUANTITIES

Level = Literal[
    "z_oi",
    "ls_accounts",
    "book_imbalance_pct",
    "funding_8h_pct",
    "oi_delta_pct",
    "z_liquidations",
]
"""A quantity whose threshold a user chooses; the other thresholds are of signals alone."""

PERCENTILES: Final = (90.0, 95.0, 97.0, 98.0, 99.0, 99.5, 99.9)
"""Those that ``threshold_values.sql`` returns of an asset's own past, in its order."""

OWN_DAYS: Final = 30
"""The past that a percentile is of. [days]"""

MARKED_DAYS: Final = 7
"""The time of which a threshold's share is stated. [days]"""


@dataclass(frozen=True, slots=True)
class OwnLevels:
    """Thresholds as percentiles of each asset's own past."""

    percentiles: Mapping[Level, float]
    """Of ``PERCENTILES``, of those levels that are percentiles; all others are plain numbers."""
    values: Mapping[tuple[Level, str], float]
    """By level and asset: the size at that percentile; an asset without a past has none."""

    @classmethod
    def of(cls, rows: pd.DataFrame, percentiles: Mapping[Level, float]) -> OwnLevels:
        """Return the levels at *percentiles*, of *rows* of ``threshold_values.sql`` by asset."""
        places = {name: PERCENTILES.index(one) for name, one in percentiles.items()}
        values = {
            (name, base): float(sizes[places[name]])
            for name, base, sizes in zip(
                rows["name"], rows["base"], rows["percentiles"], strict=True
            )
            if name in places
        }
        return cls(percentiles, values)


def marked_share_pct(rows: pd.DataFrame, name: Level, threshold: float) -> float | None:
    """Return the share of pair-bars in which *threshold* was exceeded; None without any. [%]

    Args:
        rows: Of ``threshold_values.sql``, by bin.
        name: The quantity.
        threshold: In its unit, a multiple of the rows' ``step``.
    """
    bins = rows[rows["name"] == name]
    if bins.empty:
        return None
    above = bins["bin"] > round(threshold / bins["step"].iloc[0])
    return float(100 * bins.loc[above, "bars"].sum() / bins["bars"].sum())


_NEVER: Final = 1e300
"""What no value exceeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a value must exceed for a signal; counts must be reached.

    Raises:
        SettingsError: One is not a finite number, or a count is less than 1.
    """

    z_oi: float = 2.5
    """Tiers 1 and 2, and confluence. [standard deviations]"""
    ls_accounts: float = 3.0
    """Tier 2 and confluence. Twice as many longs as shorts is common: in four recorded days of BTC,
    ETH and SOL the ratio was above 2 in 61 % of readings, above 3 in 18 %. [ratio]"""
    book_imbalance_pct: float = 3.0
    """Tier 2 and confluence, on either side of the book. [%]"""
    oi_delta_pct: float = 1.0
    """Tier 3. [%]"""
    funding_8h_pct: float = 0.03
    """Tier 4: three times the resting rate, 0.01 %, which venues' interest component and clamp give
    while the premium is small. Of recorded payments of XRP 77 % were exactly that, and 5 % above
    0.03 %; of Hyperliquid's markets at one time 34 % and 17 %. [% per 8 h]"""
    funding_excess_pct: float = 0.0
    """Tier 4, above the median of the venue's instruments in the same bar. [% per 8 h]"""
    funding_instruments: int = 3
    """Instruments of a venue, with known funding, that have a median worth the name."""
    z_oi_share: float = 2.0
    """Tier 5, upwards or downwards. [standard deviations]"""
    z_liquidations: float = 3.0
    """Tier 7, of the hour up to the newest bar: more than is usual for the pair, never less.
    [standard deviations, robust]"""
    cluster_bases: int = 3
    """Tier 6: bases of which an instrument had a tier-2 event in the window; one counts once."""
    cluster_bars: int = 4
    """Tier 6: the window, which ends with the current bar. [bars]"""
    own: OwnLevels | None = None
    """Where set, its levels replace those fields: each asset has its own."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name == "own":
                continue
            value = getattr(self, field.name)
            if not math.isfinite(value):
                raise SettingsError(f"{field.name}: must be a finite number, not {value}")
            if field.type == "int" and (value < 1 or value != int(value)):
                raise SettingsError(
                    f"{field.name}: must be a whole number of at least 1, not {value}"
                )

    def of_bases(self, name: Level, bases: Sequence[str]) -> Floats:
        """Return the threshold of *name* for each of *bases*; nothing exceeds one that is NaN.

        Returns:
            In the quantity's unit. (N,), or () where it is the same for all.
        """
        if self.own is None or name not in self.own.percentiles:
            return np.array(float(getattr(self, name)))
        return np.array([self.own.values.get((name, base), math.nan) for base in bases])

    def written(self, name: Level) -> str:
        """Write the threshold of *name*: ``2.50``, or ``99th percentile of its own 30 days``."""
        if self.own is None or name not in self.own.percentiles:
            return QUANTITIES[name].write(getattr(self, name)).lstrip("+")
        return f"{self.own.percentiles[name]:g}th percentile of its own {OWN_DAYS} days"

    @property
    def words(self) -> str:
        """All that a user chooses, for a report's settings."""
        return ", ".join(
            f"{QUANTITIES[name].title} {self.written(name)}" for name in get_args(Level)
        )

    def of_base(self, base: str) -> Thresholds:
        """Return the thresholds of *base* as plain numbers; nothing exceeds one without a past."""
        if self.own is None:
            return self
        levels: dict[str, Any] = {
            name: self.own.values.get((name, base), _NEVER) for name in self.own.percentiles
        }
        return replace(self, own=None, **levels)
