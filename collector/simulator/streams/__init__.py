"""The websockets of the simulated venues.

``door`` lets clients in and stops, ``pump`` sends what each moment brings, a module
per venue has its words (``binance``, ``bybit``, ``okx``), ``spoiling`` what can go
wrong. What is traded comes from the source, so REST tells the same of any time.
"""
