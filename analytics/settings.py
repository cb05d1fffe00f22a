"""The settings that every program of a lake shares, and how settings are read.

From PERPSCOPE_ in the environment, or a line in .env. Nothing else reads either.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from analytics.errors import SettingsError
from analytics.untrusted.editing import Editors

PREFIX = "PERPSCOPE_"
ENV_FILE = ".env"

SHORTEST_TOKEN = 16
"""[characters]"""

Read = TypeVar("Read", bound="LakeSettings")


class LakeSettings(BaseSettings):
    """What collector and dashboard must agree on. Frozen; a wrong value is refused."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    data_dir: Path = Path("data")
    """Where everything of a lake lives; made if absent."""

    interval_s: float = Field(default=30, ge=5, le=3600)
    """Time between two cycles. [s]"""

    studio_max_mb: int = Field(default=2048, ge=0)
    """Files that Studio opens as one record, and that record on disk; 0 switches it off. [MB]"""

    token_file: Path | None = None
    """A file that holds ``token`` and that its owner alone may read."""

    token: SecretStr | None = Field(default=None, validate_default=True)
    """What programs beyond loopback send the API as ``Authorization: Bearer``: 16 characters or
    more. Without it the API answers on loopback alone."""

    edit_token: SecretStr | None = None
    """What whoever edits must type where ``edit_rules`` is ``token``: 16 characters or more."""

    edit_rules: Editors = "loopback"
    """Who may edit rules, acknowledge and silence alerts, keep trades, and import an uploaded
    record on a page: whoever opens it by a ``loopback`` address, whoever knows the ``token``, or
    nobody (``off``)."""

    @field_validator("token_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None:
            _secret_in(value)
        return value

    @field_validator("token")
    @classmethod
    def _of_file(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        file = info.data.get("token_file")
        if value is not None and file is not None:
            raise ValueError(f"{PREFIX}TOKEN_FILE is set, too; set one of them")
        return SecretStr(_secret_in(file)) if file is not None else value

    @field_validator("edit_token", "token")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"it must have {SHORTEST_TOKEN} characters or more")
        return value

    @field_validator("edit_rules")
    @classmethod
    def _with_token(cls, value: Editors, info: ValidationInfo) -> Editors:
        if value == "token" and info.data.get("edit_token", "wrong") is None:
            raise ValueError(f"set {PREFIX}EDIT_TOKEN, too")
        return value

    @field_validator("data_dir", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if value == "":
            raise ValueError("it is empty; set it to the path of a folder")
        return value


def load(kind: type[Read], **overrides: object) -> Read:
    """Return the settings in effect, with *overrides* from the command line on top.

    Raises:
        SettingsError: Something is wrong; every wrong setting is named, with its
            value and what is allowed.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return kind(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = [
            f"{PREFIX}{str(name := fault['loc'][0]).upper()}={_shown(name, fault['input'])}: "
            f"{_sentence(fault['msg'])}"
            for fault in error.errors()
        ]
        raise SettingsError("; ".join(wrong)) from error


def _secret_in(file: Path) -> str:
    """Return what *file* holds; raises ValueError where it is not for its owner alone."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("this is not a file")
        if found.st_mode & 0o077:
            mode = stat.S_IMODE(found.st_mode)
            raise ValueError(f"others may read it (mode {mode:04o}); run: chmod 600 {file}")
        return file.read_text("ascii").strip()
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise ValueError("a token has letters, digits and other ASCII characters only") from None


def _shown(name: object, value: object) -> str:
    """Write a wrong *value* without a secret, or the user and the password of an address."""
    if name in ("edit_token", "token"):
        return "…"
    return re.sub(r"//.*@", "//…@", repr(value))


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "must be")
