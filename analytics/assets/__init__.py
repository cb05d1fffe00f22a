"""Which asset lies beneath an instrument.

Venues name coins in their own ways: ``tickers`` has the names that differ, ``bases`` tells
which instruments are summed and compared as one asset. Nothing here adds anything up.
"""
