"""What a stream missed: ``ledger`` keeps the holes and writes them down, ``repair`` fills them.

``rest_history`` asks a venue's REST for the trades of a hole. Holes in bars are not filled
here but in ``backfill``.
"""
