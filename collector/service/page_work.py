"""What a page has the collector do, if whoever opened it may: checked, done, published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from analytics.control.commands import Command, made
from analytics.errors import RuleError
from analytics.lake.writer import Lake
from analytics.settings import LakeSettings
from analytics.untrusted.editing import token_refusal
from collector.service.control_socket import Report, Work

_Made = TypeVar("_Made", bound=Command)


def page_work(
    settings: LakeSettings, lake: Lake, kind: type[_Made], do: Callable[[_Made], None]
) -> Work:
    """Return the work that makes a command of what is asked and, if that is allowed, does it.

    The work raises RuleError for what it refuses.
    """

    def work(asked: dict[str, Any], _report: Report) -> None:
        do(allowed(settings, kind, asked))
        lake.publish()

    return work


def allowed(settings: LakeSettings, kind: type[_Made], asked: dict[str, Any]) -> _Made:
    """Return what is *asked* as a command.

    Raises:
        RuleError: A field is wrong, or whoever asks may not.
    """
    command = made(kind, asked)
    token = settings.edit_token
    refused = token_refusal(
        settings.edit_rules,
        token=None if token is None else token.get_secret_value(),
        given=command.token,
    )
    if refused is not None:
        raise RuleError(refused)
    return command


def has_row(lake: Lake, rows: str, **values: str | datetime) -> bool:
    """Return whether *lake* has a row of *rows*: a table and a condition, in SQL of ours."""
    bound = {
        key: value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for key, value in values.items()
    }
    with lake.cursor() as cursor:
        # Callers pass constants alone.
        found = cursor.execute(f"select 1 from {rows} limit 1", bound).fetchone()  # noqa: S608
    return found is not None
