"""Shows an error or an empty lake as a message in place of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from analytics import formats
from analytics.errors import LakeAbsent, PerpscopeError


@contextmanager
def error_boundary() -> Iterator[None]:
    """Draw a message with the next step in place of what failed with a PerpscopeError."""
    try:
        yield
    except LakeAbsent:
        st.info(
            "Start the collector with `perpscope up`, or try a simulated market with `perpscope "
            "demo`. This page updates by itself.",
            title="No data yet",
            icon=":material/hourglass_empty:",
        )
    except PerpscopeError as error:
        said = plain(f"{formats.shortened(str(error))}.")
        st.error(said, title="This page cannot be shown", icon=":material/error:")


def plain(text: str) -> str:
    """Return *text* so that Markdown shows it as it is, in one paragraph.

    Venues' words are not markup: neither their signs nor how their lines begin, and no
    address in them is a link.
    """
    # An address is one in spite of escaped signs; a joiner in it nobody sees.
    text = re.sub(r"(?i)(https?(?=://)|www(?=\.)|@)", "\\1\u2060", text)
    return re.sub(r"([\\`*_{}\[\]()#+!$~|<>:.=&^-])", r"\\\1", " ".join(text.split()))
