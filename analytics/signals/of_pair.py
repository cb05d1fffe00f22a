"""Signals of one instrument, or of one base over its venues, over a stretch of history."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Final

import numpy as np

from analytics.panels.panel import Panel
from analytics.signals.fired import Signal, all_signals
from analytics.signals.thresholds import Thresholds

FUNDING: Final = ("funding_rate", "funding_interval_h", "funding_settled")
"""What tier 4 asks of all instruments of a venue, to know what is usual there."""


def pair_signals(
    panel: Panel,
    funding: Panel | None,
    pair: tuple[str, str] | None,
    bars: int,
    thresholds: Thresholds,
) -> list[Signal]:
    """Return the signals of the last *bars* bars, as far as these were over; oldest first.

    Args:
        panel: Of ``pair_history.METRICS`` and of one base's instruments, with
            ``tiers.bars_needed`` rows more than *bars*.
        funding: Of ``FUNDING``, of the same timeframe and of all instruments of the venues
            in question; without it tier 4 does not know what is usual, and never fires.
        pair: Venue and symbol: its tiers 1 to 4, and tier 5 of its venue's part of the
            base. None: those of all instruments.
        bars: How far back. [bars]
        thresholds: What counts.
    """
    whole = panel if funding is None else _with_funding(panel, funding)
    base = panel.instruments[0].base if panel.instruments else None
    first = panel.times[-bars:][:1]
    return [
        signal
        for signal in all_signals(whole, thresholds)
        if signal.base == base
        and _concerns(signal, pair)
        and np.datetime64(signal.ts.astimezone(UTC).replace(tzinfo=None)) >= first[0]
    ]


def _concerns(signal: Signal, pair: tuple[str, str] | None) -> bool:
    """Return whether *signal* is of *pair*, or of its venue's part of the base."""
    if pair is None:
        return True
    return signal.venue == pair[0] and signal.symbol in (pair[1], None)


def _with_funding(panel: Panel, funding: Panel) -> Panel:
    """Return *panel* with the instruments of *funding* beside its own: their funding alone."""
    more = [n for n, one in enumerate(funding.instruments) if one not in panel.instruments]
    _, here, there = np.intersect1d(panel.times, funding.times, return_indices=True)
    values = {}
    for name, cells in panel.values.items():
        beside = np.full((len(panel.times), len(more)), np.nan)
        if name in FUNDING:
            beside[here] = funding.values[name][there][:, more]
        values[name] = np.hstack([cells, beside])
    instruments = (*panel.instruments, *(funding.instruments[n] for n in more))
    return replace(panel, instruments=instruments, values=values)
