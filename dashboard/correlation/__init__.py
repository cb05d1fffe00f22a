"""Correlation: the matrix, two pairs over time, and who leads whom.

Pieces of this page alone; what a second page draws is in ``components``.
"""
