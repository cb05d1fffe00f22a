"""``perpscope serve``: the dashboard, in place of this process."""

from __future__ import annotations

import os
import socket
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from pydantic import SecretStr

from analytics.errors import SettingsError
from analytics.settings import PREFIX, LakeSettings
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


def refuse_open(settings: Settings) -> None:
    """Raise SettingsError if people beyond loopback are to be answered, whoever they are."""
    if not settings.allowed_hosts or settings.token is not None:
        return
    if not any(map(_asks_to_sign_in, (_installed() / _SECRETS, Path.home() / _SECRETS))):
        raise SettingsError(
            "PERPSCOPE_ALLOWED_HOSTS serves other machines, so say who may ask: set "
            "PERPSCOPE_TOKEN or PERPSCOPE_TOKEN_FILE (for the API; the proxy must ask people who "
            f"open pages), or [auth] in ~/{_SECRETS} (people sign in with OIDC)"
        )
    if find_spec("authlib") is None:
        raise SettingsError("to let people sign in, run: pip install 'streamlit[auth]'")


_SECRETS = ".streamlit/secrets.toml"


def _asks_to_sign_in(secrets: Path) -> bool:
    try:
        return bool(tomllib.loads(secrets.read_text("utf-8")).get("auth"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        # Its words may quote the file.
        raise SettingsError(f"{secrets}: cannot be read as TOML") from error


def _installed() -> Path:
    """Return the folder that Streamlit looks for .streamlit in."""
    found = find_spec("dashboard")
    if found is None or found.origin is None:
        raise SettingsError("the package dashboard is not installed")
    return Path(found.origin).parents[1]


def become_dashboard(settings: Settings) -> NoReturn:
    """Replace this process by Streamlit, so that signals reach it and no child is left behind."""
    folder = _installed()
    arguments = [
        "dashboard",
        *("--server.port", str(settings.port)),
        *("--server.address", LOOPBACK),
        *_GUARDED,
        *(text for name in settings.allowed_hosts for text in ("--server.allowedHosts", name)),
    ]
    os.environ.update(_shared(settings))
    # Streamlit looks for .streamlit/config.toml in the working directory.
    os.chdir(folder)
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606


def _shared(settings: Settings) -> dict[str, str]:
    """Return the settings that the dashboard reads, as variables: no .env is where it starts."""
    found = {name: getattr(settings, name) for name in LakeSettings.model_fields}
    if settings.token_file is not None:
        found |= {"token": None, "token_file": settings.token_file.absolute()}
    found["data_dir"] = settings.data_dir.absolute()
    return {
        PREFIX + name.upper(): value.get_secret_value()
        if isinstance(value, SecretStr)
        else str(value)
        for name, value in found.items()
        if value is not None
    }
