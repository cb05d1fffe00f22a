"""The editor of rules: one at a time, checked as it is typed, looked back on before it is saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import streamlit as st

from analytics import formats
from analytics.errors import LakeError, RuleError
from analytics.palette import Colors
from analytics.rules import alert_commands
from analytics.rules.columns import COLUMNS
from analytics.rules.rules_file import Rule, read_rules
from analytics.rules.rules_text import RulesText
from dashboard.alerts.rule_form import rule_form
from dashboard.alerts.timeline_chart import MAX_BARS, timeline_chart
from dashboard.components import asking_collector
from dashboard.components.condition_names import condition_names
from dashboard.components.upload_alerts import store_alerts
from dashboard.frame.error_boundary import plain
from dashboard.loaders import alert_episodes, queries, source
from dashboard.state import record
from dashboard.state.as_of import Moment

NEW: Final = "New rule"
_TEMPLATE: Final = """\
[[rule]]
name = "My rule"
when = "z_oi > 3 and oi_delta_pct > 1"
timeframe = "15m"
for = "5m"
severity = "warning"
"""
_CHOSEN: Final = "edited_rule"
_TEXT: Final = "edited_text"
_BASE: Final = "edited_base"
_OF: Final = "edited_record"
_VIEW: Final = "edited_view"
_VIEWS: Final = ("Form", "Text")
_MAX_LANES: Final = 12


def rule_editor(shown: Moment, look: Colors) -> None:
    """Draw the editor; nothing is written before it is saved, and then by the collector.

    Of an uploaded record the rules are its own: they are looked back on anew when they are saved.
    """
    if st.session_state.get(_OF) != source.folder():
        _start_over()
        st.session_state[_OF] = source.folder()
    base: str = st.session_state.setdefault(_BASE, alert_episodes.rules_text())
    parts = RulesText(base)
    names = [*_names(parts.rules), NEW]
    if st.session_state.get(_CHOSEN) not in names:
        st.session_state.pop(_CHOSEN, None)
    chosen = st.selectbox("Rule", names, key=_CHOSEN, on_change=_forget_text)
    number = None if chosen == NEW else names.index(chosen)
    if _TEXT not in st.session_state:
        st.session_state[_TEXT] = _TEMPLATE if number is None else parts.rules[number]
    # The text outlives its field, which the form takes the place of.
    st.session_state[_TEXT] = st.session_state[_TEXT]
    view = st.segmented_control(
        "Edit as", _VIEWS, default=_VIEWS[0], key=_VIEW, required=True, label_visibility="collapsed"
    )
    if view == "Form":
        rule_form(_TEXT, queries.read("alert_deliveries", shown)["channel"].tolist())
    else:
        st.text_area(
            "Its table in alerts.toml",
            key=_TEXT,
            height=300,
            help="Checked when you leave the field, or by Ctrl+Enter.",
        )
    text: str = st.session_state[_TEXT]
    rule, fault = checked(text, parts.with_rule(number, text))
    if fault is not None:
        st.error(plain(fault), icon=":material/error:")
    elif rule is not None:
        st.success(f"Condition: {plain(rule.when.sql)}", icon=":material/check_circle:")
        _look_back(text, shown, look)
    if view == "Text":
        condition_names("pair" if rule is None else rule.per)
    why_not = None if shown.is_uploaded else asking_collector.refusal(shown)
    _buttons(parts, number, text, why_not, is_right=rule is not None)


def checked(text: str, whole: str) -> tuple[Rule | None, str | None]:
    """Return the rule that *text* is, or what is wrong: in it, or in the *whole* file with it."""
    try:
        rules = read_rules(text.encode(), COLUMNS)
        if len(rules) != 1:
            return None, f"Write one [[rule]] table here, not {len(rules)}."
        read_rules(whole.encode(), COLUMNS)
    except RuleError as error:
        said = str(error)
        return None, f"{said[:1].upper()}{said[1:]}"
    return rules[0], None


def _look_back(text: str, shown: Moment, look: Colors) -> None:
    """Draw where the rule would have fired in the last 7 days, and how often."""
    with st.spinner("Looking back 7 days …"):
        found = alert_episodes.look_back(shown, text)
    if found.empty:
        st.caption("It would not have fired in the last 7 days.")
        return
    counts = Counter(found["about"])
    first = [name for name, _ in counts.most_common(_MAX_LANES)]
    most = formats.listed([f"{name} ({counts[name]:,})" for name in first[:4]], 4)
    st.caption(
        plain(
            f"It would have fired {formats.plural(len(found), 'time')} in the last 7 days, for "
            f"{formats.plural(len(counts), 'subject')}. Most: {most}."
        )
    )
    lanes = found[found["about"].isin(first)].head(MAX_BARS)
    st.altair_chart(
        timeline_chart(
            lanes.assign(rule=lanes["about"]),
            (shown.now - alert_episodes.LOOK_BACK, shown.now),
            look,
        ),
        theme="streamlit",
        key="look_back",
        alt=f"Where the rule would have fired: {formats.plural(len(found), 'time')}",
    )


def _buttons(
    parts: RulesText, number: int | None, text: str, why_not: str | None, *, is_right: bool
) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        may = why_not is None
        if st.button("Save", type="primary", key="save_rule", disabled=not (may and is_right)):
            _save(parts, parts.with_rule(number, text))
        st.button("Copy", key="copy_rule", on_click=_copy, args=(text,))
        if st.button("Delete", key="delete_rule", disabled=number is None or not may):
            _save(parts, parts.without_rule(number or 0))
        st.button("Start over", key="reload_rules", on_click=_start_over)
        if why_not is not None:
            st.caption(plain(why_not), width="content")


def _save(parts: RulesText, text: str) -> None:
    """Have the collector replace the file, if it is still the one that was edited."""
    asked = {"text": text, "replaces": alert_commands.digest(parts.text)}
    if (upload := record.current()) is not None:
        error = _of_upload(upload.lake, text)
    else:
        error = asking_collector.failed(alert_commands.SaveRules, asked)
    if error is not None:
        st.error(plain(error))
        return
    _start_over()
    st.rerun()


def _of_upload(lake: str, text: str) -> str | None:
    """Find the alerts of an uploaded record anew; return why that could not be done."""
    with st.spinner("Looking back on the whole record …"):
        try:
            store_alerts(lake, text, anew=True)
        except LakeError as error:
            return f"Not saved: {error}."
    return None


def _names(rules: Sequence[str]) -> list[str]:
    """Return what each rule is called, or its number where that cannot be read."""
    found = []
    for number, text in enumerate(rules, 1):
        try:
            (rule,) = read_rules(text.encode(), COLUMNS)
        except (RuleError, ValueError):
            found.append(f"Rule {number}, with a fault")
        else:
            found.append(rule.name)
    # Two of one name are a fault that is mended here.
    return [f"{name} ({n})" if found.count(name) > 1 else name for n, name in enumerate(found, 1)]


def _forget_text() -> None:
    st.session_state.pop(_TEXT, None)


def _copy(text: str) -> None:
    """Make *text* a new rule with a name of its own."""
    st.session_state[_CHOSEN] = NEW
    st.session_state[_TEXT] = text.replace('name = "', 'name = "Copy of ', 1)


def _start_over() -> None:
    for key in (_TEXT, _BASE):
        st.session_state.pop(key, None)
