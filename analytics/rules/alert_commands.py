"""What a page has the collector do about alerts: acknowledge, silence, save rules."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from analytics.control.commands import Action, Command
from analytics.rules.rules_file import LARGEST

LONGEST_SILENCE_D: Final = 366
"""[days]"""


def _in_milliseconds(time: datetime) -> datetime:
    """Times are compared with those of the lake."""
    return time.astimezone(UTC).replace(microsecond=time.microsecond // 1000 * 1000)


_Text = Annotated[str, Field(min_length=1, max_length=200)]
_Time = Annotated[AwareDatetime, AfterValidator(_in_milliseconds)]


class Acknowledge(Action):
    """Say that a person has seen an episode."""

    work: ClassVar[str] = "acknowledge"

    rule: _Text
    subject: _Text
    started_ts: _Time


class Episode(BaseModel):
    """What names one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: _Text
    subject: _Text
    started_ts: _Time


MAX_EPISODES: Final = 5_000


class AcknowledgeAll(Action):
    """Say that a person has seen all of these; stored together."""

    work: ClassVar[str] = "acknowledge_all"

    episodes: Annotated[tuple[Episode, ...], Field(min_length=1, max_length=MAX_EPISODES)]


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
