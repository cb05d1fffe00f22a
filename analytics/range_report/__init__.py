"""The report of a replayed range: a cover with range, source and gaps, and a part for each page.

``parts`` makes it from a lake. A part is a ``Report``; ``exports.pdf`` writes them one after the
other, ``workbook`` gives the same as tables.
"""
