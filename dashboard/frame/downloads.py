"""Downloads: a page's tables as files, and the page as a PDF report.

Nothing is made before it is asked for, so that a page that draws itself every few
seconds does not write two thousand rows each time for nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Any, Final

import streamlit as st

from analytics import formats
from analytics.exports.csv import csv_bytes
from analytics.exports.exported_table import Section
from analytics.exports.report import Report, market_label
from analytics.exports.tsv import tsv_text
from analytics.exports.xlsx import xlsx_bytes
from dashboard.state.as_of import Moment

Tables = Mapping[str, Callable[[], Section]]

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TEXT_HEIGHT: Final = 180


def export_menu(
    page: str,
    shown: Moment,
    tables: Tables,
    *,
    report: Callable[[], Report] | None = None,
    key: str | None = None,
) -> None:
    """Draw a menu that offers *tables*, and the *report*, for download.

    The functions are called when somebody asks for a file, on a thread without a
    session: they may use what the page has loaded, but no Streamlit and no loader.

    Args:
        page: What the page is called, for the files' names.
        shown: The time that the tables are of.
        tables: A function for each table, by the table's title.
        report: Makes the page as a document; None where there is none.
        key: Tells several menus of one page apart.
    """
    key = f"export_{key or _slug(page)}"
    with st.popover("Export", icon=":material/download:", key=key):
        chosen = _chosen(tables, key)
        with st.container(horizontal=True, gap="small"):
            if chosen is not None:
                _files(page, shown, tables, chosen, key)
            if report is not None:
                pdf_button("PDF report", page, shown, report, key=f"{key}_pdf")
        if chosen is not None and st.toggle("Text for Google Sheets", key=f"{key}_text"):
            st.caption("Copy with the icon at the top right, then paste into a sheet.")
            st.code(tsv_text(tables[chosen]()), language=None, height=_TEXT_HEIGHT)


def pdf_button(
    label: str,
    page: str,
    shown: Moment,
    report: Callable[[], Report],
    *,
    key: str | None = None,
    day: date | None = None,
) -> None:
    """Draw a button for the *report* alone; it is called as those of ``export`` are.

    Args:
        label: On the button.
        page: What the report is of, for the file's name.
        shown: The time that it is of.
        report: Makes the document.
        key: Tells several buttons of one page apart.
        day: The day that the file is named by, where the report is of one.
    """
    file_button(
        label,
        ":material/picture_as_pdf:",
        partial(_pdf, report),
        f"{file_stem(page, shown, day=day)}.pdf",
        "application/pdf",
        key or f"{_slug(page)}_pdf",
    )


def file_stem(page: str, shown: Moment, table: str | None = None, day: date | None = None) -> str:
    """Return a file's name without its ending: page, table and time or *day*, and whose market."""
    parts = ["perpscope", _market(shown), _slug(page)]
    if table is not None and _slug(table) != _slug(page):
        parts.append(_slug(table))
    return "_".join([*filter(None, parts), f"{day or format(shown.now, '%Y%m%dT%H%M%SZ')}"])


def plotly_config(name: str, shown: Moment) -> dict[str, Any]:
    """Return the settings with which a Plotly chart's own camera saves a PNG fit to print.

    The file's name has no time in it: settings that change make Plotly draw the chart
    anew, and the zoom would be lost with every refresh.
    """
    image = {"format": "png", "scale": 2, "filename": picture_stem(name, shown)}
    return {"displaylogo": False, "toImageButtonOptions": image}


def picture_stem(name: str, shown: Moment) -> str:
    """Return what the saved picture of the chart *name* is called, and whose market it is."""
    return "_".join(filter(None, ("perpscope", _market(shown), _slug(name))))


def _chosen(tables: Tables, key: str) -> str | None:
    """Return which table is wanted, after asking where there are several; None without any."""
    if len(tables) < 2:
        return next(iter(tables), None)
    chosen: str = st.selectbox("Table", list(tables), key=f"{key}_table")
    return chosen


def _files(page: str, shown: Moment, tables: Tables, chosen: str, key: str) -> None:
    """Draw the buttons for the *chosen* table's CSV and the workbook of all."""
    file_button(
        "CSV",
        ":material/csv:",
        partial(_csv, tables[chosen]),
        f"{file_stem(page, shown, chosen)}.csv",
        "text/csv",
        f"{key}_csv",
    )
    file_button(
        "XLSX" if len(tables) == 1 else "XLSX, all tables",
        ":material/table_view:",
        partial(_xlsx, page, shown, tables),
        f"{file_stem(page, shown)}.xlsx",
        XLSX,
        f"{key}_xlsx",
    )


def file_button(
    label: str, icon: str, make: Callable[[], bytes], file: str, mime: str, key: str
) -> None:
    """Draw a button for a *file* that is made when it is pressed; the page stays as it is."""
    st.download_button(label, make, file, mime, key=key, on_click="ignore", icon=icon)


def _csv(make: Callable[[], Section]) -> bytes:
    return csv_bytes(make())


def _xlsx(page: str, shown: Moment, tables: Tables) -> bytes:
    return xlsx_bytes([make() for make in tables.values()], _about(page, shown))


def _pdf(make: Callable[[], Report]) -> bytes:
    # Not with the page: a quarter of a second to import, and few ask for it.
    from analytics.exports.pdf import pdf_bytes

    return pdf_bytes(make())


def _about(page: str, shown: Moment) -> dict[str, str]:
    """Say what a workbook was made from."""
    market = market_label(shown.origin) or "As published by the venues"
    return {"Page": page, "As of": formats.moment(shown.now), "Market": market, "Times": "UTC"}


def _market(shown: Moment) -> str:
    """Return what names of files say of the market, nothing of a live one."""
    return "uploaded" if shown.is_uploaded else "simulated" * (shown.origin == "simulator")


def _slug(text: str) -> str:
    """Return *text* as a part of a file's name: letters of any script, digits and ``_``."""
    return re.sub(r"[\W_]+", "_", text).strip("_").lower()
