"""Colours and scales, in one place; and charts: figures in, chart out. Nothing here loads."""

from dashboard.charts.palette import DARK, LIGHT, Colors, colors

__all__ = ["DARK", "LIGHT", "Colors", "colors"]
