"""From a venue's name of an asset to the asset and how many coins are quoted as one.

Venues list cheap coins by the thousand or million, so that the price has digits:
1000PEPE, SHIB1000, kPEPE and 1MBABYDOGE are PEPE, SHIB, PEPE and BABYDOGE.
"""

from __future__ import annotations

import re

from analytics.tickers import base_of
from analytics.untrusted.visible import visible

MAX_NAME = 200
"""No venue has a longer one. [letters]"""

_BEFORE = re.compile(r"(10{3,})(?=[^\W\d_])")
_AFTER = re.compile(r"([^\W\d_]{2,})(10{3,})")
_MILLION = re.compile(r"1M(?=[^\W\d_]{3})")
_KILO = re.compile(r"k(?=[A-Z])")


def base_and_multiplier(
    asset: str, venue: str | None = None, *, kilo_prefix: bool = False
) -> tuple[str, float]:
    """Return the base asset that *venue* lists as *asset*, and the coins in one quoted unit.

    A number is a multiplier only if it is 1000 or a larger power of ten next to a
    name: 1INCH, 0G and US100 are names. A name may be in any script. What a venue calls
    by another name than the rest, ``analytics.tickers`` knows.
    """
    name, multiplier = _parted(asset, kilo_prefix=kilo_prefix)
    return base_of(name.upper(), venue), multiplier


def _parted(asset: str, *, kilo_prefix: bool) -> tuple[str, float]:
    if kilo_prefix and _KILO.match(asset):
        return asset[1:], 1000.0
    text = asset.upper().replace(" ", "")
    if found := _BEFORE.match(text):
        return text[found.end() :], float(found[1])
    if found := _AFTER.fullmatch(text):
        return found[1], float(found[2])
    if _MILLION.match(text):
        return text[2:], 1_000_000.0
    return text, 1.0


def is_name(text: object) -> bool:
    """Return whether *text* can be the name of something: short, and all of it can be seen."""
    return isinstance(text, str) and 0 < len(text) <= MAX_NAME and visible(text) == text
