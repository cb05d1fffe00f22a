"""From a venue's answers to the rows of a cycle: what was said now, and what holds of before.

Ratios are asked for every five minutes and terms hardly change: both are kept here
and stamped onto the rows of the cycles that follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from analytics.lake.records import Snapshot
from collector.cycles.universe import Universe
from collector.cycles.validation import Part, snapshot
from collector.streams.feed import Feed
from collector.venues.client import Answer, Listing
from collector.venues.venue import Fields, Question, Venue

MAX_RATIO_AGE = timedelta(minutes=15)
"""A ratio of an older mark is not stamped onto a snapshot any more."""


class SnapshotBuilder:
    """Makes the rows of one venue's cycles."""

    def __init__(self, venue: Venue, universe: Universe) -> None:
        self._venue = venue
        self._universe = universe
        self.terms_missing: tuple[Question, ...] = venue.terms
        """Questions about standing terms that have no answer yet."""
        self._terms: dict[str, Fields] = {}
        self._ratios: dict[str, Fields] = {}

    def take_listings(self, listings: Iterable[Listing]) -> None:
        """Take over what the list of instruments says of their terms; others are forgotten."""
        self._terms = {
            listed.instrument.venue_id: self._terms.get(listed.instrument.venue_id, {})
            | listed.terms
            for listed in listings
        }

    def learn_terms(self, questions: Iterable[Question], answers: Iterable[Answer]) -> None:
        """Take the standing terms from *answers*; those without one are asked again soon."""
        by_question = {answer.question.name: answer for answer in answers}
        missing = []
        for question in questions:
            if (answer := by_question.get(question.name)) is None:
                missing.append(question)
                continue
            said = dict(answer.rows)
            for venue_id, fields in self._terms.items():
                fields.update(said.get(venue_id, question.otherwise))
        self.terms_missing = tuple(missing)

    def keep_ratios(self, answers: Iterable[Answer]) -> None:
        """Keep the ratios in *answers* for the cycles to come."""
        for answer in answers:
            for venue_id, fields in answer.rows:
                if venue_id is not None:
                    self._keep_ratio(venue_id, fields)

    def rows(
        self,
        answers: list[Answer],
        received_ts: datetime,
        feed: Feed | None,
        refused: Counter[str],
    ) -> list[Snapshot]:
        """Return a row of each chosen instrument that something was said of.

        Args:
            answers: What the venue answered in this cycle.
            received_ts: When all of it was received. UTC.
            feed: The venue's streams, if any; their flows and books go into the rows.
            refused: Counts, by reason, what is left out.
        """
        parts = self._parts([one for one in answers if not one.question.completes], refused)
        more = {
            venue_id: Part(one.heard_ts, fields)
            for one in answers
            if one.question.completes
            for venue_id, fields in one.rows
        }
        snapshots = []
        for instrument in self._universe.chosen:
            heard = [part for part in parts.get(instrument.venue_id, ()) if _says_something(part)]
            if not heard:
                continue
            if instrument.venue_id in more:
                heard.append(more[instrument.venue_id])
            ratios = self._ratios.get(instrument.venue_id, {})
            mark = ratios.get("ls_ts")
            if isinstance(mark, datetime) and mark >= received_ts - MAX_RATIO_AGE:
                heard.append(Part(received_ts, ratios))
            heard.append(Part(received_ts, self._terms.get(instrument.venue_id, {})))
            words: tuple[str, ...] = ()
            if feed is not None:
                # Only with a row to go into: until then the flows add up.
                fields, words = feed.part(instrument.venue_id)
                heard.append(Part(received_ts, fields))
            row, reasons = snapshot(instrument, heard, received_ts, words, has_ratios=bool(ratios))
            refused.update(reasons)
            snapshots.append(row)
        return snapshots

    def _keep_ratio(self, venue_id: str, fields: Fields) -> None:
        """Keep ratios of the newest mark only: a row has one ls_ts for all of them."""
        mark = fields.get("ls_ts")
        if not isinstance(mark, datetime):
            return
        kept = self._ratios.setdefault(venue_id, {"ls_ts": mark})
        if (kept_mark := kept["ls_ts"]) == mark:
            kept.update(fields)
        elif isinstance(kept_mark, datetime) and kept_mark < mark:
            self._ratios[venue_id] = fields

    def _parts(self, answers: list[Answer], refused: Counter[str]) -> dict[str, list[Part]]:
        """Return what *answers* say by instrument, in the order of the venue's questions.

        Of two rows about one instrument in one answer the first counts.
        """
        order = {question: n for n, question in enumerate(_names(self._venue))}
        parts: dict[str, list[Part]] = {i.venue_id: [] for i in self._universe.chosen}
        for answer in sorted(answers, key=lambda answer: order.get(answer.question.name, 0)):
            named: set[str] = set()
            for venue_id, fields in answer.rows:
                if venue_id is None:
                    refused["row:unnamed"] += 1
                elif (found := parts.get(venue_id)) is None:
                    self._universe.heard_of(venue_id)
                elif venue_id in named:
                    refused["row:duplicate"] += 1
                else:
                    named.add(venue_id)
                    found.append(Part(answer.heard_ts, fields))
        return parts


def _names(venue: Venue) -> list[str]:
    return [question.name for question in venue.bulk + venue.each + venue.terms]


def _says_something(part: Part) -> bool:
    for column, value in part.fields.items():  # noqa: SIM110 - a plain loop costs half of any()
        if value is not None and column != "venue_ts":
            return True
    return False
