"""Every setting of the collector and the command line; those of the dashboard are among them.

Loaded once, by the command line, and handed down as an argument.
"""

from __future__ import annotations

import os
import re
import stat
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from analytics import settings
from analytics.errors import SettingsError
from analytics.settings import ENV_FILE, PREFIX, LakeSettings
from collector.venues import VENUES

LOOPBACK = "127.0.0.1"
"""Where dashboard and collector listen; a proxy serves them to other machines."""

CHANNEL = f"{PREFIX}CHANNEL_"
"""Followed by the name of a channel of alerts; its value is the address."""


class Settings(LakeSettings):
    """The settings. Frozen; a wrong value is refused at startup."""

    venues: Annotated[tuple[str, ...], NoDecode] = ("binance", "bybit", "okx")
    """Venues to collect, separated by commas."""

    top_n: int = Field(default=20, ge=1, le=2000)
    """Instruments per venue, the largest by 24 h volume."""

    requests_per_s: float = Field(default=10, gt=0, le=100)
    """Requests a second to one venue, at most. [1/s]"""

    request_timeout_s: float = Field(default=10, ge=1, le=60)
    """How long one answer may take. [s]"""

    streams: bool = True
    """Whether trades, liquidations and order books are also read from websockets."""

    backfill_hours: float = Field(default=24, ge=0, le=720)
    """How much history is backfilled at startup, and hourly where it has gaps; 0 for none. [h]"""

    archive_url: str = Field(default="https://data.binance.vision", pattern=r"^https?://[^\s?#@]+$")
    """Where the public archive's daily files lie; it is logged, so no password goes in."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """What the log keeps."""

    port: int = Field(default=8501, ge=1, le=65535)
    """Port of the dashboard, on loopback."""

    collector_port: int = Field(default=8502, ge=0, le=65535)
    """Port of the collector's /healthz and /metrics on loopback; 0 takes any free one."""

    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names under which a proxy serves dashboard and collector, separated by commas; they
    answer to ``localhost`` and loopback addresses anyway."""

    snapshot_days: int = Field(default=90, ge=1)
    """Snapshots older than this are deleted; bars stay. [days]"""

    min_free_mb: int = Field(default=64, ge=0)
    """Writing stops when less disk space is free. [MB]"""

    simulator: str | None = Field(default=None, pattern=r"^http://127\.0\.0\.1:\d+$")
    """Address of a simulator to collect from instead of the venues: http://127.0.0.1:PORT."""

    @field_validator("venues", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("venues")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in VENUES]
        if unknown or not value:
            allowed = ", ".join(VENUES)
            raise ValueError(f"unknown venue; choose from {allowed}, separated by commas")
        if len(set(value)) < len(value):
            raise ValueError("a venue is listed twice")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"(\*\.)?[\w-]+(\.[\w-]+)*", name):
                raise ValueError(
                    f"{name} is not a host name; use names such as perps.example.org or "
                    "*.example.org without a port, separated by commas"
                )
        return value

    @field_validator("simulator")
    @classmethod
    def _serves(cls, value: str | None, info: ValidationInfo) -> str | None:
        venues = info.data.get("venues", ())
        unserved = [name for name in venues if VENUES[name].simulator_urls is None]
        if value is not None and unserved:
            raise ValueError(
                f"the simulator does not serve {', '.join(unserved)}; set {PREFIX}VENUES"
            )
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


def load(**overrides: object) -> Settings:
    """Return the settings in effect, with *overrides* from the command line on top.

    Raises:
        SettingsError: Something is wrong; every wrong setting is named, with its
            value and what is allowed.
    """
    _refuse_unknown({*os.environ, *dotenv_values(ENV_FILE)})
    return settings.load(Settings, **overrides)


def channel_addresses() -> dict[str, SecretStr]:
    """Return the addresses of channels in the environment and .env, by name in lower case.

    Raises:
        SettingsError: .env holds one, and others may read it.
    """
    stated = {name: value for name, value in dotenv_values(ENV_FILE).items() if _is_channel(name)}
    mode = stat.S_IMODE(Path(ENV_FILE).stat().st_mode) if stated else 0
    if mode & 0o077:
        raise SettingsError(
            f"{ENV_FILE}: it holds the address of a channel, and others may read it "
            f"(mode {mode:04o}); run: chmod 600 {ENV_FILE}"
        )
    given = stated | {name: value for name, value in os.environ.items() if _is_channel(name)}
    return {
        name.removeprefix(CHANNEL).lower(): SecretStr(value)
        for name, value in given.items()
        if value
    }


def _is_channel(variable: str) -> bool:
    return re.fullmatch(rf"{CHANNEL}\w{{1,40}}", variable) is not None


def _refuse_unknown(variables: set[str]) -> None:
    """A misspelt name must not silently leave a default in place."""
    variables = {name for name in variables if not _is_channel(name)}
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(variables - known):
        if name.startswith(PREFIX):
            nearest = get_close_matches(name, known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise SettingsError(f"{name} is not a setting{hint}")
