"""What is missing, and the fewest requests that get it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from analytics.lake.schema import BAR
from collector.backfill import plan
from collector.backfill.plan import Stretch, Wanted
from collector.backfill.rows import SCHEMA
from collector.venues import VENUES

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


def history_of(venue, name):
    return next(one for one in VENUES[venue].history if one.question.name == name)


def stored(bars, columns):
    """Return the rows of bars that start at these times, with 1.0 in these columns."""
    rows = [
        {"venue": "x", "symbol": "x", "base": "x", "ts": ts.replace(tzinfo=None)}
        | dict.fromkeys(columns, 1.0)
        for ts in bars
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def planned(instrument, venue, name, stretch, bars, *, now=NOON, columns=None):
    """Return first and last of each request, given what bars are *stored*."""
    history = history_of(venue, name)
    wanted = Wanted(venue=VENUES[venue], instruments=[instrument], stretch=stretch, now=now)
    columns = history.question.columns if columns is None else columns
    found = plan.Known(Stretch(stretch.start - plan.DAY, stretch.end), stored(bars, columns))
    return [(piece.first, piece.last) for piece in plan.pieces(found, instrument, history, wanted)]


def test_an_empty_lake_lacks_all_of_it_in_as_few_answers_as_can_be(instrument):
    """Two days of 288 ratios each, 500 to an answer: two requests, the newest first."""
    stretch = Stretch(NOON - timedelta(days=2), NOON)

    pieces = planned(instrument(), "binance", "long/short accounts", stretch, [])

    assert pieces == [
        (NOON - 500 * BAR, NOON - BAR),
        (NOON - 576 * BAR, NOON - 501 * BAR),
    ]


def test_volumes_are_wanted_from_a_day_before(instrument):
    """The first bar's volume of 24 h is made of them."""
    stretch = Stretch(NOON - timedelta(hours=1), NOON)

    pieces = planned(instrument(), "bybit", "klines", stretch, [])

    assert pieces == [(NOON - timedelta(hours=25), NOON - BAR)]


def test_what_is_known_is_not_asked_for(instrument):
    """Nothing is missing: nothing is asked."""
    stretch = Stretch(NOON - timedelta(hours=1), NOON)
    bars = [stretch.start + n * BAR for n in range(12)]

    assert planned(instrument(), "bybit", "long/short accounts", stretch, bars) == []


def test_a_bar_that_lacks_one_column_of_a_history_lacks_the_history(instrument):
    """Live bars know no volume: klines are asked for them, and their prices stay."""
    stretch = Stretch(NOON - timedelta(hours=1), NOON)
    bars = [stretch.start - plan.DAY + n * BAR for n in range(300)]

    pieces = planned(
        instrument(), "bybit", "klines", stretch, bars, columns=("open", "high", "low", "close")
    )

    assert pieces == [(NOON - timedelta(hours=25), NOON - BAR)]


def test_holes_near_each_other_are_one_request(instrument):
    """Between two missing bars it costs nothing to be told again what is known."""
    stretch = Stretch(NOON - timedelta(hours=6), NOON)
    missing = {NOON - 3 * BAR, NOON - 40 * BAR}
    bars = [at for n in range(72) if (at := stretch.start + n * BAR) not in missing]

    pieces = planned(instrument(), "binance", "long/short accounts", stretch, bars)

    assert pieces == [(NOON - 40 * BAR, NOON - 3 * BAR)]


def test_nothing_is_asked_beyond_a_venues_reach(instrument):
    """OKX tells of 1440 five minutes, less what they age while a request waits."""
    stretch = Stretch(NOON - timedelta(days=30), NOON)

    pieces = planned(instrument(venue="okx"), "okx", "open interest", stretch, [])

    assert min(first for first, _ in pieces) == NOON - timedelta(days=5) + plan.AGEING
    assert max(last for _, last in pieces) == NOON - BAR


@pytest.mark.parametrize(
    ("now", "missing"),
    [
        (NOON + timedelta(hours=3), []),
        (NOON + timedelta(hours=4), [(NOON - timedelta(hours=4), NOON + timedelta(hours=3))]),
    ],
)
def test_the_running_funding_period_is_asked_for_once_it_is_paid(instrument, now, missing):
    """Paid every 8 hours: at 15:00 nobody knows what is paid at 16:00, at 16:00 the venue does."""
    settled = [NOON - timedelta(hours=8) + n * BAR for n in range(48)]
    funding = history_of("okx", "funding")
    bars = stored(settled, funding.question.columns)
    place = bars.column_names.index("funding_interval_h")
    bars = bars.set_column(place, "funding_interval_h", pa.array([8.0] * 48))
    stretch = Stretch(settled[0], NOON + timedelta(hours=3) + BAR)
    wanted = Wanted(venue=VENUES["okx"], instruments=[instrument()], stretch=stretch, now=now)

    found = plan.Known(Stretch(stretch.start - plan.DAY, stretch.end), bars)
    pieces = plan.pieces(found, instrument(), funding, wanted)

    assert [(piece.first, piece.last) for piece in pieces] == missing


def test_funding_is_asked_with_the_payments_around(instrument):
    """They tell how long the period was, what it paid, and whether one of them is missing."""
    funding = history_of("binance", "funding")
    piece = plan.Piece(instrument(), funding, NOON - timedelta(hours=1), NOON)

    first, last = plan.stamps(piece)

    assert first == NOON - timedelta(hours=17)
    assert last == NOON + timedelta(hours=16)


def test_an_instants_history_is_asked_by_the_ends_of_its_bars(instrument):
    """What was so at 12:00 closes the bar from 11:55."""
    piece = plan.Piece(instrument(), history_of("okx", "open interest"), NOON - BAR, NOON - BAR)

    assert plan.stamps(piece) == (NOON, NOON)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (NOON, NOON - BAR),
        (NOON + timedelta(seconds=59), NOON - BAR),
        (NOON + timedelta(seconds=61), NOON),
    ],
)
def test_the_newest_bar_is_left_to_those_who_collect(now, end):
    """It may not be written yet, and live wins."""
    stretch = plan.before(now, timedelta(hours=24))

    assert (stretch.start, stretch.end) == (end - timedelta(hours=24), end)


def test_what_the_lake_knows_is_told_by_instrument(lake, instrument):
    """Neither another venue's bars nor another pair's count."""
    others = [
        ("bybit", "BTC/USDT:USDT"),
        ("binance", "ETH/USDT:USDT"),
        ("binance", "BTC/USDT:USDT"),
    ]
    rows = [
        {
            "venue": venue,
            "symbol": symbol,
            "base": symbol[:3],
            "ts": (NOON - n * BAR).replace(tzinfo=None),
        }
        | {"ls_accounts": 2.0, "snapshot_count": 0, "origin": "backfill"}
        for n, (venue, symbol) in enumerate(others, 1)
    ]
    lake.fill_bars(pa.Table.from_pylist(rows, schema=SCHEMA))
    stretch = Stretch(NOON - timedelta(hours=1), NOON)

    found = plan.known(lake, instrument(), stretch)

    ratios = history_of("binance", "long/short accounts")
    assert found.has(ratios, stretch).tolist() == [n == 9 for n in range(12)]
