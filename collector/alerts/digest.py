"""What a channel is sent: all alerts that wait for it, as one message, group by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from analytics import formats
from analytics.rules import episode_words
from analytics.untrusted.visible import visible
from collector.alerts.delivery_queue import Waiting
from collector.alerts.sending import Message, Service

LINES: Final = 30
"""In a message, about; the rest is counted."""

LINES_OF_GROUP: Final = 10
GROUPS: Final = 15
"""In a message; the rest is counted."""

SHARE: Final = 0.9
"""Of the longest body that a service takes: some count bytes, or a character as several."""

LONGEST_TITLE: Final = 120
"""[characters]"""

_SEVERITIES: Final = ("info", "warning", "critical")
_NOUNS: Final = ("pair", "asset", "venue")


def message(rows: Sequence[Waiting], service: Service, *, simulated: bool = False) -> Message:
    """Return the message of *rows*, of which there is at least one, as *service* takes it.

    Firing alerts come first, the gravest group before the others; then what is resolved.
    """
    title = visible(_title(rows))
    if simulated:
        title = f"Simulated market: {title}"
    title = title[: service.title_maxlen or LONGEST_TITLE]
    room = int(service.body_maxlen * SHARE) - (0 if service.title_maxlen else len(title) + 2)
    groups = _groups(rows)
    shown = groups[:GROUPS]
    for lines in range(min(LINES_OF_GROUP, LINES // len(shown)), 0, -1):
        body = _body([_section(group, lines) for group in shown], len(groups))
        if len(body) <= room:
            return Message(title, body)
    return Message(title, _fitting([_section(group, 1) for group in shown], len(groups), room))


def _groups(rows: Sequence[Waiting]) -> list[list[Waiting]]:
    """Return the rows of each group that fire, and of each that are resolved, in their order."""
    found: dict[tuple[str, str], list[Waiting]] = defaultdict(list)
    for row in rows:
        found[row.change, row.alert_group].append(row)
    return sorted(
        found.values(),
        key=lambda group: (group[0].change == "resolved", -_gravest(group), -len(group)),
    )


def _gravest(rows: Sequence[Waiting]) -> int:
    return max(_SEVERITIES.index(row.severity) for row in rows)


def _title(rows: Sequence[Waiting]) -> str:
    firing = [row for row in rows if row.change == "firing"]
    told = firing or rows
    head = _SEVERITIES[_gravest(told)].capitalize() if firing else "Resolved"
    groups = {row.alert_group for row in told}
    if len(told) == 1:
        return f"{head}: {told[0].rule}: {_subject(told[0])}"
    if len(groups) == 1:
        return f"{head}: {told[0].alert_group}: {formats.plural(len(told), _noun(told))}"
    return f"{head}: {len(told):,} alerts in {len(groups)} groups"


def _noun(rows: Sequence[Waiting]) -> str:
    """Return what is counted where *rows* are: pairs, if each is of one rule and another pair."""
    per = rows[0].per
    is_one = len({(row.per, row.rule) for row in rows}) == 1
    return per if is_one and per in _NOUNS else "alert"


def _subject(row: Waiting) -> str:
    return episode_words.subject(asdict(row))


def _section(group: Sequence[Waiting], lines: int) -> str:
    """Return a group as a heading and at most so many *lines*; a single alert has no heading."""
    shown = [_line(row) for row in group[:lines]]
    if len(group) == 1:
        return f"{_kind(group)}: {shown[0]}"
    noun = _noun(group)
    if more := len(group) - len(shown):
        shown.append(f"and {formats.plural(more, f'more {noun}')}")
    counted = formats.plural(len(group), noun)
    heading = f"{_kind(group)}: {visible(group[0].alert_group)}: {counted}"
    return "\n".join((heading, *shown))


def _kind(group: Sequence[Waiting]) -> str:
    if group[0].change == "resolved":
        return "Resolved"
    return _SEVERITIES[_gravest(group)].capitalize()


def _line(row: Waiting) -> str:
    name, time = _subject(row), formats.minute(row.ts)
    if row.change == "resolved":
        return visible(f"{time} {row.rule}: {name}, after {formats.span(row.ts - row.started_ts)}")
    text = row.message if name in row.message else f"{name}: {row.message}"
    over = "" if row.ended_ts is None else f" (over at {formats.minute(row.ended_ts)})"
    return visible(f"{time} {formats.shortened(text)}{over}")


def _body(sections: Sequence[str], groups: int) -> str:
    more = groups - len(sections)
    rest = [f"and {formats.plural(more, 'more group')}"] if more else []
    return "\n\n".join((*sections, *rest, "Times are UTC."))


def _fitting(sections: Sequence[str], groups: int, room: int) -> str:
    """Return the body of as many *sections* as there is *room* for; one is cut if need be."""
    for number in range(len(sections), 0, -1):
        body = _body(sections[:number], groups)
        if len(body) <= room:
            return body
    return f"{sections[0][: max(room - 1, 0)]}…"
