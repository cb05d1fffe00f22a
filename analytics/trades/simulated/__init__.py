"""Simulated trades: what signals would have earned on recorded bars, after all costs.

Pure functions over a panel, and nothing is ordered anywhere. A signal is known when its bar ends
and is filled at the next bar's open. One paper trade is the same function with ``now`` growing:
the panel of each new bar is given again, and what was over before comes out the same.
"""
