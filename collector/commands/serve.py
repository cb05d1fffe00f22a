"""``perpscope serve``: the dashboard, in place of this process."""

from __future__ import annotations

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from analytics.errors import SettingsError
from collector.settings import LOOPBACK, Settings

_GUARDED = (
    *("--server.headless", "true"),
    *("--server.allowedHosts", "localhost", "--server.allowedHosts", "127.0.0.1"),
    *("--server.enableXsrfProtection", "true"),
    *("--server.enableAgentApi", "false"),
    *("--server.maxUploadSize", "50"),
    *("--browser.gatherUsageStats", "false"),
    *("--client.showErrorDetails", "none"),
)
"""Security settings of the dashboard, repeated here in case .streamlit/config.toml is missing."""


def refuse_taken_port(port: int) -> None:
    """Raise SettingsError if something else listens on loopback *port*."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise SettingsError(
                f"PERPSCOPE_PORT={port}: {error.strerror}; choose another port"
            ) from error


def become_dashboard(settings: Settings) -> NoReturn:
    """Replace this process by Streamlit, so that signals reach it and no child is left behind."""
    found = find_spec("dashboard")
    if found is None or found.origin is None:
        raise SettingsError("the package dashboard is not installed")
    arguments = [
        "dashboard",
        *("--server.port", str(settings.port)),
        *("--server.address", LOOPBACK),
        *_GUARDED,
        *(text for name in settings.allowed_hosts for text in ("--server.allowedHosts", name)),
    ]
    os.environ["PERPSCOPE_DATA_DIR"] = str(settings.data_dir.absolute())
    os.environ["PERPSCOPE_INTERVAL_S"] = str(settings.interval_s)
    # Streamlit looks for .streamlit/config.toml in the working directory.
    os.chdir(Path(found.origin).parents[1])
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606
