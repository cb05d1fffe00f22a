"""How a venue is described: as data, with pure functions that read its answers.

A venue file says what can be asked in bulk and what only symbol by symbol, what
each answer weighs against which limit, and how an answer reads in our words and
units. One client asks them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from collector.runtime.budget import Limit

Value = float | datetime | None
"""A translated value: None where the venue said nothing, NaN where it said nonsense."""

Fields = dict[str, Value]
"""Values by column of a snapshot. ``venue_ts`` among them is the time of this answer."""

Row = tuple[str | None, Fields]
"""The venue's name of an instrument, and what an answer says of it."""

Read = Callable[[Any, str | None], Iterable[Row]]
"""From the JSON of an answer, and the instrument that was asked for, to rows."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask a venue: in bulk, or of one instrument at a time."""

    name: str
    """What a person calls it, in errors and tables: ``open interest``."""
    method: str
    """The implicit method of ccxt that asks it; these return the raw JSON."""
    read: Read
    _: KW_ONLY
    columns: tuple[str, ...] = ()
    """The columns of a snapshot that the answer fills."""
    params: Mapping[str, Any] = field(default_factory=dict)
    asks_for: str | None = None
    """The parameter that names the instrument; None where the answer has all of them."""
    weights: Mapping[str, float]
    """What it costs, by the name of the limit."""
    top: int | None = None
    """Of how many instruments at most, in order of volume; None for the whole universe."""
    completes: bool = False
    """Whether it tells of more than instruments: its answer completes a row, and makes none."""
    passing: bool = False
    """Whether it is asked for a while only, so that no room is kept for it afterwards."""
    may_be_empty: bool = False
    """Whether an answer without a single row is an answer."""
    otherwise: Mapping[str, Value] = field(default_factory=dict)
    """What holds for an instrument that the answer does not mention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a venue still tells of an instrument's past, a stretch in each answer."""

    question: Question
    """Asked of one instrument. Its columns are those of bars; each of its rows has its
    own ``ts``, as the venue stamps it, and open interest as ``oi_raw`` in the instrument's
    ``oi_unit`` or as ``oi_units`` in quoted units, and as ``oi_venue_usd``."""
    asked: Callable[[str, int, int], Mapping[str, Any]]
    """From the venue's name of the instrument and the first and last stamp wanted
    [Unix ms] to the parameters that ask for those and all between."""
    page: int
    """Rows in one answer, at most."""
    stamp: Literal["start", "end", "payment"]
    """What a stamp is: the start of the five minutes that the row is about; the instant
    it is true at, which closes the five minutes that end there; or when funding was
    paid for the period that ended there."""
    reach: timedelta | None = None
    """How far back the venue keeps it; None where that is further than anyone asks."""
    pays_every: timedelta | None = None
    """Time between two payments of funding, where the venue never changes it."""
    archive: str | None = None
    """Path of the public archive's file of one day, with ``{id}`` and ``{day}`` in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Where one metric of a venue comes from, for people to read in a table."""

    column: str
    source: str
    """The question's name, or ``listing`` for the venue's list of instruments."""
    unit: str
    """As the venue states it."""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """A venue: its name, its limits, what it offers, and how to read it."""

    name: str
    title: str
    ccxt_id: str
    options: Mapping[str, Any]
    """Options of ccxt: which markets to load."""
    simulator_urls: Callable[[str], dict[str, Any]] | None
    """From the simulator's address to ccxt's ``urls``; None where it does not serve the venue."""
    limits: tuple[Limit, ...]
    used_headers: Mapping[str, str] = field(default_factory=dict)
    """Response headers, in lower case, that state how much of which limit is used."""
    busy: Mapping[str, float]
    """HTTP statuses and error codes that ask for a pause, and how long it is
    if the venue names no time. [s]"""
    listing_weights: Mapping[str, float]
    """What loading its list of instruments costs, with all requests that it takes."""
    oi_unit: str
    """What it counts open interest in: ``quoted units``, ``contracts`` or ``usd``."""
    time: Question
    """Asks for the venue's clock, cheaply."""
    bulk: tuple[Question, ...]
    """Asked every cycle; each answer has all instruments. The first one has the volume."""
    each: tuple[Question, ...] = ()
    """Asked every cycle of one instrument at a time, the most important first."""
    slow: tuple[Question, ...] = ()
    """Asked every five minutes of one instrument at a time."""
    history: tuple[History, ...] = ()
    """Its past, the most important first."""
    terms: tuple[Question, ...] = ()
    """Asked with each refresh of the universe: what hardly changes."""
    listed_terms: Callable[[Mapping[str, Any]], Fields] = lambda market: {}
    """The same, where the list of instruments already says it; given ccxt's market."""
    asset_class: Callable[[Mapping[str, Any]], str | None] = lambda market: None
    """What lies beneath a contract, as ``Instrument.asset_class`` says it; given ccxt's market."""
    offers: tuple[Offer, ...]
    id_key: str = "id"
    """Where ccxt's market keeps the venue's name of the instrument."""
    base_key: str = "baseId"
    """Where it keeps the venue's name of the base asset."""
    encoded: Callable[[str], str] = str
    """How the venue's name of an instrument goes into an address, where ccxt sends it as it is."""
    kilo_prefix: bool = False
    """Whether a small ``k`` before the asset stands for a thousand."""

    def cadence(self, source: str) -> str:
        """Return how often the question called *source* is asked, in words."""
        if any(question.name == source for question in self.bulk):
            return "every cycle, in bulk"
        if any(question.name == source for question in self.each):
            return "every cycle, per instrument by volume"
        if any(question.name == source for question in self.slow):
            return "every 5 minutes, per instrument by volume"
        return "every 15 minutes, in bulk"
