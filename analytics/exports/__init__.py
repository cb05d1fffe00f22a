"""Files for people to keep: what a page shows, as CSV, TSV, XLSX and PDF.

Data in, bytes out: nothing here reads a lake, a clock or a screen. A table is
described once, as a ``Section``, and every kind of file is made from that. What is
absent stays absent: an empty cell, on paper a dash, never 0. Text that a
spreadsheet would take for a formula is made safe.

``pdf_bytes`` stands in ``analytics.exports.pdf`` alone: importing what draws paper
takes a quarter of a second, which only who wants a PDF should wait for.
"""

from analytics.exports.charts import BarChart, Chart, Heatmap, LineChart, Series, course
from analytics.exports.csv import csv_bytes
from analytics.exports.day import day_report
from analytics.exports.report import Figure, Report
from analytics.exports.sections import Column, Section
from analytics.exports.tsv import tsv_text
from analytics.exports.xlsx import xlsx_bytes

__all__ = [
    "BarChart",
    "Chart",
    "Column",
    "Figure",
    "Heatmap",
    "LineChart",
    "Report",
    "Section",
    "Series",
    "course",
    "csv_bytes",
    "day_report",
    "tsv_text",
    "xlsx_bytes",
]
