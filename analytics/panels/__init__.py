"""Time x instrument arrays of bars, which everything that computes over time reads.

``panel`` cuts them from the lake, of any timeframe; ``bar_under_way`` adds the bar that is not
over yet; ``bases`` says under which asset each instrument is counted. What is computed from them
belongs elsewhere.
"""
