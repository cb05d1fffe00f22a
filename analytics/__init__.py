"""What the numbers mean.

Formulas, queries, the lake and the records that cross into it. Nothing here
touches the network, the environment or a screen: given a lake and a time,
every answer is the same on any machine.
"""
