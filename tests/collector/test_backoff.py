"""Pauses before something is tried again."""

from __future__ import annotations

import random

import pytest

from collector.runtime.backoff import Backoff


def test_they_double_up_to_a_bound():
    """However many failures there were."""
    backoff = Backoff(first_s=2.0, longest_s=60.0)

    assert [backoff.pause_s(failures) for failures in range(8)] == [0, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.pause_s(10**9) == 60


def test_jitter_parts_those_who_failed_together():
    """By half more or less at most, and the same for the same seed."""
    backoff = Backoff(first_s=2.0, longest_s=60.0, jitter=0.5)
    rng = random.Random(1)

    pauses_s = [backoff.pause_s(2, rng) for _ in range(100)]

    assert len(set(pauses_s)) == 100
    assert 2 <= min(pauses_s) < 2.5
    assert 5.5 < max(pauses_s) <= 6
    assert backoff.pause_s(2, random.Random(1)) == pytest.approx(pauses_s[0])
