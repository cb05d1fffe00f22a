"""The watch list: assets of the browser's watch lists, or those that the address names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.quantities import QUANTITIES
from analytics.signals.fired import Signal
from analytics.signals.sentences import gravest_first, in_words
from dashboard.components.written_table import written
from dashboard.frame import saved_views
from dashboard.loaders import bars, queries
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_NAMES: Final = ("price", "price_24h_pct", "oi_usd", "oi_delta_pct", "funding_8h_pct")


def watch_list(shown: Moment, seen: View, look: Colors) -> None:
    """Draw a row for each asset that is watched."""
    st.subheader("Watch list", anchor=False)
    watched = saved_views.watched()
    if not watched:
        st.caption(
            "No assets are watched. Star one on Market, or choose assets in the sidebar; the "
            "sidebar saves them as a watch list, and Copy link shares those that are chosen."
        )
        return
    everything = replace(seen, pairs=())
    rows = queries.assets(shown, everything)
    rows = rows[rows["base"].isin(watched)]
    signals = _by_base(bars.newest_signals(shown, everything))
    words = {"base": rows["base"].tolist()}
    words |= {name: [QUANTITIES[name].write(one) for one in rows[name]] for name in _NAMES}
    words["signals"] = [", ".join(signals.get(base, [])) for base in rows["base"]]
    table = rows[["base", *_NAMES]].assign(
        signals=words["signals"], market=[f"/market?base={base}" for base in rows["base"]]
    )
    words["market"] = table["market"].tolist()
    styles = {
        name: [look_of(value, look) for value in rows[name]]
        for name in ("price_24h_pct", "oi_delta_pct")
    }
    titles = {name: QUANTITIES[name].title for name in _NAMES}
    titles["oi_delta_pct"] += f", {seen.timeframe}"
    st.dataframe(
        written(table, words, styles),
        column_config={
            "base": st.column_config.TextColumn("Asset", pinned=True),
            **titles,
            "signals": st.column_config.TextColumn("Signals", width="large"),
            "market": st.column_config.LinkColumn("Market", display_text="View"),
        },
        hide_index=True,
        placeholder=formats.ABSENT,
        key="watch_rows",
    )
    if missing := [base for base in watched if base not in set(rows["base"])]:
        st.caption(f"No data: {formats.listed(missing)}.")


def look_of(value: float, look: Colors) -> str:
    """Return the colour of a change as CSS; none without one."""
    if pd.isna(value) or value == 0:
        return ""
    return f"color:{look.up if value > 0 else look.down}"


def _by_base(signals: Sequence[Signal]) -> dict[str, list[str]]:
    """Return the signals of each asset in words, gravest first, each once."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for signal in gravest_first(signals):
        if signal.base is not None:
            one = in_words(signal)
            found[signal.base].append(f"{one.mark} {one.sentence}")
    return {base: list(dict.fromkeys(lines)) for base, lines in found.items()}
