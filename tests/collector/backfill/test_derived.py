"""What follows from bars, and which of them contradict themselves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from analytics.lake.schema import BAR
from collector.backfill import derived
from collector.backfill.rows import table

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


def bars(*said, symbol="BTC/USDT:USDT"):
    """Return bars, one row for each of (how many bars before noon, columns)."""
    return table(
        {
            "venue": "binance",
            "symbol": symbol,
            "base": "BTC",
            "ts": (NOON - before * BAR).replace(tzinfo=None),
            "snapshot_count": 0,
            "origin": "backfill",
            **columns,
        }
        for before, columns in said
    )


def by_start(rows, column):
    return {
        row["ts"].replace(tzinfo=UTC): row[column]
        for row in rows.to_pylist()
        if row[column] is not None
    }


def test_the_volume_of_a_day_needs_all_its_bars(instrument):
    """288 known volumes are a day's; with one missing there is none, and no guess."""
    known = [(n, {"volume_usd": 2.0}) for n in range(290)]
    holed = [one for one in known if one[0] != 1]

    whole = derived.following(bars(*known), bars(), [instrument()])
    without = derived.following(bars(*holed), bars(), [instrument()])

    assert by_start(whole, "volume_24h_usd") == {NOON - n * BAR: 576.0 for n in range(3)}
    assert by_start(without, "volume_24h_usd") == {NOON - 2 * BAR: 576.0}


def test_the_missing_bar_may_lie_in_the_lake_or_come_just_now(instrument):
    """A hole that is filled completes the day of the bars after it."""
    stored = bars(*((n, {"volume_usd": 1.0}) for n in range(288) if n != 100))

    found = derived.following(bars((100, {"volume_usd": 5.0})), stored, [instrument()])

    assert by_start(found, "volume_24h_usd") == {NOON: 292.0}


def test_a_volume_of_a_day_that_is_known_stays(instrument):
    """What the venue's ticker said is not worked out again."""
    stored = bars(*((n, {"volume_usd": 1.0, "volume_24h_usd": 7.0}) for n in range(288)))

    assert derived.following(bars(), stored, [instrument()]).num_rows == 0


def test_open_interest_without_usd_is_worth_its_coins_at_the_close(instrument):
    """3500 coins of 1000 to a quoted unit, at 20 USD the unit."""
    fresh = bars((0, {"oi_base": 3500.0}), (1, {"oi_base": 10.0}))
    stored = bars((0, {"close": 20.0}))

    found = derived.following(fresh, stored, [instrument(multiplier=1000.0)])

    assert by_start(found, "oi_usd") == {NOON: 70.0}


@pytest.mark.parametrize(("usd", "kept"), [(1000.0, True), (1190.0, True), (2000.0, False)])
def test_open_interest_that_contradicts_itself_is_not_taken(instrument, usd, kept):
    """Coins at the close and the stated USD may differ by a fifth, as of live figures."""
    fresh = bars((0, {"oi_base": 100.0, "oi_usd": usd}), (0, {"close": 10.0}))

    audited, contradicted = derived.audited(fresh, bars(), [instrument()])

    assert by_start(audited, "oi_usd") == ({NOON: usd} if kept else {})
    assert by_start(audited, "oi_base") == ({NOON: 100.0} if kept else {})
    assert by_start(audited, "close") == {NOON: 10.0}
    assert contradicted == (not kept)


def test_without_a_price_there_is_nothing_to_hold_it_against(instrument):
    """It is taken as the venue states it."""
    audited, contradicted = derived.audited(
        bars((0, {"oi_base": 100.0, "oi_usd": 5.0})), bars(), [instrument()]
    )

    assert by_start(audited, "oi_usd") == {NOON: 5.0}
    assert contradicted == 0
