"""Invisible and control characters in text from outside, written as escapes.

A name or a message may hold what is not seen but acts: an escape sequence that moves
the cursor of a terminal, a mark that turns the reading direction, half a pair of
surrogates that no encoding can write.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return *text* with what acts without being seen as ``\\\\uNNNN``, as JSON writes it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_written(letter) if _is_hidden(letter) else letter for letter in text)


def _is_hidden(letter: str) -> bool:
    return unicodedata.category(letter) in _HIDDEN


def _written(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
