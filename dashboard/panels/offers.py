"""What each venue offers, where each metric comes from, and what the venue allows."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st


def offers(told: dict[str, Any]) -> None:
    """Draw a table of metrics and one of limits, given both by venue; nothing without any."""
    if not told:
        return
    with st.expander("What the venues offer"):
        st.dataframe(
            offered(told),
            hide_index=True,
            placeholder="",
            key="offers",
            alt="Where each metric of each venue comes from",
        )
        st.caption("What they allow, and the share of it that the collector keeps to")
        st.dataframe(
            limits(told), hide_index=True, key="limits", alt="The published limits of each venue"
        )


def offered(told: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each metric of each venue."""
    return pd.DataFrame(
        [
            {
                "Venue": venue["title"],
                "Metric": offer["column"],
                "Comes from": offer["source"],
                "How often": offer["cadence"],
                "Unit there": offer["unit"],
                "Remark": offer["remark"],
            }
            for venue in told.values()
            for offer in venue["offers"]
        ]
    )


def limits(told: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each limit of each venue."""
    return pd.DataFrame(
        [
            {
                "Venue": venue["title"],
                "Limit": limit["name"].replace("_", " "),
                "Allowed": f"{limit['amount']:g} in {limit['per_s']:g} s",
                "Kept to": f"{limit['ceiling']:.0%}",
            }
            for venue in told.values()
            for limit in venue["limits"]
        ]
    )
