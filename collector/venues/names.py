"""From a venue's name of an asset to the asset and how many coins are quoted as one.

Venues list cheap coins by the thousand or million, so that the price has digits:
1000PEPE, SHIB1000, kPEPE and 1MBABYDOGE are PEPE, SHIB, PEPE and BABYDOGE.
"""

from __future__ import annotations

import re

from analytics.visible import visible

LONGEST_NAME = 200
"""No venue has a longer one. [letters]"""

_BEFORE = re.compile(r"(10{3,})(?=[^\W\d_])")
_AFTER = re.compile(r"([^\W\d_]{2,})(10{3,})")
_MILLION = re.compile(r"1M(?=[^\W\d_]{3})")
_KILO = re.compile(r"k(?=[A-Z])")

ALIASES = {"XBT": "BTC", "XDG": "DOGE"}
"""Old codes that some venues keep, and what everybody else calls the asset."""


def base_and_multiplier(asset: str, *, kilo_prefix: bool = False) -> tuple[str, float]:
    """Return the base asset that a venue lists as *asset*, and the coins in one quoted unit.

    A number is a multiplier only if it is 1000 or a larger power of ten next to a
    name: 1INCH, 0G and US100 are names. A name may be in any script.
    """
    if kilo_prefix and _KILO.match(asset):
        return _known(asset[1:]), 1000.0
    text = asset.upper().replace(" ", "")
    if found := _BEFORE.match(text):
        return _known(text[found.end() :]), float(found[1])
    if found := _AFTER.fullmatch(text):
        return _known(found[1]), float(found[2])
    if _MILLION.match(text):
        return _known(text[2:]), 1_000_000.0
    return _known(text), 1.0


def _known(asset: str) -> str:
    text = asset.upper()
    return ALIASES.get(text, text)


def is_name(text: object) -> bool:
    """Return whether *text* can be the name of something: short, and all of it can be seen."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST_NAME and visible(text) == text
