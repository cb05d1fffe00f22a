"""The rules that run: what each asks, of what, and how often it fired lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.palette import Colors
from analytics.rules import episode_words
from analytics.rules.rules_file import Rule
from dashboard.components.written_table import written


def rule_list(rules: Sequence[Rule], fired: Mapping[str, int], look: Colors) -> None:
    """Draw a row for each of *rules*.

    Args:
        rules: In their order.
        fired: How often each fired in 7 days, by name; one that did not is missing.
        look: The colours of the theme.
    """
    table = pd.DataFrame(
        {
            "mark": [episode_words.MARKS[rule.severity] for rule in rules],
            "name": [rule.name for rule in rules],
            "fired": [fired.get(rule.name, 0) for rule in rules],
            "when": [rule.when.sql for rule in rules],
            "timeframe": [rule.timeframe for rule in rules],
            "scope": [_scope(rule) for rule in rules],
            "waits": [_waits(rule) for rule in rules],
            "group": [rule.group for rule in rules],
            "channels": [", ".join(rule.channels) or "pages" for rule in rules],
        }
    )
    words = {str(name): [str(cell) for cell in table[name]] for name in table}
    marks = [f"color:{episode_words.color(rule.severity, look)}" for rule in rules]
    text = st.column_config.TextColumn
    st.dataframe(
        written(table, words, {"mark": marks}),
        column_config={
            "mark": text("!", width=48, pinned=True, help="■■■ critical, ■■ warning, ■ info"),
            "name": text("Rule", width=170, pinned=True),
            "fired": st.column_config.NumberColumn("Fired in 7 d", width=90),
            "when": text("Condition", width=460),
            "timeframe": text("Bars", width=50),
            "scope": text("Of", width=150),
            "waits": text("For", width=60),
            "group": text("Group", width=110),
            "channels": text("Channels", width=110),
        },
        hide_index=True,
        height="content",
        row_height=29,
        alt="Rules: severity, name, how often each fired, condition, timeframe, scope",
    )


def counted(fired: pd.DataFrame) -> dict[str, int]:
    """Return how often each rule fired, by its name."""
    return dict(Counter(fired["rule"]))


def _scope(rule: Rule) -> str:
    """Write what a rule looks at: ``each pair, BTC and ETH, top 50``."""
    scope = rule.scope
    named = [
        *map(formats.venue, scope.venues),
        *map(formats.pair, scope.pairs),
        *scope.bases,
    ]
    parts = ["the market" if rule.per == "market" else f"each {rule.per}"]
    parts += [formats.listed(named, 4)] if named else []
    parts += [f"top {scope.top}"] if scope.top is not None else []
    return ", ".join(parts)


def _waits(rule: Rule) -> str:
    hold = rule.waits.hold
    return formats.span(hold) if hold > timedelta() else "at once"
