"""The signals of the newest closed bar, in a menu of Overview."""

from __future__ import annotations

from typing import Final

import streamlit as st

from analytics.palette import Colors
from dashboard.components.signal_list import signal_legend, signal_lines
from dashboard.loaders import bars
from dashboard.state.as_of import Moment
from dashboard.state.view import View

_MAX_SIGNALS: Final = 30

_STYLE: Final = """
<style>
.signals { min-width: min(34rem, 80vw); max-height: 60vh; overflow-y: auto }
.signals p { margin: 0 0 0.3rem; font-size: 0.875rem; line-height: 1.35 }
.signals p.signal { display: flex; gap: 0.6rem }
.signals p.signal i { font-style: normal; flex: 0 0 2.2rem }
.signals p.legend { font-size: 0.8rem; opacity: 0.85; margin-top: 0.6rem }
</style>
"""


def signal_menu(shown: Moment, seen: View, colors: Colors) -> None:
    """Draw a menu that lists the signals; nothing is loaded before somebody opens it."""
    menu = st.popover("Signals", icon=":material/flag:", key="signals", on_change="rerun")
    if not menu.open:
        return
    lines = signal_lines(bars.newest_signals(shown, seen), colors, _MAX_SIGNALS)
    with menu:
        st.html(f'{_STYLE}<div class="signals">{"".join(lines)}{signal_legend(colors)}</div>')
