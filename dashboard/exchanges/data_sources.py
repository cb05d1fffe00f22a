"""Data sources of each venue: endpoint and interval of each metric, units, rate limits."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
import streamlit as st

from analytics import formats
from analytics.quantities import title
from dashboard.frame.error_boundary import plain

NOT_OFFERED: Final = "not offered"


def offers(by_venue: dict[str, Any]) -> None:
    """Draw who offers what and from where, all given by venue; nothing without any."""
    if not by_venue:
        return
    st.subheader("Data sources", anchor=False)
    with st.expander("Source and update interval of each metric"):
        # Not a grid: that would cut what is longer than its cell, and much is.
        st.table(
            offered_by_venue(by_venue).fillna(NOT_OFFERED).map(plain),
            border="horizontal",
            hide_index=True,
            alt="Source and update interval of each metric, by venue",
        )
    with st.expander("Units and remarks"):
        st.dataframe(
            offered(by_venue),
            hide_index=True,
            placeholder="",
            key="units",
            alt="Unit of each metric, by venue",
        )
    limits_of_all = limits(by_venue)
    if limits_of_all.empty:
        return
    with st.expander("API limits"):
        st.dataframe(
            limits_of_all,
            hide_index=True,
            height="content",
            row_height=29,
            key="limits",
            alt="Published rate limits of each venue",
        )


def offered_by_venue(by_venue: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each metric, with where it comes from in a column for each venue."""
    columns: dict[str, dict[str, str]] = {}
    for venue, told in by_venue.items():
        name = formats.venue(venue)
        for offer in told["offers"]:
            row = columns.setdefault(offer["column"], {})
            said = f"{offer['source']} · {offer['cadence']}"
            row[name] = f"{row[name]}; {said}" if name in row else said
    titles = [formats.venue(venue) for venue in by_venue]
    return pd.DataFrame(
        [
            {"Metric": title(name), **{venue: row.get(venue) for venue in titles}}
            for name, row in columns.items()
        ],
        columns=["Metric", *titles],
    )


def offered(by_venue: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each metric of each venue."""
    return pd.DataFrame(
        [
            {
                "Venue": formats.venue(venue),
                "Metric": title(offer["column"]),
                "Source": offer["source"],
                "Interval": offer["cadence"],
                "Venue's unit": offer["unit"],
                "Remark": offer["remark"],
            }
            for venue, told in by_venue.items()
            for offer in told["offers"]
        ]
    )


def limits(by_venue: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each limit of each venue."""
    return pd.DataFrame(
        [
            {
                "Venue": formats.venue(venue),
                "Limit": limit["name"].replace("_", " "),
                "Allowed": f"{limit['amount']:g} in {limit['per_s']:g} s",
                "Collector uses at most": formats.share(100 * limit["ceiling"]),
            }
            for venue, told in by_venue.items()
            for limit in told["limits"]
        ]
    )
