"""Reports: what is in the PDF of a day and in that of a replayed range.

``day_report`` is the market's day. ``range_parts`` makes that of a range from a lake: a cover
with range, source and gaps, and a part for each page; ``range_workbook`` gives the same as tables.
Each part is a ``Report``, which ``exports.pdf`` writes.
"""
