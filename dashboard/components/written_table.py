"""A table whose cells are written and coloured before pandas and Streamlit see it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler


def written(
    table: pd.DataFrame, words: dict[str, list[str]], styles: dict[str, list[str]]
) -> Styler:
    """Return *table* as Streamlit takes it from pandas.

    Args:
        table: Its values, which the browser sorts by.
        words: By column: how each cell is written.
        styles: By column: the CSS of each cell, empty for none. Columns without any may be missing.
    """
    rows = _Written(table)
    rows.words = words
    styler = rows.style.set_uuid("p")
    cells: defaultdict[str, list[str]] = defaultdict(list)
    for nth, name in enumerate(table.columns):
        for row, style in enumerate(styles.get(name, ())):
            if style:
                cells[style].append(f"row{row}_col{nth}")
    rules = [
        {"props": [part.split(":", 1) for part in style.split(";")], "selectors": selectors}
        for style, selectors in cells.items()
    ]
    # What pandas would work out cell by cell.
    vars(styler).update(_compute=lambda: styler, _translate=lambda *_: {"cellstyle": rules})
    return styler


class _Written(pd.DataFrame):
    """Rows that know already how each of their cells is written.

    Streamlit asks a styled frame for its text twice over: pandas makes a cell of markup for
    each, and Streamlit picks the words out of it again; for hundreds of rows that is most of
    what a refresh costs. It also keeps text with long offsets, a sixth of all that is sent.
    """

    _metadata = ("words",)
    words: dict[str, list[str]]

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Return the words where text is asked for, else what any frame returns."""
        if dtype is str:
            return pd.DataFrame(self.words, index=self.index, dtype=object)
        return super().astype(dtype, *args, **kwargs)
