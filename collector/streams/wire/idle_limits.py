"""How long a connection may be idle before it counts as dead, and how long it lives."""

from __future__ import annotations

import random

from collector.streams.formats.stream import Channel, Limits

HEARD_LONG_ENOUGH_S = 30.0
"""How long a connection must have lived to know its usual interval between messages. [s]"""

FRAMES_MISSED = 100
"""A silence of this many usual intervals is a fault,"""

MIN_GAP_S = 10.0
"""but nothing shorter than this. [s]"""

SUSPECT_FRAMES, SUSPECT_GAP_S = 25, 3.0
"""A connection that is silent for this many usual intervals, and at least this many seconds,
is suspect: its flows wait for the next cycle. [s]"""

SHARE_OF_LIFE = 0.9
"""Of the time that a venue lets a connection live, so much is used at most."""

MAX_LIFE_S = 24 * 3600.0
"""Where it sets no limit, connections are renewed all the same. [s]"""


def expected_gap_s(channel: Channel, lived_s: float, frames: int) -> float:
    """Return how long a silence may last: less than the channel's own limit if it is busy. [s]

    Args:
        channel: Which channel.
        lived_s: For how long. [s]
        frames: How many messages came in that time.
    """
    return _gap_s(channel, lived_s, frames, missed=FRAMES_MISSED, shortest_s=MIN_GAP_S)


def suspect_gap_s(channel: Channel, lived_s: float, frames: int) -> float:
    """Return after how long a silence is suspect; parameters as of `expected_gap_s`. [s]"""
    return _gap_s(channel, lived_s, frames, missed=SUSPECT_FRAMES, shortest_s=SUSPECT_GAP_S)


def _gap_s(
    channel: Channel, lived_s: float, frames: int, *, missed: int, shortest_s: float
) -> float:
    if lived_s < HEARD_LONG_ENOUGH_S or not frames:
        return channel.expected_gap_s
    return min(channel.expected_gap_s, max(shortest_s, missed * lived_s / frames))


def life_s(limits: Limits, rng: random.Random) -> float:
    """Return after how long a connection is renewed, a little different each time. [s]"""
    return (limits.life_s or MAX_LIFE_S) * (SHARE_OF_LIFE - 0.2 * rng.random())
