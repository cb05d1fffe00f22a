"""The pickers of asset and pair on Market, and the choice in the URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats

_BASE: Final = "market_base"
_PAIR: Final = "market_pair"
_ALL: Final = "All venues"
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
        return f"{formats.pair(self.pair[1])} on {self.pair[0]}"

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
    """Draw the pickers of asset and pair; the choice goes to the URL."""
    bases = list(dict.fromkeys(names["base"]))
    st.session_state[_BASE] = None if subject is None else subject.base
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row:
        st.selectbox(
            "Asset",
            bases,
            key=_BASE,
            index=None if subject is None else 0,
            on_change=_choose_base,
            args=(names,),
            placeholder="Choose an asset",
            width=150,
        )
        if subject is None:
            return
        listed = names[names["base"] == subject.base]
        pairs = {
            f"{formats.pair(symbol)} · {venue}": (venue, symbol)
            for venue, symbol in zip(listed["venue"], listed["symbol"], strict=True)
        }
        labels = {pair: label for label, pair in pairs.items()}
        st.session_state[_PAIR] = _ALL if subject.pair is None else labels[subject.pair]
        st.selectbox(
            "Pair",
            [_ALL, *pairs],
            key=_PAIR,
            on_change=_choose_pair,
            args=(subject.base, pairs),
            width=230,
        )


def _given() -> dict[str, str]:
    return {name: st.query_params[name] for name in _NAMES if st.query_params.get(name)}


def _first(names: pd.DataFrame) -> Subject:
    row = names.iloc[0]
    return Subject(row["base"], (row["venue"], row["symbol"]))


def _choose_base(names: pd.DataFrame) -> None:
    """Go to another asset: on the venue that was shown, if it is listed there."""
    base, venue = st.session_state[_BASE], st.query_params.get("venue")
    if base is None:
        return
    listed = names[names["base"] == base]
    there = listed[listed["venue"] == venue]
    over_all = venue is None and "base" in st.query_params
    _go(Subject(base, None) if over_all else _first(listed if there.empty else there))


def _choose_pair(base: str, pairs: dict[str, tuple[str, str]]) -> None:
    _go(Subject(base, pairs.get(st.session_state[_PAIR])))


def _go(subject: Subject) -> None:
    for name in _NAMES:
        st.query_params.pop(name, None)
    st.query_params.update(subject.query)
