"""One table with every kind of value, and every kind of trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from analytics.exports.exported_table import Column, Section

NOON = datetime(2025, 10, 22, 12, 44, 5, tzinfo=UTC)

COLUMNS = (
    Column("pair", "Pair"),
    Column("heard", "Heard", "time"),
    Column("price", "Price", "price"),
    Column("oi_usd", "Open interest", "usd"),
    Column("price_pct", "Price 24 h", "pct"),
    Column("funding_pct", "Funding 8 h", "pct", 4),
    Column("ls", "Long/short", "ratio"),
    Column("count", "Snapshots", "count"),
    Column("listed", "Listed", "flag"),
)


@pytest.fixture
def section():
    """Two pairs: one that knows everything, one that knows nothing."""
    frame = pd.DataFrame(
        {
            "pair": ["币安人生/USDT", "BTC/USDT"],
            "heard": [NOON + timedelta(milliseconds=250), pd.NaT],
            "price": [0.1 + 0.2, np.nan],
            "oi_usd": [-1234567.891, np.inf],
            "price_pct": [-3.1049, None],
            "funding_pct": [0.00431, np.nan],
            "ls": [1.925, np.nan],
            "count": pd.array([2**53 - 1, None], dtype="Int64"),
            "listed": pd.array([False, None], dtype="boolean"),
            "not_exported": ["x", "y"],
        }
    )
    return Section("Pairs", frame, COLUMNS, "What was heard.")


@pytest.fixture(scope="session")
def large():
    """2,000 rows of 15 columns."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(0, 1e6, (2000, 13))).add_prefix("n")
    frame["pair"] = [f"C{n}/USDT" for n in range(2000)]
    frame["heard"] = NOON
    columns = (
        Column("pair", "Pair"),
        Column("heard", "Heard", "time"),
        *(Column(f"n{n}", f"Figure {n}", "usd") for n in range(13)),
    )
    return Section("Pairs", frame, columns)
