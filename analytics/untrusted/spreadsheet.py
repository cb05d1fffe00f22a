"""Text that a spreadsheet would run as a formula, made safe.

A pair is named by whoever lists it, so a name is a stranger's text. Spreadsheets
run what begins with ``=``, ``+``, ``-`` or ``@``; some look past spaces and
control characters, take full-width signs for their narrow twins, or split a line
at a semicolon where the file was written with commas.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SIGNS: Final = frozenset("=+-@")
_BLANK: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INSIDE: Final = re.compile(r"[,;\t\r\n]\s*(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""What may end a cell, where a formula would begin the next one."""


def is_like_formula(text: str) -> bool:
    """Return whether a spreadsheet may take *text* for a formula; a plain number is none."""
    if text[:1] in {"\t", "\r", "\n"}:
        return True
    for letter in text:
        if unicodedata.category(letter) not in _BLANK:
            sign = unicodedata.normalize("NFKC", letter)[0]
            return sign in _SIGNS and _NUMBER.fullmatch(text) is None
    return False


def safe(text: str) -> str:
    """Return *text* with an apostrophe before whatever looks like a formula.

    Spreadsheets take the apostrophe as a sign that text follows.
    """
    marked = f"'{text}" if is_like_formula(text) else text
    return _INSIDE.sub(r"\g<0>'", marked)
