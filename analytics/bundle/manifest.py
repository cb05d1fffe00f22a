"""What a bundle says about itself, and the names that its members may have."""

from __future__ import annotations

import platform
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Annotated, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from analytics.lake import schema

FORMAT: Final = "perpscope bundle 1"
"""Raised whenever what a bundle holds changes: one of another format is refused."""

MANIFEST: Final = "manifest.json"
ABOUT: Final = "about.txt"
RULES: Final = "rules.toml"
MARKS: Final = "firings/marks.jsonl"
PASSES: Final = "firings/passes.jsonl"
TRADES_ASKED: Final = "trades/asked.json"
"""What was simulated, as options of ``perpscope simulate-trades`` by name; empty for nothing."""
TRADES: Final = "trades/trades.jsonl"

TABLES: Final = (
    "instruments",
    "snapshots",
    "bars",
    "cycles",
    "liquidations",
    "gaps",
    "alert_events",
)
"""The tables that a bundle has rows of. People's own are not among them: trades that they watch,
what they acknowledged or silenced and why, and where alerts were sent."""


def member(table: str) -> str:
    """Return the name of the member with the rows of *table*."""
    return f"record/{table}.parquet"


NAMES: Final = (MANIFEST, ABOUT, RULES, *map(member, TABLES), MARKS, PASSES, TRADES_ASKED, TRADES)
"""Every member of a bundle, in this order."""

LONGEST: Final = timedelta(days=31)
"""What a bundle may span at most."""
LONGEST_LOOK_BACK: Final = timedelta(days=400)
"""Rows that are older than so much before its start are in no bundle."""

SETTINGS: Final = (
    "venues",
    "top_n",
    "streams",
    "requests_per_s",
    "backfill_hours",
    "snapshot_days",
)
"""The settings that a bundle states beside the interval: no path, address, token or host."""

Setting = bool | int | float | str | tuple[str, ...]
_Text = Annotated[str, Field(max_length=1000)]
_Time = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC))]
_Names = Annotated[tuple[_Text, ...], Field(max_length=10_000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Part):
    """One file of the bundle."""

    name: Literal[NAMES[1:]]  # type: ignore[valid-type]
    size: int = Field(ge=0)
    """[bytes]"""
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    rows: int | None = Field(default=None, ge=0)
    """Of a table, or of firings."""


class Manifest(_Part):
    """What a bundle holds."""

    format: Literal["perpscope bundle 1"] = FORMAT
    start: _Time
    """Firings are after it. UTC."""
    end: _Time
    """The last time that is evaluated. UTC."""
    known_by: _Time | None
    """Bars that became known later are not seen in the look-back; None: all are. UTC."""
    origin: Literal["live", "simulator", "studio"]
    pairs: _Names
    """Symbols that firings are restricted to; none means all."""
    subjects: _Names
    """Those pairs and their assets in the record's words, of alerts and firings."""
    rules: _Names
    """Rules that were evaluated, by name."""
    interval_s: float = Field(ge=1, le=86_400)
    """Between two cycles of the collector. [s]"""
    settings: Annotated[dict[_Text, Setting], Field(max_length=len(SETTINGS))]
    versions: Annotated[dict[_Text, _Text], Field(max_length=10)]
    recorded: int = Field(ge=0)
    """Changes of alert episodes that the collector stored in the range."""
    reproduced: int = Field(ge=0)
    """Those of them that the same passes give from the rows of this bundle."""
    members: tuple[Member, ...]

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        if not timedelta() < self.end - self.start <= LONGEST:
            raise ValueError(f"its range is none, or longer than {LONGEST.days} days")
        return self


def versions() -> dict[str, str]:
    """Return the versions of what computes values and firings."""
    packages = ("perpscope", "duckdb", "numpy", "pandas", "pyarrow", "ta-lib")
    return {
        **{name: version(name) for name in packages},
        "lake": str(schema.VERSION),
        "python": platform.python_version(),
        "byte order": sys.byteorder,
    }
