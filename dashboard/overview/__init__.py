"""Overview: cards of the market, signals, movers, and every pair in one table.

Pieces of this page alone; what a second page draws is in ``components``.
"""
