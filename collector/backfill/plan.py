"""What the lake lacks of a stretch of time, and the requests that get it.

A bar lacks a history if any of the history's columns is NULL in it, or if it is
not there at all. A request covers as many missing bars as its answer can have
rows; between them it may cover some that are there, which then stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analytics import query
from analytics.files.funding_periods import MAX_PERIOD, MIN_PERIOD
from analytics.lake.records import Instrument
from analytics.lake.schema import BAR
from analytics.lake.writer import Lake
from collector.venues.venue import History, Venue

DAY = timedelta(days=1)

AGEING = timedelta(hours=2)
"""A request may wait this long: nothing is asked that is about to fall out of a venue's reach."""

Marks = NDArray[np.bool_]
"""One value for each five minutes of a stretch."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Five-minute marks from *start* to *end*, *end* not included. UTC."""

    start: datetime
    end: datetime

    @property
    def bars(self) -> int:
        """How many five minutes it has."""
        return max(0, (self.end - self.start) // BAR)


def before(now: datetime, length: timedelta) -> Stretch:
    """Return the *length* before *now* as far as its five minutes are surely over and written.

    A minute of grace: the newest bar belongs to those who collect live.
    """
    end = _mark_at(now - timedelta(minutes=1))
    return Stretch(_mark_at(end - length), end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be filled in."""

    venue: Venue
    instruments: Sequence[Instrument]
    """In order of volume."""
    stretch: Stretch
    now: datetime
    """When it was wanted. UTC."""
    archived: bool = False
    """Whether the public archive is asked too."""

    def each(self) -> Iterator[tuple[Instrument, list[History]]]:
        """Yield the instruments, and which histories are wanted of each."""
        for rank, instrument in enumerate(self.instruments):
            yield (
                instrument,
                [
                    history
                    for history in self.venue.history
                    if history.question.top is None or rank < history.question.top
                ],
            )

    def all_of(self, history: History) -> Stretch:
        """Return what *history* is wanted for.

        Volumes are wanted from a day before: the first bar's volume of 24 h is made of them.
        """
        lead = DAY if "volume_usd" in history.question.columns else timedelta()
        return Stretch(self.stretch.start - lead, self.stretch.end)

    def reachable(self, history: History) -> Stretch:
        """Return the part of that which the venue still tells of."""
        stretch = self.all_of(history)
        if history.reach is None:
            return stretch
        start = max(stretch.start, _mark_at(self.now - history.reach + AGEING))
        return Stretch(min(start, stretch.end), stretch.end)

    def obtainable(self, history: History) -> Stretch:
        """Return the part of that which can be had from anywhere."""
        if self.archived and history.archive is not None:
            return self.all_of(history)
        return self.reachable(history)


@dataclass(frozen=True, slots=True)
class Piece:
    """One request: a history of one instrument for the bars that start from *first* to *last*."""

    instrument: Instrument
    history: History
    first: datetime
    last: datetime


class Known:
    """What the lake knows of one instrument in a stretch."""

    def __init__(self, stretch: Stretch, bars: pa.Table) -> None:
        """Index *bars*, rows of ``bars_of_instruments``; those outside of *stretch* too."""
        self._stretch = stretch
        self._bars = bars
        start = np.datetime64(stretch.start.astimezone(UTC).replace(tzinfo=None), "ms")
        self._places = (bars["ts"].to_numpy() - start) // np.timedelta64(BAR)

    def askable(self, history: History, stretch: Stretch, now: datetime) -> Marks:
        """Return of which five minutes of *stretch* a venue can tell *history* at *now*.

        Of the running funding period it cannot: that rate is not settled yet.
        """
        askable = np.ones(stretch.bars, dtype=bool)
        if history.stamp == "payment":
            askable[max(0, (self._last_payment(now) - stretch.start) // BAR) :] = False
        return askable

    def has(self, history: History, stretch: Stretch) -> Marks:
        """Return which five minutes of *stretch* have all columns of *history*."""
        valid = (pc.is_valid(self._bars[column]) for column in history.question.columns)
        offset = (stretch.start - self._stretch.start) // BAR
        places = self._places[reduce(pc.and_, valid).to_numpy()] - offset
        has = np.zeros(stretch.bars, dtype=bool)
        has[places[(places >= 0) & (places < stretch.bars)]] = True
        return has

    def lacks(self, history: History, stretch: Stretch, now: datetime) -> Marks:
        """Return which five minutes of *stretch* lack *history* that a venue can tell at *now*."""
        return self.askable(history, stretch, now) & ~self.has(history, stretch)

    def _last_payment(self, now: datetime) -> datetime:
        """Return when funding was last paid, as far as the newest known interval says.

        Venues pay at whole multiples of the interval since midnight UTC.
        """
        stated = self._bars.filter(pc.is_valid(self._bars["funding_interval_h"]))
        period = MIN_PERIOD
        if stated.num_rows:
            newest = pc.index(stated["ts"], pc.max(stated["ts"])).as_py()
            hours = stated["funding_interval_h"][newest].as_py()
            period = timedelta(hours=max(1.0, hours))
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + (now - midnight) // period * period


def known(lake: Lake, instrument: Instrument, stretch: Stretch) -> Known:
    """Return what *lake* knows of *instrument* from a day before *stretch* to its end."""
    wide = Stretch(stretch.start - DAY, stretch.end)
    with lake.cursor() as cursor:
        bars = query.table(
            cursor,
            "bars_of_instruments",
            venue=instrument.venue,
            symbols=[instrument.symbol],
            bases=[instrument.base],
            start=wide.start,
            end=wide.end,
        )
    return Known(wide, bars)


def pieces(
    found: Known, instrument: Instrument, history: History, wanted: Wanted
) -> Iterator[Piece]:
    """Yield the requests that get what is lacking of *history*, the newest first."""
    stretch = wanted.reachable(history)
    lacking = np.flatnonzero(found.lacks(history, stretch, wanted.now))
    most = _bars_in_an_answer(history)
    while len(lacking):
        newest = int(lacking[-1])
        covered = lacking[lacking > newest - most]
        yield Piece(
            instrument,
            history,
            stretch.start + int(covered[0]) * BAR,
            stretch.start + newest * BAR,
        )
        lacking = lacking[: -len(covered)]


def stamps(piece: Piece) -> tuple[datetime, datetime]:
    """Return the first and the last of the venue's stamps that *piece* needs, both included."""
    match piece.history.stamp:
        case "start":
            return piece.first, piece.last
        case "end":
            return piece.first + BAR, piece.last + BAR
        case "payment":
            # The payments around tell how long a period was, and whether one is missing.
            return piece.first - 2 * MAX_PERIOD, piece.last + 2 * MAX_PERIOD


def _bars_in_an_answer(history: History) -> int:
    if history.stamp != "payment":
        return history.page
    return int((history.page * MIN_PERIOD - 4 * MAX_PERIOD) / BAR)


def _mark_at(moment: datetime) -> datetime:
    """Return the five-minute mark that *moment* is at or after."""
    return moment - timedelta(seconds=moment.timestamp() % BAR.total_seconds())
