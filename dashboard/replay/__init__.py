"""Replay: the transport bar, the market's figures, one pair's chart, and what happened by then.

Pieces of this page alone; what a second page draws is in ``pair_chart`` and ``components``.
"""
