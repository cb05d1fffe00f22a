"""A table as CSV: for programs, and for a double click in a spreadsheet.

UTF-8 with a byte order mark, because Excel reads a file without one in the
machine's old code page and spoils every name that is not Latin; pandas, DuckDB and
Google Sheets skip the mark. Lines end as RFC 4180 says. Numbers have the
digits that mean something, and no sign of money or percent.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime

from analytics.exports.exported_table import Plain, Section
from analytics.untrusted.spreadsheet import safe


def csv_bytes(section: Section) -> bytes:
    """Return *section* as a CSV file; times are ISO 8601 in UTC, what is absent is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe(column.header) for column in section.columns])
    columns = [[_written(cell) for cell in cells] for cells in section.cells()]
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue().encode("utf-8-sig")


def _written(cell: Plain) -> str | float | int | None:
    if isinstance(cell, str):
        return safe(cell)
    if isinstance(cell, datetime):
        precision = "milliseconds" if cell.microsecond else "seconds"
        return f"{cell.isoformat(timespec=precision)}Z"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell
