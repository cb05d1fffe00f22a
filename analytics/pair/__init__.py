"""One instrument, or one base over its venues.

``figures`` is what it stands at now, ``history`` what its chart draws bar by bar, ``curves``
the small curves and z-scores beside each pair in a table. Sums over the market are in
``analytics.market``.
"""
