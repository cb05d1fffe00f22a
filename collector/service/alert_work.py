"""What pages have the collector do about alerts: acknowledge, silence, end a silence, save rules.

The commands are those of `analytics.rules.alert_commands`. What a person did is stored and
published before they hear that it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from analytics.control.commands import Action, Command
from analytics.errors import RuleError
from analytics.lake.records import AlertAction
from analytics.lake.writer import Lake
from analytics.rules.alert_commands import (
    LONGEST_SILENCE_D,
    Acknowledge,
    AcknowledgeAll,
    EndSilence,
    SaveRules,
    Silence,
)
from analytics.settings import LakeSettings
from collector.alerts.passes import Passes
from collector.runtime.clock import Clock
from collector.service.control_socket import Work
from collector.service.page_work import has_row, page_work

_Made = TypeVar("_Made", bound=Command)

_SAME = "alert_actions where id = $id"
_EPISODE = "alert_events where rule = $rule and subject = $subject and started_ts = $started_ts"
_SILENCE = """
alert_actions where kind = 'silence' and id = $ends_id and until_ts > $now
and id not in (
    select ends_id from alert_actions where kind = 'end_silence' and ends_id is not null
)
"""


@dataclass(frozen=True, slots=True)
class AlertWork:
    """Does what pages ask, if they may."""

    settings: LakeSettings
    clock: Clock
    lake: Lake
    passes: Passes

    def works(self) -> dict[str, Work]:
        """Return the works by name, for the control socket."""
        return {
            Acknowledge.work: self._work(Acknowledge, self._acknowledge),
            AcknowledgeAll.work: self._work(AcknowledgeAll, self._acknowledge_all),
            Silence.work: self._work(Silence, self._silence),
            EndSilence.work: self._work(EndSilence, self._end_silence),
            SaveRules.work: self._work(SaveRules, self._save_rules),
        }

    def _work(self, kind: type[_Made], do: Callable[[_Made], None]) -> Work:
        def once(command: _Made) -> None:
            # Whoever lost the answer asks again, by the same id.
            if not (isinstance(command, Action) and self._has(_SAME, id=command.id)):
                do(command)

        return page_work(self.settings, self.lake, kind, once)

    def _acknowledge(self, asked: Acknowledge) -> None:
        named: dict[str, Any] = {
            "rule": asked.rule,
            "subject": asked.subject,
            "started_ts": asked.started_ts,
        }
        if not self._has(_EPISODE, **named):
            raise RuleError(f"{asked.rule}, {asked.subject}: there is no such alert")
        self._store(asked, "acknowledge", **named)

    def _acknowledge_all(self, asked: AcknowledgeAll) -> None:
        """Store them in one commit; one that is no alert refuses all."""
        known = self._episodes({one.started_ts for one in asked.episodes})
        for one in asked.episodes:
            if (one.rule, one.subject, one.started_ts) not in known:
                raise RuleError(f"{one.rule}, {one.subject}: there is no such alert")
        now = self.clock.now()
        # The first has the id of the command, by which it is known to be done.
        ids = [asked.id, *(uuid.uuid4().hex for _ in asked.episodes[1:])]
        self.lake.append_records(
            [
                AlertAction(id=number, ts=now, kind="acknowledge", **dict(one))
                for number, one in zip(ids, asked.episodes, strict=True)
            ]
        )

    def _episodes(self, started: set[datetime]) -> set[tuple[str, str, datetime]]:
        """Return rule, subject and start of the episodes that began in that time."""
        asked = "select distinct rule, subject, started_ts from alert_events where started_ts "
        bounds = [one.astimezone(UTC).replace(tzinfo=None) for one in (min(started), max(started))]
        with self.lake.cursor() as cursor:
            rows = cursor.execute(f"{asked} between ? and ?", bounds).fetchall()  # noqa: S608
        return {(rule, subject, ts.replace(tzinfo=UTC)) for rule, subject, ts in rows}

    def _silence(self, asked: Silence) -> None:
        now = self.clock.now()
        if not now < asked.until_ts <= now + timedelta(days=LONGEST_SILENCE_D):
            raise RuleError(
                f"a silence ends after now and within {LONGEST_SILENCE_D} days; "
                f"this one would end at {asked.until_ts:%Y-%m-%d %H:%M} UTC"
            )
        fields = asked.model_dump(include={"rule", "subject", "alert_group", "until_ts", "reason"})
        self._store(asked, "silence", **fields)

    def _end_silence(self, asked: EndSilence) -> None:
        if not self._has(_SILENCE, ends_id=asked.ends_id, now=self.clock.now()):
            raise RuleError("this silence is over already")
        self._store(asked, "end_silence", ends_id=asked.ends_id)

    def _save_rules(self, asked: SaveRules) -> None:
        self.passes.save_rules(asked.text, asked.replaces)

    def _store(self, asked: Action, kind: str, **fields: Any) -> None:
        done = {"id": asked.id, "ts": self.clock.now(), "kind": kind, **fields}
        self.lake.append_records([AlertAction(**done)])

    def _has(self, rows: str, **values: str | datetime) -> bool:
        return has_row(self.lake, rows, **values)
