"""What is round every page: sidebar, brand, freshness line, refresh, errors, downloads.

Nothing here is about one page.
"""
