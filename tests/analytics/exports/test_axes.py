"""Axes: round ticks that tell apart, and long lines that keep their peaks."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from analytics.exports.axes import number_ticks, numbers, positions, thinned, time_ticks


@pytest.mark.parametrize(
    ("low", "high", "kind", "labels"),
    [
        (0, 10, "ratio", ["0.00", "2.00", "4.00", "6.00", "8.00", "10.00"]),
        (-1, 1, "pct", ["-1.00 %", "-0.50 %", "0.00 %", "+0.50 %", "+1.00 %"]),
        (0.0078, 0.0081, "pct", ["+0.0078 %", "+0.0079 %", "+0.0080 %", "+0.0081 %"]),
        (8.4e9, 9.0e9, "usd", ["$8.40B", "$8.60B", "$8.80B", "$9.00B"]),
        (-0.0021, 0.0079, "pct", ["-0.002 %", "0.000 %", "+0.002 %", "+0.004 %", "+0.006 %"]),
        (0, 0.011, "pct", ["0.000 %", "+0.005 %", "+0.010 %"]),
    ],
)
def test_ticks_are_round_and_tell_apart(low, high, kind, labels):
    """Two ticks with the same label would be a riddle."""
    assert [label for _, label in number_ticks(low, high, kind)] == labels


@pytest.mark.parametrize(("low", "high"), [(-1e308, 1e308), (0.0, 5e-324), (0.0, 1e-300)])
def test_what_no_figure_can_be_has_no_ticks(low, high):
    """Where the span overflows, or is too small to be written."""
    assert number_ticks(low, high, "usd") == []


def test_ticks_too_close_to_write_differently_are_fewer():
    """$9.15B at every line says nothing."""
    labels = [label for _, label in number_ticks(9.1501e9, 9.1509e9, "usd")]

    assert len(labels) == len(set(labels)) <= 1


@pytest.mark.parametrize(
    ("hours", "labels"),
    [
        (1, ["12:00", "12:15", "12:30", "12:45", "13:00"]),
        (24, ["12:00", "18:00", "23 Oct", "06:00", "12:00"]),
        (24 * 365, ["Jan 2026", "Apr 2026", "Jul 2026", "Oct 2026"]),
    ],
)
def test_times_are_round_for_any_span(hours, labels):
    """From an hour to a year; midnight is a date."""
    start = datetime(2025, 10, 22, 12, tzinfo=UTC).timestamp()

    ticks = time_ticks(start, start + 3600 * hours)

    assert [label for _, label in ticks] == labels


def test_long_line_keeps_peaks_troughs_and_gaps():
    """A year of 5-minute bars is drawn with hundreds of points, not a hundred thousand."""
    x, y = np.arange(100_000.0), np.zeros(100_000)
    y[12_345], y[54_321], y[80_000:80_010] = 9.0, -9.0, np.nan

    at, values = thinned(x, y)

    assert len(at) < 1000
    assert (np.nanmax(values), np.nanmin(values)) == (9.0, -9.0)
    assert np.isnan(values[(at >= 80_000) & (at < 80_010)]).any()
    assert (np.diff(at) > 0).all()
    assert (at[0], at[-1]) == (0, 99_999)


def test_times_are_utc_with_and_without_a_zone():
    """A second is a second on either."""
    with_zone, is_time = positions([datetime(2025, 10, 22, tzinfo=UTC)])
    without, _ = positions(np.array(["2025-10-22"], "datetime64[ms]"))

    assert is_time
    assert with_zone[0] == without[0] == 1_761_091_200


def test_what_is_no_number_is_nan():
    """None, NaN and infinity alike."""
    assert np.isnan(numbers([None, np.nan, np.inf, 1e308, -1e308])).all()
