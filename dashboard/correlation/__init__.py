"""Correlation: matrix, two pairs over time, lead-lag between venues.

Pieces of this page alone; what a second page draws is in ``components``.
"""
