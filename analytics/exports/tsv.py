"""A table as text for the clipboard: pasted into Google Sheets or Excel, it falls into cells.

Times are written as sheets recognise them in every language; the header says that
they are UTC. A cell has no tab and no line end, as each would begin another cell.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from analytics.exports.exported_table import Plain, Section
from analytics.untrusted.spreadsheet import safe

_BREAKS: Final = re.compile(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


def tsv_text(section: Section) -> str:
    """Return *section* as lines of cells with tabs between; what is absent is empty."""
    header = [_text(column.header) for column in section.columns]
    columns = [[_written(cell) for cell in cells] for cells in section.cells()]
    rows = [header, *zip(*columns, strict=True)]
    return "".join("\t".join(row) + "\n" for row in rows)


def _written(cell: Plain) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return _text(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "milliseconds" if cell.microsecond else "seconds")
    return str(cell).upper() if isinstance(cell, bool) else repr(cell)


def _text(text: str) -> str:
    """Return *text* as one cell: in one line, no formula, and no open quotation mark."""
    line = safe(_BREAKS.sub(" ", text))
    # A leading mark opens a quoted cell, which would run on to the next mark.
    return f'"{line.replace(chr(34), chr(34) * 2)}"' if line.startswith('"') else line
