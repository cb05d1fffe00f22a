"""Health: problems, venues, streams, completeness and size of the lake.

Pieces of this page alone; what a second page draws is in ``components``.
"""
