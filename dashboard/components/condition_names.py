"""The names that a condition may have, behind a button."""

from __future__ import annotations

import streamlit as st

from analytics.quantities import QUANTITIES
from analytics.rules.columns import COLUMNS
from analytics.rules.rules_file import Per
from dashboard.frame.error_boundary import plain


def condition_names(per: Per) -> None:
    """Offer the names of a condition about each pair, each asset, each venue or the market."""
    with st.popover(f"Names, per {per}", icon=":material/list:"):
        names = sorted(name for name in COLUMNS[per] if name in QUANTITIES)
        lines = [f"`{name}` {plain(QUANTITIES[name].title)}" for name in names]
        st.markdown("  \n".join(lines))
        st.caption("A value of another timeframe has it behind its name: oi\\_delta\\_pct\\_1h.")
