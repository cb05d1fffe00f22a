"""Market: one pair, or one asset over its venues, on linked charts with a choice of panes.

Pieces of this page alone; what a second page draws is in ``pair_chart`` and ``components``.
"""
