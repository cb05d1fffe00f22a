"""Files for people to keep: what a page shows, as CSV, TSV, XLSX and PDF.

Data in, bytes out: nothing here reads a lake, a clock or a screen. A table is
described once, as a ``exported_table.Section``, and every kind of file is made from that. What is
absent stays absent: an empty cell, on paper a dash, never 0. Text that a
spreadsheet would take for a formula is made safe.

``exported_table``, ``charts`` and ``report`` are the data; ``csv``, ``tsv``, ``xlsx`` and ``pdf``
write it. What stands in a report is in ``analytics.reports``.
Importing ``pdf`` takes a quarter of a second, so it is imported where a PDF is asked for.
"""
