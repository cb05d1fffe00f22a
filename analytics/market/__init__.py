"""The market as a whole, and each venue's part of it.

``totals`` has the sums and means over pairs, each with its coverage; ``figures`` the cards of
Overview, with their change and their course; ``movers`` the pairs at either end of a metric;
``venue_shares`` and ``venue_summary`` compare venues. One pair's figures are in
``analytics.pair``.
"""
