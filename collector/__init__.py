"""From the venues into the lake.

What asks venues, what they answered, and the long-running program around it.
Formulas belong to ``analytics``; nothing here is imported by the dashboard.

``runtime`` is what all of it runs on, ``venues`` and ``streams`` read what REST and
websockets say, ``cycles`` makes rows of it every few seconds. ``imports`` and ``backfill``
bring in the past. ``service`` is the program that runs all of it, ``commands`` what people
type.
"""
