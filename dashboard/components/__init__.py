"""What two or more pages draw: cards, lists of movers, click and zoom of charts, time ranges.

First choice of a page's piece is its own room; it moves here when a second page needs it.
"""
