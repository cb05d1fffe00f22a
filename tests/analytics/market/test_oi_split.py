"""The change of open interest in two parts: by plain arithmetic, of those known at both ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from analytics.market.oi_split import oi_split, with_split

NOON = datetime(2025, 10, 22, 12, tzinfo=UTC)
NAN = np.nan
COLUMNS = ("oi_usd", "oi_usd_then", "oi_base", "oi_base_then", "oi_delta_s", "oi_usd_ts")


def pairs(*rows):
    """What ``pairs.sql`` returns of pairs given as dollars and coins, now and then."""
    made = [(*row, 300.0 + nth, NOON + timedelta(seconds=nth)) for nth, row in enumerate(rows)]
    return with_split(pd.DataFrame(made, columns=COLUMNS))


def test_each_pair_is_split_as_by_hand():
    """10 coins at 100, then 12 at 110: 11 x 10 of 320 by price, 105 x 2 by contracts."""
    found = pairs((1320.0, 1000.0, 12.0, 10.0), (1320.0, NAN, 12.0, 10.0))

    assert found["oi_price_usd"].tolist() == pytest.approx([110, NAN], nan_ok=True)
    assert found["oi_contracts_usd"].tolist() == pytest.approx([210, NAN], nan_ok=True)


def test_the_market_is_the_sum_of_those_known_at_both_ends():
    """As exact fractions say: half the coins of both ends by the step of the price, and so on."""
    rng = np.random.default_rng(3)
    known = [tuple(map(float, rng.integers(1, 10**6, 4))) for _ in range(40)]
    unknown = [
        (5e9, 4e9, NAN, 9.0),
        (NAN, 4e9, 9.0, 9.0),
        (5e9, 4e9, 9.0, NAN),
        (5e9, NAN, 9.0, NAN),
    ]

    found = oi_split(pairs(*known, *unknown), silent=16)

    price = contracts = Fraction(0)
    for usd, usd_then, coins, coins_then in (map(Fraction, row) for row in known):
        now, then = usd / coins, usd_then / coins_then
        price += (coins + coins_then) / 2 * (now - then)
        contracts += (now + then) / 2 * (coins - coins_then)
    assert found.oi_price_usd == pytest.approx(float(price))
    assert found.oi_contracts_usd == pytest.approx(float(contracts))
    total = sum(usd - then for usd, then, *_ in known)
    assert found.change.difference == pytest.approx(total)
    assert (found.figure.value, found.figure.pairs, found.figure.expected) == (
        *(found.change.difference, 40, 60),
    )
    assert (found.change.least, found.change.most) == (
        *(timedelta(seconds=300), timedelta(seconds=339)),
    )
    assert found.change.until == NOON + timedelta(seconds=39)


def test_nothing_known_is_no_split():
    """Absent, not nought; a market without pairs as well."""
    assert oi_split(pairs((5e9, 4e9, NAN, NAN))) is None
    assert oi_split(pairs()) is None


def test_a_market_that_stands_still_is_nought():
    """That is known: neither part moved."""
    found = oi_split(pairs((1000.0, 1000.0, 10.0, 10.0)))

    assert (found.oi_price_usd, found.oi_contracts_usd, found.change.pct) == (0, 0, None)
