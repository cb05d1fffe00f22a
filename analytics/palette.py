"""The colours of both themes, in one place, for screen and paper; a report is in the light one.

``.streamlit/config.toml`` repeats them for what Streamlit draws itself.

Up is teal and down is vermilion: the two stay apart for the colour-blind, and a
sign always says the same. Both reach a contrast of 4.5 on their background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours of a theme that Streamlit's own settings do not reach."""

    up: str
    down: str
    muted: str
    """For what is old, or beside the point."""
    alert: str
    """For what wants a look."""
    replay: str
    """Of a replay's clock: nothing of a live page has it."""
    text: str
    pinned: str
    """For text in a table's pinned column, which Streamlit draws at 60 %."""
    background: str
    grid: str
    """For lines that must not be noticed."""
    border: str
    surface: str
    """Of what lies on the background: headings of tables, bands."""
    warning: str
    line: str
    """For the one line of a chart."""
    series: tuple[str, ...]
    """For several lines side by side; none of them means up or down. That of ``line`` is the last,
    as it is drawn beside the others."""
    categorical: tuple[str, ...]
    """For lines that are of nothing but their own name."""

    def of_venue(self, venue: str) -> str:
        """Return the colour of *venue*, the same in every chart."""
        known = _VENUES.index(venue) if venue in _VENUES else crc32(venue.encode())
        return self.series[known % len(self.series)]


DARK = Colors(
    up="#2EC4B6",
    down="#FF8552",
    muted="#8B95A7",
    alert="#F2C14E",
    replay="#F05BFF",
    text="#E6E9EF",
    pinned="#FFFFFF",
    background="#0B0E14",
    grid="#1E2530",
    border="#2A3240",
    surface="#151A23",
    warning="#F2A541",
    line="#6AA5FF",
    series=("#F2C14E", "#C792EA", "#B0BEC5", "#8BD17C", "#F48FB1", "#6AA5FF"),
    categorical=("#6AA5FF", "#F2A541", "#2EC4B6", "#C792EA", "#FF8552", "#F2C14E", "#8B95A7"),
)
LIGHT = Colors(
    up="#00756A",
    down="#C2410C",
    muted="#5F6B7C",
    alert="#8A5A00",
    replay="#A30FB8",
    text="#0B1220",
    pinned="#000000",
    background="#FFFFFF",
    grid="#E3E8EF",
    border="#D3DAE4",
    surface="#F2F4F8",
    warning="#B45309",
    line="#1F5FCC",
    series=("#8A5A00", "#7C3AED", "#455A64", "#2E7D32", "#AD1457", "#1F5FCC"),
    categorical=("#1F5FCC", "#B45309", "#00756A", "#7C3AED", "#C2410C", "#8A5A00", "#5F6B7C"),
)

BRAND_LINE: Final = "#2EA89C"
BRAND_POINT: Final = "#E8743B"
"""Of the sign; both serve on dark and on light."""

_VENUES: Final = ("binance", "bybit", "okx", "hyperliquid")


def colors(theme: str | None) -> Colors:
    """Return the colours of the theme called *theme*: ``light``, or else dark."""
    return LIGHT if theme == "light" else DARK
