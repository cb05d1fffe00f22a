"""The market's figures as cards: value, day, and how far it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from analytics import formats
from analytics.aggregate import Figure


@dataclass(frozen=True, slots=True)
class _Card:
    """How one figure is shown."""

    figure: str
    label: str
    value: Callable[[float | None], str]
    change: Callable[[Figure], str]
    """Writes how far it came."""
    help: str


_CARDS = (
    _Card(
        "global_oi_usd",
        "Open interest",
        formats.usd,
        lambda figure: formats.pct(figure.change_pct),
        "Sum of open interest at the mark price. USD.",
    ),
    _Card(
        "oi_volume_weighted_usd",
        "OI, volume-weighted",
        formats.usd,
        lambda figure: formats.pct(figure.change_pct),
        "Mean open interest of a pair, weighted by its 24 h volume. USD.",
    ),
    _Card(
        "volume_24h_usd",
        "Volume 24 h",
        formats.usd,
        lambda figure: formats.pct(figure.change_pct),
        "Sum of what was traded in the last 24 hours, rolling. USD.",
    ),
    _Card(
        "funding_8h_pct",
        "Funding 8 h, OI-weighted",
        lambda value: formats.pct(value, 4),
        lambda figure: formats.points(figure.change, 4),
        "Mean of the running funding rates, rebased to 8 hours, weighted by open interest. "
        "Positive: longs pay shorts.",
    ),
    _Card(
        "ls_accounts",
        "Long/short, OI-weighted",
        formats.ratio,
        lambda figure: formats.difference(figure.change),
        "Mean of long over short accounts, weighted by open interest. Venues count differently.",
    ),
    _Card(
        "breadth_pct",
        "Breadth 24 h",
        formats.share,
        lambda figure: formats.points(figure.change, 0),
        "Share of pairs whose price is higher than 24 hours ago.",
    ),
)


def cards(figures: dict[str, Figure], pair_count: int) -> None:
    """Draw one card for each figure of *pair_count* pairs."""
    with st.grid(len(_CARDS), min_column_width=160, gap="xsmall"):
        for card in _CARDS:
            _draw(card, figures[card.figure], pair_count)


def _draw(card: _Card, figure: Figure, pair_count: int) -> None:
    written = None if figure.change is None else card.change(figure)
    run = "" if written is None else f" Change and curve end at {formats.moment(figure.until)}."
    is_flat = written is not None and written[0] not in "+-"
    st.metric(
        card.label,
        card.value(figure.value),
        written,
        delta_color="off" if is_flat else "normal",
        delta_arrow="off" if is_flat else "auto",
        delta_description=None if written is None else _span(figure),
        chart_data=None if written is None else figure.past.tolist(),
        chart_type="area",
        help=f"{card.help} From {figure.pairs:,} of {pair_count:,} pairs.{run}",
        border=True,
        height="stretch",
    )


def _span(figure: Figure) -> str | None:
    """Write what time the change is of: ``24 h to 12:40``, as bars end before the value."""
    since, until = figure.since, figure.until
    if since is None or until is None:
        return None
    return f"{formats.age(until - since)} to {formats.minute(until)}"
