"""Opens a bundle, which may be a stranger's: checks every byte of it, and rebuilds its lake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
from pydantic import ValidationError

from analytics import formats
from analytics.bundle import archive, trades
from analytics.bundle.manifest import (
    LONGEST_LOOK_BACK,
    MANIFEST,
    MARKS,
    NAMES,
    PASSES,
    RULES,
    TABLES,
    TRADES,
    TRADES_ASKED,
    Manifest,
    member,
)
from analytics.bundle.needed_rows import Wanted
from analytics.bundle.tables_child import MAX_S, MEMORY_MB
from analytics.errors import BundleRefused, QueryError, RuleError
from analytics.lake import schema
from analytics.lake.writer import Lake
from analytics.rules.frames import COLUMNS
from analytics.rules.rules_file import LARGEST, Rule, read_rules
from analytics.trades.simulated import request

_LARGEST_TEXT: Final = 256_000_000
"""[bytes]"""
_LARGEST_MANIFEST: Final = 4_000_000
"""[bytes]"""
_PIECE: Final = 500_000
"""[rows]"""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle whose lake was rebuilt."""

    manifest: Manifest
    wanted: Wanted
    """Range, rules and subjects of its firings."""
    trades: request.Asked | None
    """What was simulated; None: nothing."""
    lines: Mapping[str, list[str]]
    """Of firings and trades, by member."""


def open_bundle(file: Path, folder: Path) -> Opened:
    """Check the bundle in *file*, and make *folder* a lake of its rows.

    Args:
        file: Whoever wrote it.
        folder: Is made, or is empty. It is the caller's to remove, also after an error.

    Raises:
        BundleRefused: It is no bundle, a byte of it was changed, or it holds what none holds.
        LakeError: The lake cannot be written.
    """
    unpacked = folder / "unpacked"
    unpacked.mkdir(parents=True)
    try:
        members, is_whole = _unpacked(file, unpacked)
        manifest = _manifest(members[MANIFEST])
        _refuse_changed(members, manifest)
        if not is_whole:
            raise BundleRefused("the headers of the zip were changed after the bundle was written")
        wanted = Wanted(
            manifest.start,
            manifest.end,
            _rules(members[RULES], manifest),
            subjects=frozenset(manifest.subjects) if manifest.pairs else None,
        )
        asked = _trades(members[TRADES_ASKED])
        lines = {name: _lines(members[name], name) for name in (MARKS, PASSES, TRADES)}
        rows = read_tables(unpacked, manifest.start, manifest.end)
        for one in manifest.members:
            found = {**rows, **{name: len(mine) for name, mine in lines.items()}}.get(one.name)
            if one.rows != found:
                raise BundleRefused(
                    f"{one.name} has {found} rows, not {one.rows} as {MANIFEST} says"
                )
        build(folder, manifest.origin, unpacked)
    finally:
        shutil.rmtree(unpacked)
    return Opened(manifest, wanted, asked, lines)


def build(folder: Path, origin: str, tables: Path) -> None:
    """Make *folder* a lake of the rows in ``TABLE.arrow`` in the folder *tables*.

    Raises:
        LakeError: The lake cannot be written.
    """
    with Lake(folder, origin=origin) as lake:
        for table in TABLES:
            # Mapped, not read: the pieces that are stored are in memory, and no others.
            rows = pa.ipc.open_file(pa.memory_map(str(tables / f"{table}.arrow"))).read_all()
            for begin in range(0, rows.num_rows, _PIECE):
                lake.append((table, rows.slice(begin, _PIECE)))
        lake.publish()


def _unpacked(file: Path, folder: Path) -> tuple[dict[str, Path], bool]:
    if not file.is_file():
        raise BundleRefused("no such file" if not file.exists() else "it is no file")
    try:
        with file.open("rb") as source:
            return archive.unpack(source, folder)
    except OSError as error:
        raise BundleRefused(f"it cannot be read ({error.strerror})") from error


def _manifest(place: Path) -> Manifest:
    if place.stat().st_size > _LARGEST_MANIFEST:
        raise BundleRefused(f"{MANIFEST} is too large")
    try:
        manifest = Manifest.model_validate_json(place.read_bytes())
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "it"
        said = formats.shortened(f"{where}: {fault['msg'].lower()}")
        raise BundleRefused(f"{MANIFEST} is not that of a bundle: {said}") from error
    if (lake := manifest.versions.get("lake")) != str(schema.VERSION):
        raise BundleRefused(
            f"its rows are of lake version {lake}; this perpscope opens version {schema.VERSION}"
        )
    return manifest


def _refuse_changed(members: Mapping[str, Path], manifest: Manifest) -> None:
    if [one.name for one in manifest.members] != list(NAMES[1:]):
        raise BundleRefused(f"{MANIFEST} does not name the members of a bundle")
    for one in manifest.members:
        if archive.sha256(members[one.name]) != one.sha256:
            raise BundleRefused(archive.changed(one.name))


def _rules(place: Path, manifest: Manifest) -> tuple[Rule, ...]:
    if place.stat().st_size > LARGEST:
        raise BundleRefused(f"{RULES} is too large")
    try:
        rules = read_rules(place.read_bytes(), COLUMNS)
    except RuleError as error:
        raise BundleRefused(f"{RULES}: {error}") from error
    if tuple(rule.name for rule in rules) != manifest.rules:
        raise BundleRefused(f"{RULES} does not hold the rules that {MANIFEST} names")
    return rules


def _trades(place: Path) -> request.Asked | None:
    if place.stat().st_size > _LARGEST_MANIFEST:
        raise BundleRefused(f"{TRADES_ASKED} is too large")
    try:
        return trades.read(place.read_bytes())
    except QueryError as error:
        raise BundleRefused(f"{TRADES_ASKED}: {error}") from error


def _lines(place: Path, name: str) -> list[str]:
    if place.stat().st_size > _LARGEST_TEXT:
        raise BundleRefused(f"{name} is too large")
    try:
        return place.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BundleRefused(f"{name} is not UTF-8 text") from error


def read_tables(folder: Path, start: datetime, end: datetime) -> dict[str, int]:
    """Have another process write the tables of a bundle as Arrow; return the rows of each member.

    Raises:
        BundleRefused: One has other columns, or needs too much to be read.
    """
    bounds = (start - LONGEST_LOOK_BACK, end + _DAY)
    times = [bound.astimezone(UTC).replace(tzinfo=None).isoformat() for bound in bounds]
    asked = [sys.executable, "-m", "analytics.bundle.tables_child", str(folder), *times]
    try:
        done = subprocess.run(
            asked,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=MAX_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BundleRefused(f"reading its tables took over {MAX_S} s") from error
    if done.returncode or not done.stdout:
        raise BundleRefused(
            f"its tables need more than {MEMORY_MB} MB or {MAX_S} s: their reader was ended"
        )
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise BundleRefused(answer["refused"])
    return {member(table): count for table, count in answer["rows"].items()}
