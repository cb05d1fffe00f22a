"""Makes a bundle from a lake: rows, rules, what rules make of these rows, and their checksums.

Firings are computed on a lake rebuilt from the rows that are written, as whoever verifies the
bundle does: sums of the same values in another order may differ in their last bit.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from analytics import formats, query
from analytics.bundle import archive, needed_rows, rule_events, trades
from analytics.bundle.manifest import (
    ABOUT,
    LONGEST,
    MANIFEST,
    NAMES,
    RULES,
    SETTINGS,
    TABLES,
    TRADES,
    TRADES_ASKED,
    Manifest,
    Member,
    member,
    versions,
)
from analytics.bundle.needed_rows import Wanted
from analytics.bundle.opened import build, read_tables
from analytics.errors import BundleRefused, QueryError, RuleError
from analytics.lake.reader import Reader
from analytics.panels.bases import bases
from analytics.rules.frames import COLUMNS
from analytics.rules.rules_file import Rule, read_rules
from analytics.rules.rules_text import RulesText
from analytics.trades.simulated import request


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a bundle shall hold."""

    start: datetime
    """Firings are after it. UTC."""
    end: datetime
    """The last time that is evaluated. UTC."""
    rules_text: str
    """An ``alerts.toml``."""
    rules: Sequence[str] = ()
    """Names of rules of it; none means all."""
    pairs: Sequence[str] = ()
    """Symbols, ``BTC/USDT:USDT`` or ``BTC/USDT``; none means all."""
    later: bool = False
    """Whether a look-back sees what became known after the end."""
    interval_s: float
    """Between two cycles of the collector. [s]"""
    trades: request.Asked | None = None
    """What to simulate in the range; None: nothing."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of which ``SETTINGS`` are stated."""


@dataclass(frozen=True, slots=True)
class Written:
    """A bundle that was written."""

    manifest: Manifest
    sha256: str
    size: int
    """[bytes]"""


def write_bundle(folder: Path, asked: Asked, file: Path, *, replace: bool = False) -> Written:
    """Write the bundle of the lake in *folder* that is *asked* for to *file*, whole or not at all.

    Raises:
        QueryError: The range is none of the record, or no pair is called so.
        RuleError: A rule is wrong, or none is called so.
        BundleRefused: *file* is there and not to be replaced, cannot be written, or gets too large.
        LakeError: The lake cannot be read.
    """
    if file.exists() and not replace:
        raise BundleRefused(
            f"{file} is there already; choose another name, or replace it by --force"
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".perpscope-", dir=file.parent) as place:
            members, manifest = _members(folder, asked, Path(place))
            fresh = Path(place, "bundle")
            with fresh.open("w+b") as written:
                digest = archive.write(written, members)
                os.fsync(written.fileno())
            size = fresh.stat().st_size
            fresh.replace(file)
    except OSError as error:
        raise BundleRefused(f"{file} cannot be written ({error.strerror})") from error
    return Written(manifest, digest, size)


def _members(folder: Path, asked: Asked, place: Path) -> tuple[dict[str, Path], Manifest]:
    """Write every member to *place*."""
    members = {name: archive.place(place, name) for name in NAMES}
    text, rules = _rules(asked)
    rows: dict[str, int] = {}
    reader = Reader(folder)
    try:
        with reader.cursor() as cursor:
            _refuse_range(cursor, asked)
            origin = dict(cursor.execute(query.sql("lake_info")).fetchall())["origin"]
            wanted = trades.needing(_wanted(cursor, asked, rules), asked.trades)
            for table in TABLES:
                name = member(table)
                rows[name] = needed_rows.write(cursor, wanted, table, members[name])
    finally:
        reader.close()
    read_tables(place, wanted.start, wanted.end)
    build(lake := place / "lake", origin, place)
    known_by = None if asked.later else asked.end
    found = rule_events.evaluated(lake, wanted, known_by, timedelta(seconds=asked.interval_s))
    members[TRADES_ASKED].write_bytes(trades.written(asked.trades))
    made = {TRADES: trades.simulated(lake, wanted, asked.trades)}
    for name, lines in {**found.by_member, **made}.items():
        rows[name] = len(lines)
        members[name].write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="\n")
    members[RULES].write_text(text, "utf-8", newline="\n")
    manifest = Manifest(
        start=asked.start,
        end=asked.end,
        known_by=known_by,
        origin=origin,
        pairs=tuple(asked.pairs),
        subjects=tuple(sorted(wanted.subjects or ())),
        rules=tuple(rule.name for rule in rules),
        interval_s=asked.interval_s,
        settings={name: asked.settings[name] for name in SETTINGS if name in asked.settings},
        versions=versions(),
        recorded=len(found.recorded),
        reproduced=found.reproduced,
        members=(),
    )
    members[ABOUT].write_text(_about(manifest), "utf-8", newline="\n")
    described = tuple(
        Member(
            name=name,
            size=members[name].stat().st_size,
            sha256=archive.sha256(members[name]),
            rows=rows.get(name),
        )
        for name in NAMES[1:]
    )
    manifest = manifest.model_copy(update={"members": described})
    members[MANIFEST].write_text(manifest.model_dump_json(indent=1) + "\n", "utf-8", newline="\n")
    return members, manifest


def _rules(asked: Asked) -> tuple[str, tuple[Rule, ...]]:
    """Return the chosen rules, and their text: without what stands around them in the file."""
    rules = read_rules(asked.rules_text.encode(), COLUMNS)
    by_name = {rule.name: rule for rule in rules}
    for name in asked.rules:
        if name not in by_name:
            raise RuleError(f"no rule is called {formats.repeated(name)!r}; {_near(name, by_name)}")
    wanted = set(asked.rules or by_name)
    tables = RulesText(asked.rules_text).rules
    if len(tables) != len(rules):
        raise RuleError("write each rule as a [[rule]] table of its own")
    chosen = [n for n, rule in enumerate(rules) if rule.name in wanted]
    return "\n\n".join(tables[n] for n in chosen) + "\n", tuple(rules[n] for n in chosen)


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    if near := difflib.get_close_matches(name, names, 1, 0.4):
        return f"did you mean {near[0]!r}?"
    return f"there are {formats.listed(names)}" if names else "there are none"


def _refuse_range(cursor: duckdb.DuckDBPyConnection, asked: Asked) -> None:
    """Raise QueryError unless the range is one, and of the record."""
    start, end = formats.moment(asked.start), formats.moment(asked.end)
    if asked.end <= asked.start:
        raise QueryError(f"--to {end} is not after --from {start}")
    if asked.end - asked.start > LONGEST:
        raise QueryError(f"from {start} to {end} is more than {LONGEST.days} days; ask for less")
    (span,) = query.fetch(cursor, "record_span", near=asked.end).to_dict("records")
    (newest,) = query.fetch(cursor, "newest_row", wall=asked.end)["newest_ts"]
    if newest is None or span["first_ts"] is None:
        raise QueryError("the record is empty")
    first, last = span["first_ts"] - timedelta(minutes=5), max(newest, span["last_ts"])
    if asked.start < first or asked.end > last:
        raise QueryError(
            f"the record is from {formats.moment(first)} to {formats.moment(last)}; "
            f"{start} to {end} is not within it"
        )


def _wanted(cursor: duckdb.DuckDBPyConnection, asked: Asked, rules: tuple[Rule, ...]) -> Wanted:
    """Return what the bundle is of, with the bases of the chosen pairs."""
    if not asked.pairs:
        return Wanted(asked.start, asked.end, rules)
    known = query.fetch(
        cursor, "known_pairs", now=asked.end, since=asked.start, known_by=query.ANY_TIME
    )
    keys = list(known[["venue", "symbol", "base"]].itertuples(index=False, name=None))
    symbols = {symbol for _, symbol, _ in keys}
    for pair in asked.pairs:
        if pair not in symbols and pair not in set(map(formats.pair, symbols)):
            near = _near(pair, sorted({*map(formats.pair, symbols)}))
            raise QueryError(f"no pair is called {formats.repeated(pair)!r} in this range; {near}")
    chosen = [key for key in keys if {key[1], formats.pair(key[1])} & set(asked.pairs)]
    counted = bases(cursor, asked.end, query.ANY_TIME if asked.later else asked.end)
    words = {f"{venue} {symbol}" for venue, symbol, _ in chosen}
    words |= {counted.name(*key) for key in chosen}
    return Wanted(
        asked.start, asked.end, rules, tuple(sorted({key[2] for key in chosen})), frozenset(words)
    )


def _about(manifest: Manifest) -> str:
    """Say what the bundle is, to whoever opens it without perpscope."""
    same, stored = manifest.reproduced, manifest.recorded
    market = "a simulated market" if manifest.origin == "simulator" else "perpetual futures"
    return f"""\
Evidence bundle of perpscope: a record of {market} with alert rules and what they do,
{formats.moment(manifest.start)} to {formats.moment(manifest.end)}.

    perpscope verify FILE

checks every byte, evaluates the rules on the rows in record/, and compares.

manifest.json         what is in here, with the SHA-256 of each file; versions; settings
rules.toml            the rules
record/*.parquet      rows, times in UTC; bars begin as far before as the rules look back
firings/marks.jsonl   what the rules do at every five-minute mark, beginning at rest
firings/passes.jsonl  what they do when the collector stored a change of an alert, going on
                      from the changes before; {same} of the {stored} stored are the same
trades/               what was simulated, and the trades; empty where nothing was

What the collector stored itself is in record/alert_events.parquet. Its pass may have seen
less than the record holds for that time: rows that were received and not stored yet.
"""
