"""Heatmap: one measure of many pairs, over time or over the timeframes.

Pieces of this page alone; what a second page draws is in ``components``.
"""
