"""The other side of the wire: a market and the formats of real venues, on loopback.

Belongs here: what a venue would say, when it would refuse, and how it can fail.
Does not belong here: anything the collector makes of it. The package imports
nothing of the product, so an agreement between the two is never an agreement of
the code with itself.

``market`` makes or replays prices, books and trades, ``rest`` and ``streams`` answer
in the venues' formats, and ``server`` is the way in: ``Simulator``, ``serve``, and the
two sources ``synthetic`` and ``recording``.
"""
