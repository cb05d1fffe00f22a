"""The market behind the simulated venues: prices, order books, trades and their history.

``source`` says what the venues' formats may ask of it; ``synthetic`` computes the
answers from a seed and a time, ``recording`` reads them from a file. Formats,
limits and faults of a venue do not belong here.
"""
