"""Which instruments of a venue are collected: the largest by volume, without flapping."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from analytics.lake.records import Instrument

INCUMBENT_BONUS = 1.2
"""An instrument already collected counts as if it traded this many times its volume."""


def choose(volumes: Mapping[str, float | None], current: Collection[str], top_n: int) -> list[str]:
    """Return the *top_n* symbols to collect, largest volume first.

    Those in *current* stay until a newcomer trades 1.2 times as much, so that two
    pairs of about the same size do not take turns. An unknown volume ranks last;
    ties go to those in *current*, then by name.
    """

    def rank(symbol: str) -> tuple[bool, float, bool, str]:
        volume = volumes[symbol]
        stays = symbol in current
        if volume is None:
            return (True, 0.0, not stays, symbol)
        return (False, -volume * (INCUMBENT_BONUS if stays else 1.0), not stays, symbol)

    def by_volume(symbol: str) -> tuple[bool, float, str]:
        volume = volumes[symbol]
        return (volume is None, 0.0 if volume is None else -volume, symbol)

    return sorted(sorted(volumes, key=rank)[:top_n], key=by_volume)


class Universe:
    """The instruments of one venue that are collected now, and all that it ever listed."""

    def __init__(self, top_n: int, known: Iterable[Instrument] = ()) -> None:
        self.top_n = top_n
        self.chosen: tuple[Instrument, ...] = ()
        """Those collected now, in order of volume."""
        self.by_id: dict[str, Instrument] = {}
        """The same by the venue's name."""
        self._known = {instrument.symbol: instrument for instrument in known}
        self._volumes: dict[str, float] = {}
        self._listed_ids: frozenset[str] = frozenset()
        self._ignored_ids: set[str] = set()
        self._new_ids: set[str] = set()
        self._new_ids_wait = False

    @property
    def records(self) -> list[Instrument]:
        """The records of all that it ever listed."""
        return list(self._known.values())

    @property
    def wants_refresh(self) -> bool:
        """Whether nothing is chosen yet, or the venue named instruments not in its list."""
        return not self.chosen or (bool(self._new_ids) and not self._new_ids_wait)

    def refresh_failed(self) -> None:
        """Let new names wait for the next regular refresh: asking once more for them failed."""
        self._new_ids_wait = True

    def heard_of(self, venue_id: str) -> None:
        """Note a name in a bulk answer: one that is not listed yet asks for a refresh."""
        if venue_id not in self._listed_ids and venue_id not in self._ignored_ids:
            self._new_ids.add(venue_id)

    def refresh(
        self, listed: Iterable[Instrument], volumes: Mapping[str, float | None], now: datetime
    ) -> list[Instrument]:
        """Choose anew among *listed*, given *volumes* by the venue's names; return all records.

        An instrument that is no longer listed leaves the universe and keeps its record,
        with the time it was last seen. A volume that is not known now is the last known.
        """
        current = {symbol for symbol, known in self._known.items() if known.in_universe}
        offered = {instrument.symbol: instrument for instrument in listed}
        for symbol, instrument in offered.items():
            volume = volumes.get(instrument.venue_id)
            if volume is not None and 0 <= volume < math.inf:
                self._volumes[symbol] = volume
        last_volumes = {symbol: self._volumes.get(symbol) for symbol in offered}
        names = choose(last_volumes, current, self.top_n)
        self._keep_records(offered, frozenset(names), now)
        self._note_names(offered.values(), volumes)
        self.chosen = tuple(self._known[name] for name in names)
        self.by_id = {instrument.venue_id: instrument for instrument in self.chosen}
        return self.records

    def _keep_records(
        self, offered: Mapping[str, Instrument], names: Collection[str], now: datetime
    ) -> None:
        """Bring the records up to date: the offered were seen *now*, the others are out."""
        for symbol in self._known.keys() - offered.keys():
            self._known[symbol] = replace(self._known[symbol], in_universe=False)
        for symbol, instrument in offered.items():
            before = self._known.get(symbol)
            self._known[symbol] = replace(
                instrument,
                in_universe=symbol in names,
                first_seen_ts=now if before is None else before.first_seen_ts,
                last_seen_ts=now,
            )

    def _note_names(self, listed: Iterable[Instrument], named: Iterable[str]) -> None:
        """Remember which names are listed, and which were spoken of all the same."""
        self._listed_ids = frozenset(instrument.venue_id for instrument in listed)
        self._ignored_ids = (self._ignored_ids | self._new_ids | set(named)) - self._listed_ids
        self._new_ids.clear()
        self._new_ids_wait = False
