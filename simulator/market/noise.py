"""Random numbers that can be asked for by name, in any order.

A generator that has to be advanced makes the market depend on who polled when.
Here a number is a hash of (seed, stream, coordinates): the shock of asset 7 in
the five minutes number 5,870,112 is the same whoever asks, whenever, alone or
together with a million others.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bits = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_LOW_16 = np.uint64(0xFFFF)


def _mixed(words: Bits) -> Bits:
    """Scramble *words* in place with the finaliser of SplitMix64 (Steele et al., 2014)."""
    words ^= words >> np.uint64(30)
    words *= _FIRST
    words ^= words >> np.uint64(27)
    words *= _SECOND
    words ^= words >> np.uint64(31)
    return words


def bits(seed: int, stream: int, *coordinates: Ints) -> Bits:
    """Return 64 random bits for each point of the broadcast *coordinates*.

    Coordinates are folded in one after another, so give the ones with few
    values first: only the last one works on the full shape.
    """
    key = np.array([seed & 0xFFFFFFFFFFFF, stream], dtype=np.uint64)
    word = _mixed(_mixed(key[:1] + _GOLDEN) + key[1:] * _GOLDEN)
    for coordinate in coordinates:
        word = _mixed(word + (coordinate.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
    return word


def uniform(seed: int, stream: int, *coordinates: Ints) -> Floats:
    """Return numbers spread evenly over [0, 1)."""
    return (bits(seed, stream, *coordinates) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed: int, stream: int, *coordinates: Ints) -> Floats:
    """Return numbers of mean 0 and variance 1, bell-shaped up to 3.46.

    The sum of four 16-bit uniform numbers: ten times cheaper than an exact
    normal, and the tails of this market come from its jumps.
    """
    word = bits(seed, stream, *coordinates)
    total = word & _LOW_16
    for shift in (16, 32, 48):
        word >>= np.uint64(16)
        total += word & _LOW_16 if shift < 48 else word
    return (total.astype(np.float64) - 131_070.0) * (math.sqrt(3.0) / 65_536.0)
