"""Alerts: what fires now, what fired before, what was told, and by which rules."""

from contextlib import suppress

import streamlit as st

from analytics.errors import PerpscopeError
from analytics.palette import colors
from dashboard.alerts import (
    alert_actions,
    alert_exports,
    current,
    delivery,
    history,
    rule_editor,
    rule_list,
)
from dashboard.alerts.episode_table import opened_alert, table_click
from dashboard.alerts.one_alert import alert_dialog
from dashboard.alerts.scorecard_section import scorecard_section
from dashboard.alerts.sweep_section import sweep_section
from dashboard.components import asking_collector
from dashboard.frame.downloads import export_menu
from dashboard.frame.error_boundary import error_boundary
from dashboard.frame.freshness import follow_origin, headline
from dashboard.frame.refresh import refreshed
from dashboard.loaders import alert_episodes, shown_moment
from dashboard.state import as_of


def board() -> None:
    """Draw everything that moves with the cycles."""
    with error_boundary():
        shown, look = shown_moment.moment(as_of.asked_time()), colors(st.context.theme.type)
        follow_origin(shown)
        head = headline("Alerts", shown)
        episodes = alert_episodes.episodes(shown, history.SPANS["24 h"])
        why_not = asking_collector.refusal(shown)
        delivery.faults(alert_episodes.status(), shown)
        asking_collector.said()
        alert_actions.silences(alert_episodes.silences(shown), shown, why_not)
        current.firing_now(episodes, shown, look, why_not)
        waits = {rule.name: rule.waits.hold for rule in alert_episodes.running_rules()}
        current.pending(episodes, waits, shown, look)
        past = history.history(shown, look)
        delivery.channels(shown, look)
        with head:
            export_menu("Alerts", shown, alert_exports.tables(past, episodes))


def rules() -> None:
    """Draw the rules and their editor, which no refresh disturbs."""
    # What is wrong with the lake is said above.
    with suppress(PerpscopeError):
        shown, look = shown_moment.moment(as_of.asked_time()), colors(st.context.theme.type)
        st.subheader("Rules", anchor=False)
        running = alert_episodes.running_rules()
        if running:
            rule_list.rule_list(
                running, rule_list.counted(history.fired(shown, alert_episodes.LOOK_BACK)), look
            )
        else:
            st.caption("No alert rules yet. A collector starts with the built-in ones.")
        with st.expander(
            "Edit rules", icon=":material/edit:", key="edit_rules", on_change="rerun"
        ) as editor:
            if editor.open:
                rule_editor.rule_editor(shown, look)


refreshed(board)
st.fragment(scorecard_section)()
st.fragment(sweep_section)()
st.fragment(rules)()
# Beneath the board: what is seen of it is a gap.
for table in (current.FIRING, current.PENDING, history.TABLE):
    table_click(table)
if (alert := opened_alert()) is not None:
    alert_dialog(alert)
