"""Market: one pair, or one asset over its venues, on linked charts; and the pair's dialog.

Pieces of this page alone; what a second page draws is in ``components``.
"""
