"""How the collector's alert rules stand: a line, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import streamlit as st

from analytics import formats
from analytics.rules.status import Status
from dashboard.frame.error_boundary import plain
from dashboard.health.problems import Problem
from dashboard.state.as_of import Moment

_LATE: Final = timedelta(minutes=15)
"""The last pass is stored every five minutes."""


def of_rules(status: Status | None, shown: Moment) -> Iterator[Problem]:
    """Say what is wrong with the rules at present; nothing of another time is known."""
    if status is None or shown.mode == "asked":
        return
    if status.pass_fault is not None:
        fault = formats.shortened(status.pass_fault).rstrip(".")
        yield Problem(f"Alert rules are not evaluated: {fault}.", grave=True)
    elif shown.mode != "stopped" and _is_late(status, shown):
        yield Problem(
            f"No alert rule evaluated since {formats.moment(status.pass_ts)}.", grave=True
        )
    if status.fault is not None:
        found = formats.moment(status.fault_ts)
        # Every fault has its line: not shortened, as all are to be mended.
        yield Problem(f"{status.fault.rstrip('.')}. The rules of before {found} run on.")


def rules_line(status: Status | None) -> None:
    """Draw how many rules run, and when and how fast they were evaluated last."""
    if status is None:
        st.caption("Alert rules: not evaluated yet.")
        return
    took = "" if status.pass_s is None else f" in {status.pass_s * 1000:,.0f} ms"
    skipped = "" if not status.skipped else f"; {formats.plural(status.skipped, 'cycle')} skipped"
    st.caption(
        plain(
            f"Alert rules: {status.rules:,} active, last evaluated "
            f"{formats.moment(status.pass_ts)}{took}{skipped}."
        )
    )


def _is_late(status: Status, shown: Moment) -> bool:
    return status.pass_ts is not None and shown.now - status.pass_ts > _LATE
