"""How complete and right the stored data is.

``checks`` asks the lake: coverage, gaps, completeness, refused values, units. ``outages``
makes one row of gaps that began and ended together. ``history_reach`` knows how far back each
venue's own history goes, which decides what can be repaired. Repairing is the collector's.
"""
