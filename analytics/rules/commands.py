"""What a page has the collector do about alerts: acknowledge, silence, save rules.

The page sends a command, the collector checks and stores it; both know it from here.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from analytics import collector_socket
from analytics.errors import QueryError, RuleError
from analytics.rules.rules_file import LARGEST

_Made = TypeVar("_Made", bound="Command")

LONGEST_SILENCE_D: Final = 366
"""[days]"""


def _in_milliseconds(time: datetime) -> datetime:
    """Times are compared with those of the lake."""
    return time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000)


_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Time = Annotated[AwareDatetime, AfterValidator(_in_milliseconds)]


class Command(BaseModel):
    """What is asked; ``token`` is what ``PERPSCOPE_EDIT_RULES=token`` asks of whoever asks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work: ClassVar[str]

    token: str | None = Field(default=None, max_length=1000, repr=False)


class Action(Command):
    """What is stored as an `AlertAction`; asked twice with one ``id`` it is done once."""

    id: str = Field(default_factory=lambda: uuid.uuid4().hex, min_length=1, max_length=64)


class Acknowledge(Action):
    """Say that a person has seen an episode."""

    work: ClassVar[str] = "acknowledge"

    rule: _Text
    subject: _Text
    started_ts: _Time


class Silence(Action):
    """Tell nothing of what all of rule, subject and group name until a time; all if none does."""

    work: ClassVar[str] = "silence"

    rule: _Text | None = None
    subject: _Text | None = None
    alert_group: _Text | None = None
    until_ts: _Time
    reason: Annotated[str, Field(max_length=500)] | None = None


class EndSilence(Action):
    """End a silence early."""

    work: ClassVar[str] = "end_silence"

    ends_id: _Text


class SaveRules(Command):
    """Replace ``alerts.toml``, if its rules are right."""

    work: ClassVar[str] = "save_rules"

    text: str = Field(max_length=LARGEST)
    replaces: str | None = None
    """`digest` of the text that was edited; another one is there by now: nothing is saved.
    None: whatever is there."""


def digest(text: str | bytes) -> str:
    """Return a name for the *text* of a file."""
    content = text.encode() if isinstance(text, str) else text
    return hashlib.sha256(content).hexdigest()


def made(kind: type[_Made], fields: dict[str, Any]) -> _Made:
    """Return a command of *fields*.

    Raises:
        RuleError: One of them is wrong.
    """
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        reasons = (
            f"{'.'.join(map(str, fault['loc'])) or kind.work}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise RuleError("; ".join(reasons)) from error


def send(folder: Path, kind: type[Command], **fields: object) -> None:
    """Have the collector of the lake in *folder* do what *kind* with *fields* says.

    It is stored and published when this returns. It may take as long as
    `collector_socket.TIMEOUT_S`.

    Raises:
        RuleError: The collector refuses it, or a field is wrong; nothing was changed.
        LakeError: No collector runs, and nothing was changed, or it could not do it.
    """
    command = made(kind, fields)
    try:
        collector_socket.have_done(folder, kind.work, command.model_dump(mode="json"))
    except QueryError as error:
        raise RuleError(str(error)) from error
