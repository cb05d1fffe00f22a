"""The market as a whole, by asset, by venue, and one pair of it.

``totals`` has the sums and means over pairs, each with its coverage; ``figures`` the cards of
Overview, with their change and their course; ``movers`` the pairs at either end of a metric;
``by_asset`` assets bar by bar; ``venue_shares`` and ``venue_summary`` compare venues.

``pair_figures`` is what one instrument, or one base over its venues, stands at now,
``pair_history`` what its chart draws bar by bar, ``pair_curves`` the small curves and z-scores
beside each pair in a table.
"""
