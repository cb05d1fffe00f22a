"""The websockets of the simulated venues.

``websockets`` opens and closes connections, ``sender`` sends what each moment brings,
a module per venue has its messages (``binance``, ``bybit``, ``okx``), ``stream_faults``
and ``corrupt_messages`` what can go wrong. What is traded comes from the source, so
REST tells the same of any time.
"""
