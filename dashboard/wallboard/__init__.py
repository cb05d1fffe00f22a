"""Wallboard: the market in large figures, for a screen that nobody touches.

Pieces of this page alone; what a second page draws is in ``components``.
"""
