"""The other side of the wire: a market and the formats of real venues, on loopback.

Belongs here: what a venue would say, when it would refuse, and how it can fail.
Does not belong here: anything the collector makes of it. The package imports
nothing of the product but the clock, so an agreement between the two is never
an agreement of the code with itself.

The way in is ``collector.simulator.server``: ``Simulator``, ``serve``, and the two
sources ``synthetic`` and ``recording``.
"""
