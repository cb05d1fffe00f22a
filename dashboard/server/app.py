"""The ASGI entry: the Streamlit app, and what answers beside it on the same port."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from analytics import formats
from dashboard.server.api_mount import ApiMount
from dashboard.server.host_check import HostCheck
from dashboard.server.preload import Preload
from dashboard.server.warm_up import warmed
from dashboard.state import session

log = logging.getLogger(__name__)


def report_failure(error: Exception) -> bool:
    """Say on the page that it failed, and in the log, beneath the traceback, which page it was."""
    at = formats.clock(datetime.now(UTC))
    log.error("page %s failed at %s, traceback above: %r", session.page(), at, error)
    st.error(
        f"The error is in the dashboard's log, at {at}. Other pages still work.",
        title="This page failed",
        icon=":material/error:",
    )
    return True


app = st.App(
    Path(__file__).parents[1] / "main.py",
    lifespan=warmed,
    middleware=[Middleware(HostCheck), Middleware(ApiMount), Middleware(Preload)],
    on_script_error=report_failure,
)
