"""``perpscope alerts check``, ``list`` and ``test``: rules as text in, what they are or did out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

from analytics import formats, query
from analytics.errors import QueryError, RuleError
from analytics.lake.reader import Reader
from analytics.rules.engine import Event
from analytics.rules.frames import COLUMNS
from analytics.rules.history import replay
from analytics.rules.messages import message
from analytics.rules.rules_file import Rule, builtin, named, read_rules, read_written, span
from analytics.untrusted.visible import visible

LONGEST: Final = timedelta(days=31)
"""How far back a rule is tried."""


def read(path: Path) -> tuple[Rule, ...]:
    """Return the rules of the file at *path*.

    Raises:
        RuleError: It cannot be read, or something in it is wrong: every fault with its line.
    """
    return _read(path, _content(path))


def of_folder(folder: Path) -> tuple[Rule, ...]:
    """Return the rules of a data folder; the built-in ones where no collector made any yet.

    Raises:
        RuleError: As :func:`read`.
    """
    return read_rules(text_of_folder(folder).encode(), COLUMNS)


def text_of_folder(folder: Path) -> str:
    """Return the rules of a data folder as they are written, checked.

    Raises:
        RuleError: As :func:`read`.
    """
    path = folder / "alerts.toml"
    if not (path.exists() or path.is_symlink()):
        return builtin().decode()
    _read(path, content := _content(path))
    return content.decode()


def _content(path: Path) -> bytes:
    try:
        # What is no file, as a pipe, might never end.
        content = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise RuleError(f"{path}: cannot be read ({error.strerror})") from error
    if content is None:
        found = "a folder, not a file" if path.is_dir() else "no such file"
        raise RuleError(f"{path}: {found}")
    return content


def _read(path: Path, content: bytes) -> tuple[Rule, ...]:
    try:
        return read_written(content, COLUMNS)
    except RuleError as error:
        raise RuleError(f"{path}: {error}") from error


def write_list(rules: Sequence[Rule], out: TextIO) -> None:
    """Write a line for each rule: its name, what it is about, severity, waits and condition."""
    cells = [
        (rule.name, rule.per, rule.timeframe, rule.severity, _waits(rule), rule.when.sql)
        for rule in rules
    ]
    _write_table([("rule", "per", "timeframe", "severity", "for", "when"), *cells], out)


def write_test(
    folder: Path, rules: Sequence[Rule], name: str, since: str, out: TextIO, *, wall: datetime
) -> int:
    """Write when the rule called *name* would have fired lately, and return how often.

    Args:
        folder: Of the lake.
        rules: Among which it is.
        name: The rule's.
        since: How far to look back from what the lake's clock shows: ``7d``, ``12h``.
        out: Gets a row for each episode that fired, and a line that counts them.
        wall: The wall time. UTC.

    Raises:
        RuleError: There is no such rule.
        QueryError: *since* is no time span, or too long.
        LakeError: The lake cannot be read, or nothing was published.
    """
    rule, back = named(rules, name), looked_at(since)
    reader = Reader(folder)
    try:
        with reader.cursor() as cursor:
            now = query.lake_time(cursor, wall)
            events = replay(cursor, [rule], now, back, known_by=query.ANY_TIME)
    finally:
        reader.close()
    episodes = _episodes(rule, events)
    if episodes:
        head = ("fired", "until", "subject", "message")
        _write_table([head, *(one.cells for one in episodes)], out)
    subjects = len({one.subject for one in episodes})
    per_day = len(episodes) / (back / timedelta(days=1))
    out.write(
        f"{visible(rule.name)}: fired {formats.plural(len(episodes), 'time')} "
        f"on {formats.plural(subjects, 'subject')} in {formats.span(back)}, {per_day:.1f} a day, "
        "by five-minute bars\n"
    )
    return len(episodes)


@dataclass(slots=True)
class _Episode:
    """A firing, and how it ended."""

    subject: str
    fired: datetime
    message: str
    until: datetime | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        until = "still firing" if self.until is None else f"{self.until:%Y-%m-%d %H:%M}"
        return f"{self.fired:%Y-%m-%d %H:%M}", until, self.subject, self.message


def _episodes(rule: Rule, events: Iterable[Event]) -> list[_Episode]:
    found: list[_Episode] = []
    running: dict[object, _Episode] = {}
    for event in events:
        if event.change == "firing":
            subject = str(event.key.subject)
            one = _Episode(subject, event.ts, visible(message(rule, event)))
            found.append(one)
            running[event.key] = one
        elif event.change == "resolved":
            running.pop(event.key).until = event.ts
    return found


def looked_at(since: str) -> timedelta:
    """Return how far *since*, ``7d`` or ``12h``, is back.

    Raises:
        QueryError: It is no time span, or too long.
    """
    try:
        back = span(since)
    except ValueError as error:
        raise QueryError(f"--since {formats.repeated(since)}: {error}") from error
    if not timedelta(minutes=5) <= back <= LONGEST:
        raise QueryError(f"--since {since}: from 5m to {LONGEST.days}d are possible")
    return back


def _waits(rule: Rule) -> str:
    return formats.span(rule.waits.hold) if rule.waits.hold else "at once"


def _write_table(rows: Sequence[tuple[str, ...]], out: TextIO) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        out.write(f"{'  '.join(cells).rstrip()}\n")
