"""What was found in files: columns as they are matched, to be corrected, and what must be asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.quantities import QUANTITIES
from analytics.scratch.aliases import UNITS
from analytics.scratch.preview import Column, FilePreview, Meaning, Question
from analytics.untrusted.visible import visible
from dashboard.frame.brand import style_part
from dashboard.frame.error_boundary import plain
from dashboard.state import session
from dashboard.studio.opening import Opening

_NONE: Final = ""
"""In place of the quantity of a column that is left out, and of a unit that nobody knows."""
_KEYS: Final = {"time": "Time", "symbol": "Pair", "venue": "Exchange"}
_MEANINGS: Final = (_NONE, *_KEYS, *(name for name in UNITS if name not in _KEYS))
_MAX_COLUMNS: Final = 40
"""Columns that are drawn of one file; a field finds others."""
_EXAMPLES: Final = 3
_LARGE: Final = 1e5
_HUGE: Final = 1e15
_MARKUP: Final = re.compile(r"[\\`*_{}\[\]()<>$~|!#]")

_STYLE: Final = """
<style>
[class*="st-key-studio_column_"] { border-bottom: 1px solid rgba(128, 140, 160, 0.25);
  padding-bottom: 0.35rem }
[class*="st-key-studio_column_"] p { overflow-wrap: anywhere }
</style>
"""


def refused(opening: Opening) -> None:
    """Say of which files nothing can be used, and why."""
    for sentence in opening.preview.refused:
        st.warning(plain(_sentence(sentence)), icon=":material/block:")


def questions(opening: Opening) -> None:
    """Ask what the files do not say."""
    style_part(_STYLE)
    for question in opening.all_questions():
        _question(opening, question)


def columns(opening: Opening) -> None:
    """Draw what was found in each file, and take what a person corrects."""
    for file in opening.preview.files:
        st.subheader(plain(visible(file.name)), anchor=False)
        lines = [_about(file), *map(_sentence, file.notes)]
        st.caption(plain(" ".join(lines)))
        if file.columns:
            _columns(opening, file)
            _first_rows(file)


def _sentence(text: str) -> str:
    said = visible(text)
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."


def _spoken(text: str) -> str:
    """Return *text* as the name of a field, which readers of the screen hear as it is written."""
    return " ".join(_MARKUP.sub(" ", visible(text)).split())


def _about(file: FilePreview) -> str:
    parts = [file.format, formats.plural(file.rows, "row")]
    if file.step_s is not None:
        parts.append(f"one every {formats.span(pd.Timedelta(seconds=file.step_s))} per pair")
    if file.looked_at < file.rows:
        parts.append(f"values of {file.looked_at:,} rows looked at")
    words = f"{', '.join(parts)}."
    if file.other_tables:
        words += f" Other tables, not read: {formats.listed(list(file.other_tables))}."
    if file.refused:
        left = ", ".join(f"{count:,} × {reason}" for reason, count in file.refused.items())
        words += f" Rows left out: {left}."
    return words


def _columns(opening: Opening, file: FilePreview) -> None:
    """Draw a line for each column: its values, what it is taken for, and why."""
    shown = list(range(len(file.columns)))
    if len(shown) > _MAX_COLUMNS:
        # Matched ones first: of thousands of columns most are of no use here.
        asked = st.text_input("Find a column", key=f"studio_find_{file.key}").strip().lower()
        shown = [n for n in shown if asked in file.columns[n].name.lower()]
        shown.sort(key=lambda n: -file.columns[n].guess.confidence)
        if rest := len(shown) - _MAX_COLUMNS:
            st.caption(f"{max(rest, 0):,} more columns are not listed.")
    for number in sorted(shown[:_MAX_COLUMNS]):
        with st.container(key=f"studio_column_{file.key}_{number}"):
            _column(opening, file, number)


def _column(opening: Opening, file: FilePreview, number: int) -> None:
    column = file.columns[number]
    key = f"studio_{file.key}_{number}"
    meaning = opening.mapping.meanings[file.key][column.name]
    name, quantity, unit, why = st.columns([3, 3, 2, 4], vertical_alignment="center")
    with name, st.container(gap=None):
        st.markdown(f"**{plain(visible(column.name))}**")
        st.caption(plain(_values(file, number)))
    with quantity:
        chosen = st.selectbox(
            _spoken(f"Meaning of {column.name}"),
            _MEANINGS,
            index=_at(_MEANINGS, meaning.quantity or _NONE),
            format_func=_quantity_label,
            key=f"{key}_quantity",
            label_visibility="collapsed",
        )
    offered = UNITS.get(chosen, ())
    said = meaning.unit if chosen == meaning.quantity else None
    with unit:
        if len(offered) == 1:
            said = offered[0]
            st.caption("" if chosen in _KEYS else plain(said))
        elif offered:
            said = st.selectbox(
                _spoken(f"Unit of {column.name}"),
                offered,
                index=offered.index(said) if said in offered else None,
                placeholder="Asked below",
                key=f"{key}_unit_{chosen}",
                label_visibility="collapsed",
            )
        else:
            st.caption("left out")
    now = Meaning(chosen or None, said if offered else None)
    if now != meaning:
        opening.mapping = opening.mapping.correct(file.key, column.name, now)
        session.rerun_here()
    with why:
        st.caption(plain(_why(column, now)))


def _at(options: Sequence[str], wanted: str) -> int:
    return options.index(wanted) if wanted in options else 0


def _quantity_label(name: str) -> str:
    if name in QUANTITIES:
        return f"{QUANTITIES[name].title} ({name})"
    return _KEYS.get(name, name or "Leave out")


def _values(file: FilePreview, number: int) -> str:
    """Return the first values of a column, and its range."""
    column = file.columns[number]
    first = [row[number] for row in file.first_rows[:_EXAMPLES]]
    parts = [", ".join(_short(one) for one in first if one is not None)]
    if column.low is not None and column.high is not None and column.low != column.high:
        parts.append(f"{_short(column.low)} to {_short(column.high)}")
    if column.absent:
        parts.append(f"{column.absent:,} absent")
    return "; ".join(filter(None, parts)) or "no values"


def _short(value: str) -> str:
    """Write a value with no more digits than tell what it is."""
    try:
        number = float(value)
    except ValueError:
        return formats.shortened(visible(value), 24)
    return f"{number:,.0f}" if _LARGE <= abs(number) < _HUGE else f"{number:.6g}"


def _why(column: Column, now: Meaning) -> str:
    if now != column.guess.meaning:
        return "chosen by hand"
    reason = visible(column.guess.reason)
    return f"{100 * column.guess.confidence:.0f} % sure: {reason}" if now.quantity else reason


def _first_rows(file: FilePreview) -> None:
    with st.expander("First rows", key=f"studio_rows_{file.key}", on_change="rerun") as rows:
        if not rows.open:
            return
        names = [visible(column.name) for column in file.columns[:_MAX_COLUMNS]]
        cells = [[_cell(one) for one in row[:_MAX_COLUMNS]] for row in file.first_rows]
        st.dataframe(
            pd.DataFrame(cells, columns=pd.Index(_distinct(names))),
            hide_index=True,
            row_height=29,
            alt=_spoken(f"First rows of {file.name}"),
        )


def _cell(text: str | None) -> str:
    return formats.ABSENT if text is None else formats.shortened(visible(text), 100)


def _distinct(names: Sequence[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name} ({n})" for n, name in enumerate(names)]


def _question(opening: Opening, question: Question) -> None:
    labels = dict(question.choices)
    answered = opening.mapping.answers.get(question.key)
    options = [*labels, *([answered] if answered is not None and answered not in labels else [])]
    several = len(opening.preview.files) > 1
    text = f"{question.file}: {question.text}" if several else question.text
    st.markdown(plain(visible(text)))
    answer = st.selectbox(
        _spoken(text),
        options,
        index=None if answered is None else options.index(answered),
        format_func=lambda value: labels.get(value, value),
        placeholder=("Choose or type" if labels else "Type") if question.free else "Choose",
        accept_new_options=question.free,
        key=f"studio_question_{question.key}",
        label_visibility="collapsed",
    )
    if question.why:
        st.caption(plain(visible(question.why)))
    if answer is not None and answer != answered:
        opening.mapping = opening.mapping.answer(question.key, answer)
        session.rerun_here()
