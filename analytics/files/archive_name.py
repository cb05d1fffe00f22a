"""What the name of a file of Binance's public archive says, and its folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from analytics.errors import ImportRefused
from analytics.files import contracts
from analytics.files.content import Content
from analytics.files.contracts import Contract

_NAME = re.compile(
    r"(?P<venue_id>[^-]+)-(?P<what>metrics|fundingRate|\d+[a-zA-Z]+)"
    r"-(?P<day>\d{4}-\d{2}(-\d{2})?)\b.*"
)

_NO_TRADES = "mark, index or premium prices, not trades"
_OTHER_FOLDERS = {
    "spot/daily": "spot market, not perpetuals",
    "spot/monthly": "spot market, not perpetuals",
    "futures/cm": contracts.COIN_MARGINED,
    "markPriceKlines": _NO_TRADES,
    "indexPriceKlines": _NO_TRADES,
    "premiumIndexKlines": _NO_TRADES,
}
"""Folders of the archive whose files are named like those taken and mean something else."""


@dataclass(frozen=True, slots=True)
class ArchiveName:
    """The parts of a name such as ``BTCUSDT-5m-2025-10-01``; all empty where it is another."""

    venue_id: str = ""
    what: str = ""
    """``metrics``, ``fundingRate``, or the interval of klines."""
    day: str = ""
    """``2025-10-01``, or ``2025-10`` for a whole month."""

    def contract(self, file: Path) -> Contract:
        """Return the contract that the name of *file* says.

        Raises:
            ImportRefused: It says none, or one that is not taken.
        """
        if not self.venue_id:
            raise ImportRefused(
                file,
                "keep the name that Binance gave it, such as BTCUSDT-5m-2025-10-01.zip or "
                "BTCUSDT-fundingRate-2025-10.zip: only the name says which contract it is",
            )
        contract = contracts.of_venue_id(self.venue_id)
        if isinstance(contract, str):
            raise ImportRefused(file, f"{self.venue_id} is not supported: {contract}")
        return contract


def said_by(file: Path, content: Content) -> ArchiveName:
    """Return what the names of *file* and of what it holds say.

    Raises:
        ImportRefused: The two disagree, or the folder is of something that is not taken.
    """
    for folder, meaning in _OTHER_FOLDERS.items():
        if f"/{folder}/" in file.absolute().as_posix():
            raise ImportRefused(file, f"it is from {folder}/: {meaning}")
    inner, outer = _NAME.fullmatch(content.name), _NAME.fullmatch(content.packed_as)
    if inner and outer and inner.group("venue_id", "what") != outer.group("venue_id", "what"):
        raise ImportRefused(
            file, f"its member is named {content.name}; one of the two names is wrong"
        )
    found = inner or outer
    return ArchiveName(*found.group("venue_id", "what", "day")) if found else ArchiveName()
