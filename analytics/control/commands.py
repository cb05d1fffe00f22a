"""What a page has the collector do: commands that it sends, and the collector checks and does.

Each kind stands with what it is about; both ends know it from there.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analytics.control import collector_socket
from analytics.errors import QueryError, RuleError

_Made = TypeVar("_Made", bound="Command")


class Command(BaseModel):
    """What is asked; ``token`` is what ``PERPSCOPE_EDIT_RULES=token`` asks of whoever asks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work: ClassVar[str]

    token: str | None = Field(default=None, max_length=1000, repr=False)


class Action(Command):
    """What is stored as an `AlertAction`; asked twice with one ``id`` it is done once."""

    id: str = Field(default_factory=lambda: uuid.uuid4().hex, min_length=1, max_length=64)


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


def send(
    folder: Path,
    kind: type[Command],
    report: Callable[[dict[str, Any]], None] = lambda _: None,
    **fields: object,
) -> None:
    """Have the collector of the lake in *folder* do what *kind* with *fields* says.

    It is stored and published when this returns. *report* is called with each line that the
    collector reports on the way; it may say nothing for as long as `collector_socket.TIMEOUT_S`.

    Raises:
        RuleError: The collector refuses it, or a field is wrong; nothing was changed.
        LakeError: No collector runs, and nothing was changed, or it could not do it.
    """
    command = made(kind, fields)
    try:
        collector_socket.have_done(folder, kind.work, command.model_dump(mode="json"), report)
    except QueryError as error:
        raise RuleError(str(error)) from error
