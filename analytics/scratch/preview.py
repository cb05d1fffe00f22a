"""What was found in files, and what a person says of it, before anything is built of them.

All of it is plain data that survives the way through JSON.
"""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, Self

Kind = Literal["number", "text", "time", "zoned time", "date", "boolean", "other"]
"""What the values of a column are. A ``zoned time`` says its zone, a ``time`` does not."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column is taken for."""

    quantity: str | None
    """A column of the lake in GLOSSARY.md's words, or ``time``, ``symbol`` or ``venue``. None
    leaves the column out."""
    unit: str | None = None
    """One of ``units.UNITS`` of that quantity. None: nobody knows, and it is asked for."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A meaning, how sure it is and what speaks for it."""

    meaning: Meaning
    confidence: float
    """0 to 1."""
    reason: str
    """For a person: ``named oi_usd; values fit``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a file."""

    name: str
    kind: Kind
    is_text: bool = False
    """Its values are written as text, so that some of them may be of no kind."""
    low: str | None = None
    """The least and the greatest value of those looked at, as text; None where all are absent."""
    high: str | None = None
    middle: float | None = None
    """The median size of the values that are not 0."""
    absent: int = 0
    """How many of the rows looked at have no value."""
    texts: tuple[str, ...] = ()
    """Different values of a column of texts, at most ``MAX_TEXTS``."""
    guess: Guess


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePreview:
    """One file, or one table of a database."""

    key: str
    """By which mappings and answers name it."""
    name: str
    format: str
    """``CSV``, ``Parquet``, ``SQLite, table metrics``, ``futuresboard recording (SQLite)``."""
    rows: int
    columns: tuple[Column, ...]
    first_rows: tuple[tuple[str | None, ...], ...] = ()
    """As text, in the order of ``columns``."""
    looked_at: int = 0
    """Rows behind ranges and medians: all of a small file, a sample of a large one."""
    step_s: float | None = None
    """The usual time between two rows of a pair. [s]"""
    pause_s: float | None = None
    """19 of 20 rows of a pair come sooner after the one before. [s]"""
    venue: str | None = None
    """As the file's name says; None where it says none."""
    symbol: str | None = None
    stamped: Literal["start", "end"] | None = None
    """Which end of a candle its time is; None where nobody knows, and it is asked for."""
    is_bundle: bool = False
    """It is a record already, and nothing of it has to be matched."""
    other_tables: tuple[str, ...] = ()
    """Tables of the same database that were not read."""
    notes: tuple[str, ...] = ()
    """Sentences about how it was read."""
    refused: ReadOnly[str, int] = field(default_factory=dict)
    """Rows that were left out when it was read, by reason."""
    values_refused: ReadOnly[str, int] = field(default_factory=dict)
    """Single values likewise, by column and reason."""
    staged: str = ""
    """Where its rows lie as Parquet. Only ``building`` reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What was found in all files."""

    files: tuple[FilePreview, ...]
    refused: tuple[str, ...]
    """A sentence on each file that cannot be used."""

    def file(self, key: str) -> FilePreview:
        """Return the file that is called *key*."""
        return next(one for one in self.files if one.key == key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the file does not say and only a person can know."""

    key: str
    """By which the answer is given: ``0/zone``, ``0/unit/oi``; ``all/zone`` of several files."""
    file: str
    """The name of the file it is about."""
    text: str
    """``Which time zone are the times of recording.csv in?``"""
    choices: tuple[tuple[str, str], ...]
    """Value and label of each answer that is offered."""
    free: bool = False
    """Whether any other text is an answer, too."""
    why: str = ""
    """What speaks for which answer, if anything does."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """What each column is taken for, and what a person answered."""

    meanings: ReadOnly[str, ReadOnly[str, Meaning]]
    """By file and column."""
    answers: ReadOnly[str, str] = field(default_factory=dict)
    """By question."""

    def correct(self, key: str, column: str, meaning: Meaning) -> Self:
        """Return it with *column* of the file called *key* taken for *meaning*."""
        meanings = {**self.meanings, key: {**self.meanings[key], column: meaning}}
        return replace(self, meanings=meanings)

    def answer(self, question: str, value: str) -> Self:
        """Return it with the answer *value* to the *question* of that key."""
        return replace(self, answers={**self.answers, question: value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a build is."""

    done: int
    """Rows stored."""
    total: int
    is_ready: bool
    """Whether the newest stretch is published, so that pages can show it."""
    since_ts: datetime | None = None
    """From when on the lake is whole so far. UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What became of the files."""

    rows_read: int
    snapshots: int
    bars: int
    refused: ReadOnly[str, int]
    """Rows left out, by reason."""
    values_refused: ReadOnly[str, int]
    """Single values left out, by column and reason."""
    venues: tuple[str, ...]
    symbols: int
    first_ts: datetime | None
    last_ts: datetime | None
    """UTC; the lake's clock stands there."""
    notes: tuple[str, ...] = ()
