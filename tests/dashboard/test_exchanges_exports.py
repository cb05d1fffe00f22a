"""What Exchanges offers for download: shares with the holes that the screen shows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.exchanges.exchange_exports import share_lines


def test_no_line_runs_across_a_hole():
    """A venue that was silent for an hour has two pieces; the other one has one."""
    times = pd.date_range("2025-10-22", periods=4, freq="1h", tz="UTC")
    silent = pd.DataFrame(
        {"ts": times[[0, 1, 3]], "venue": "okx", "change_pp": [9.0, 8.0, 7.0], "stretch": [0, 0, 1]}
    )
    heard = pd.DataFrame({"ts": times, "venue": "bybit", "change_pp": 50.0, "stretch": 0})

    bybit, okx = share_lines(pd.concat([silent, heard]))

    assert np.isfinite(bybit.y).tolist() == [True] * 4
    assert np.isfinite(okx.y).tolist() == [True, True, False, True]
    assert okx.x[-1] == np.datetime64("2025-10-22T03:00")


def test_nothing_recorded_is_no_line():
    assert share_lines(pd.DataFrame({"ts": []})) == ()
