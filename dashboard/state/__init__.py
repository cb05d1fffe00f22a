"""What one browser session looks at and has chosen.

``as_of`` the time, ``record`` which record, ``uploads`` the uploaded ones that this server holds,
``view`` timeframe, venues, pairs and thresholds, ``session`` the page, the open dialog and the run.
"""
