"""The REST interfaces of the simulated venues: answers, rate limits, refusals and faults.

A module per venue has its paths and fields; ``replies`` charges the limits, applies
the faults that were asked for (``faults``, ``corrupt_answers``) and makes bytes of it.
Prices are made in ``market``, websockets are in ``streams``.
"""
