"""Which five minutes a payment of funding settled: the whole period that it was paid for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from analytics.lake.schema import BAR

Fields = dict[str, float | datetime | None]
"""What a payment says, by column."""

LATE = timedelta(seconds=30)
"""How far off its mark a stamp may be: payments are stamped some milliseconds late."""

MAX_PERIOD = timedelta(hours=8)
"""The longest time between two payments of funding."""

MIN_PERIOD = timedelta(hours=1)

_HOURS = tuple(period / timedelta(hours=1) for period in (MIN_PERIOD, MAX_PERIOD))


def periods(
    payments: Iterable[tuple[datetime, Fields]], every: timedelta | None = None
) -> Iterator[tuple[datetime, Fields]]:
    """Yield the five minutes of the period that each of *payments* settled, with what it paid.

    How long that was, the payment states as ``funding_interval_h``, or else the venue pays
    *every* so often always, or else the payment before tells it; see ``_told_length``. A
    period never reaches back beyond the payment before it.

    Args:
        payments: On five-minute marks, each with its ``funding_rate``, in any order.
        every: The time between two payments, where the venue never changes it.
    """
    ordered = sorted(payments, key=lambda payment: payment[0])
    marks = sorted({paid for paid, _ in ordered})
    for paid, fields in ordered:
        place = bisect_left(marks, paid)
        length = _stated_length(fields) or every or _told_length(marks, place)
        if length is None or fields["funding_rate"] is None:
            continue
        opened = max(paid - length, marks[place - 1]) if place else paid - length
        hours = length / timedelta(hours=1)
        said: Fields = {"funding_rate": fields["funding_rate"], "funding_interval_h": hours}
        for nth in range((paid - opened) // BAR):
            yield opened + nth * BAR, said


def _stated_length(fields: Fields) -> timedelta | None:
    """Return how long the payment says its period was; None where it says nothing possible."""
    hours = fields.get("funding_interval_h")
    if not isinstance(hours, float) or not _HOURS[0] <= hours <= _HOURS[1]:
        return None
    return timedelta(hours=hours)


def _told_length(marks: Sequence[datetime], place: int) -> timedelta | None:
    """Return how long the period was that was paid at *place* of *marks*; None if that is unclear.

    It began with the payment before, unless that one is missing: a period that is longer than
    the one before it is believed if the next one is as long. Else a payment is missing, and
    the last of the periods in between was as long as the one before them.
    """
    if not place:
        return None
    gap = marks[place] - marks[place - 1]
    before = marks[place - 1] - marks[place - 2] if place > 1 else None
    after = marks[place + 1] - marks[place] if place + 1 < len(marks) else None
    if not MIN_PERIOD <= gap <= MAX_PERIOD:
        return None
    if before is None:
        return gap if after is None or gap <= after else None
    if gap <= before or gap == after:
        return gap
    return before if after is not None and not gap % before else None
