"""``alerts.toml`` of a data folder, and the rules that run: the newest ones that were right.

A wrong edit, or a file that is gone, changes nothing of what runs. The text that runs is kept in
the lake, too, so that a restart in the midst of an edit goes on with it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog

from analytics.errors import LakeError, RuleError
from analytics.lake.layout import write_in_place_of
from analytics.rules.alert_commands import digest
from analytics.rules.expression import ColumnKind
from analytics.rules.rules_file import LARGEST, Per, Rule, read_rules, read_written

log = structlog.get_logger(__name__)

FILE: Final = "alerts.toml"

Columns = Mapping[Per, Mapping[str, ColumnKind]]
"""What a rule may name, by what it is about."""

_Mark = tuple[int, int, int] | str
"""What changes with a file, or why it could not be looked at."""


class RulesInUse:
    """The rules that run. To be used by one thread at a time."""

    def __init__(self, folder: Path, columns: Columns, kept: str | None) -> None:
        """Begin with those that ran before.

        Args:
            folder: The data folder.
            columns: What a rule may name, by what it is about.
            kept: The text of the rules that ran when the collector ended; None at its first start.
        """
        self.path = folder / FILE
        self.rules: tuple[Rule, ...] = ()
        self.text: str | None = None
        """Of the rules that run; None where none ever did."""
        self.fault: str | None = None
        """Why the file as it is now does not run; None if it does."""
        self.changed_ts: datetime | None = None
        """When the file's rules were taken, or its fault was found."""
        self._columns = columns
        self._mark: _Mark | None = None
        if kept is not None:
            try:
                self.rules, self.text = read_rules(kept.encode(), columns), kept
            except RuleError as error:
                log.error("kept rules no longer valid", reason=str(error))  # noqa: TRY400

    def make(self, builtin: bytes) -> None:
        """Make the file of the *builtin* rules where no rules ever ran and there is no file.

        Raises:
            LakeError: It cannot be written.
        """
        if self.text is None and not os.path.lexists(self.path):
            _write(self.path, builtin)

    def look(self, now: datetime) -> bool:
        """Read the file if it changed since the last look; return whether other rules run now."""
        mark = _mark(self.path)
        if mark == self._mark:
            return False
        self._mark = mark
        try:
            text, rules = read_file(self.path, self._columns)
        except RuleError as error:
            self._refuse(str(error), now)
            return False
        if self.fault is not None or self.text != text:
            log.info("alert rules read", rules=len(rules))
            self.changed_ts = now
        are_others = rules != self.rules
        self.rules, self.text, self.fault = rules, text, None
        return are_others

    def save(self, text: str, replaces: str | None) -> None:
        """Write *text* as the file, if its rules are right.

        Args:
            text: Of the file.
            replaces: The `digest` of the text that was edited; None for whatever is there.

        Raises:
            RuleError: They are not, with every fault and its line, or another text is there by now.
            LakeError: It cannot be written.
        """
        text = text if text.strip() else "# No rules.\n"
        read_rules(text.encode(), self._columns)
        if replaces is not None and replaces != self._digest():
            raise RuleError(f"{FILE} was changed since this edit began; reload the page")
        _write(self.path.resolve(), text.encode())

    def _digest(self) -> str:
        """Return the digest of the file, or of the rules that run where it cannot be read."""
        try:
            return digest(_content(self.path))
        except RuleError:
            return digest(self.text or "")

    def _refuse(self, fault: str, now: datetime) -> None:
        if fault != self.fault:
            log.error("alert rules refused; previous rules stay in force", reason=fault)
            self.fault, self.changed_ts = fault, now


def read_file(path: Path, columns: Columns) -> tuple[str, tuple[Rule, ...]]:
    """Return the text of the file at *path* and its rules, which may name *columns*.

    Raises:
        RuleError: It cannot be read, or something in it is wrong: every fault with its line.
    """
    try:
        content = _content(path)
        # First: it says which bytes are no text.
        rules = read_written(content, columns)
        return content.decode(), rules
    except RuleError as error:
        raise RuleError(f"{FILE}: {error}") from error


def _mark(path: Path) -> _Mark:
    try:
        found = path.stat()
    except FileNotFoundError:
        return "missing; put it back, or save rules on the Alerts page"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if stat.S_ISDIR(found.st_mode):
        return "a folder of that name is in its place"
    if not stat.S_ISREG(found.st_mode):
        return "not a plain file"
    return found.st_mtime_ns, found.st_size, found.st_ino


def _content(path: Path) -> bytes:
    """Return the bytes of the file, no more than tell that it is too large."""
    if isinstance(mark := _mark(path), str):
        raise RuleError(mark)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise RuleError(f"cannot be read ({error.strerror})") from error
    if len(content) > LARGEST:
        raise RuleError(f"over {LARGEST:,} bytes, the most that is read")
    return content


def _write(path: Path, content: bytes) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        write_in_place_of(path, content, mode=mode)
    except OSError as error:
        raise LakeError(f"{path}: cannot be written ({error.strerror})") from error
