"""Rules: conditions that a user writes as SQL expressions, and how long they have held.

``expression`` checks and evaluates them, ``episode`` follows one rule on one subject from
inactive to resolved. Nothing here reads the lake: callers bring a frame and a time.
"""
