"""The search on Market, the way to a pair's neighbours, and the choice in the URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats

STYLE: Final = """
<style>
/* The arrow says it; a screen reader has the word. */
.st-key-previous_pair button p, .st-key-next_pair button p { position: absolute;
  clip-path: inset(50%) }
.st-key-previous_pair button, .st-key-next_pair button { padding-inline: 0.5rem }
.st-key-previous_pair button > div, .st-key-next_pair button > div { gap: 0 }
</style>
"""
"""Of the search; a page draws it beside."""

_KEY: Final = "market_pair"
_NAMES: Final = ("base", "venue", "symbol")
"""URL parameters of a subject."""
_LAST: Final = "market_last_asked"


@dataclass(frozen=True, slots=True)
class Subject:
    """An instrument, or a base asset over all venues that list it."""

    base: str
    pair: tuple[str, str] | None
    """Venue and symbol; None for the base asset over its venues."""

    @property
    def title(self) -> str:
        """Its name: ``BTC/USDT on okx``, ``BTC on all venues``."""
        if self.pair is None:
            return f"{self.base} on all venues"
        return formats.on_venue(self.pair[1], self.pair[0])

    @property
    def heading(self) -> str:
        """The same as a heading and in the search: ``BTC/USDT · OKX``, ``BTC · all venues``."""
        if self.pair is None:
            return f"{self.base} · all venues"
        return f"{formats.pair(self.pair[1])} · {formats.venue(self.pair[0])}"

    @property
    def query(self) -> dict[str, str]:
        """What names it in the URL."""
        if self.pair is None:
            return {"base": self.base}
        return {"venue": self.pair[0], "symbol": self.pair[1]}

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return its part of *rows*, which have venue, symbol and base."""
        mine = rows[rows["base"] == self.base]
        if self.pair is None:
            return mine
        return mine[(mine["venue"] == self.pair[0]) & (mine["symbol"] == self.pair[1])]


def requested(names: pd.DataFrame) -> Subject | None:
    """Return the subject in the URL, else the session's last one, else the largest pair.

    None if it is unknown. The last one is put back into the URL, which loses it on another page.

    Args:
        names: As ``pair_names.sql`` returns them, at least one.
    """
    given = _given()
    if given:
        st.session_state[_LAST] = given
    elif given := st.session_state.get(_LAST, {}):
        st.query_params.update(given)
    base, venue, symbol = (given.get(name) for name in _NAMES)
    if symbol:
        known = names[(names["symbol"] == symbol) | (names["symbol"].map(formats.pair) == symbol)]
        known = known[known["venue"] == venue] if venue else known
        return None if known.empty else _first(known)
    if base:
        return Subject(base, None) if (names["base"] == base).any() else None
    return _first(names)


def unknown(names: pd.DataFrame) -> str:
    """Return why there is nothing of what the URL asks for; *names* as for :func:`asked`."""
    base = _given().get("base", "")
    several = [name for name in dict.fromkeys(names["base"]) if name.startswith(f"{base} (")]
    if base and several:
        return f"{base} stands for several assets: choose {formats.listed(several)} above."
    asked_for = "&".join(f"{name}={formats.repeated(value)}" for name, value in _given().items())
    return f"No data for {asked_for}. Choose an asset above."


def choose(names: pd.DataFrame, subject: Subject | None) -> None:
    """Draw the search and the ways to the neighbours of *subject*; the choice goes to the URL."""
    before, after = (None, None) if subject is None else neighbours(names, subject)
    if before is not None:
        _step("Previous", before, "left", "[")
    known = {one.heading: one for one in _every(names)}
    st.session_state[_KEY] = None if subject is None else subject.heading
    st.selectbox(
        "Asset or pair",
        list(known),
        key=_KEY,
        index=None,
        on_change=_choose,
        args=(known,),
        placeholder="Search assets and pairs: press /",
        required=True,
        label_visibility="collapsed",
        width=250,
    )
    if after is not None:
        _step("Next", after, "right", "]")


def neighbours(names: pd.DataFrame, subject: Subject) -> tuple[Subject | None, Subject | None]:
    """Return what has the next larger and the next smaller open interest; at the ends go round.

    Of a pair those on its venue, of an asset other assets, with data; None where there is no
    other.
    """
    there = names[names["has_data"] | (names["base"] == subject.base)]
    if subject.pair is None:
        listed = [Subject(base, None) for base in dict.fromkeys(there["base"])]
    else:
        there = there[there["venue"] == subject.pair[0]]
        listed = [_subject(row) for row in there.itertuples()]
    if len(listed) < 2:
        return None, None
    at = listed.index(subject)
    return listed[at - 1], listed[(at + 1) % len(listed)]


def _step(name: str, to: Subject, side: str, letter: str) -> None:
    """Draw the button to a neighbour, which a key presses as well; see ``in_browser.py``."""
    st.button(
        name,
        icon=f":material/chevron_{side}:",
        key=f"{name.lower()}_pair",
        help=f"{to.heading}, by open interest. Key {letter}",
        on_click=_go,
        args=(to,),
    )


def _every(names: pd.DataFrame) -> list[Subject]:
    """Return all that can be shown by name, so that open interest on the move changes no order."""
    pairs = [_subject(row) for row in names.itertuples()]
    assets = [Subject(base, None) for base in dict.fromkeys(names["base"])]
    return sorted([*assets, *pairs], key=lambda one: (one.base, one.pair is not None, one.heading))


def _subject(row: Any) -> Subject:
    return Subject(row.base, (row.venue, row.symbol))


def _given() -> dict[str, str]:
    return {name: st.query_params[name] for name in _NAMES if st.query_params.get(name)}


def _first(names: pd.DataFrame) -> Subject:
    row = names.iloc[0]
    return Subject(row["base"], (row["venue"], row["symbol"]))


def _choose(known: dict[str, Subject]) -> None:
    if (subject := known.get(st.session_state[_KEY])) is not None:
        _go(subject)


def _go(subject: Subject) -> None:
    put_into_url(subject.query)


def put_into_url(query: dict[str, str]) -> None:
    """Ask for another subject: *query* is what names it, as ``Subject.query`` has it."""
    for name in _NAMES:
        st.query_params.pop(name, None)
    st.query_params.update(query)
