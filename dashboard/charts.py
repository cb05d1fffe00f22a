"""Colours and scales, in one place; and charts: frame in, chart out.

Up is teal and down is vermilion: the two stay apart for the colour-blind, and a
sign always says the same. Both reach a contrast of 4.5 on their background.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Colors:
    """The colours of a theme that Streamlit's own settings do not reach."""

    up: str
    down: str
    muted: str
    """For what is old, or beside the point."""
    alert: str
    """For what wants a look."""


DARK = Colors(up="#2EC4B6", down="#FF8552", muted="#8B95A7", alert="#F2C14E")
LIGHT = Colors(up="#00756A", down="#C2410C", muted="#5F6B7C", alert="#8A5A00")


def colors(theme: str | None) -> Colors:
    """Return the colours of the theme called *theme*: ``light``, or else dark."""
    return LIGHT if theme == "light" else DARK
