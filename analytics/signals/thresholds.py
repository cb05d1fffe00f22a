"""Thresholds of all signals: settings of the user."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from analytics.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a value must exceed for a signal; counts must be reached.

    Raises:
        SettingsError: One is not a finite number, or a count is less than 1.
    """

    z_oi: float = 2.5
    """Tiers 1 and 2, and confluence. [standard deviations]"""
    ls_accounts: float = 2.0
    """Tier 2 and confluence. [ratio]"""
    book_imbalance_pct: float = 3.0
    """Tier 2 and confluence, on either side of the book. [%]"""
    oi_delta_pct: float = 1.0
    """Tier 3. [%]"""
    funding_8h_pct: float = 0.01
    """Tier 4: the resting rate of several venues. [% per 8 h]"""
    funding_excess_pct: float = 0.0
    """Tier 4, above the median of the venue's instruments in the same bar. [% per 8 h]"""
    funding_instruments: int = 3
    """Instruments of a venue, with known funding, that have a median worth the name."""
    z_oi_share: float = 2.0
    """Tier 5, upwards or downwards. [standard deviations]"""
    cluster_bases: int = 3
    """Tier 6: bases of which an instrument had a tier-2 event in the window; one counts once."""
    cluster_bars: int = 4
    """Tier 6: the window, which ends with the current bar. [bars]"""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not math.isfinite(value):
                raise SettingsError(f"{field.name}: must be a finite number, not {value}")
            if field.type == "int" and (value < 1 or value != int(value)):
                raise SettingsError(
                    f"{field.name}: must be a whole number of at least 1, not {value}"
                )
