"""``perpscope bundle`` and ``verify``: a range of the record as evidence, and checking it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from analytics import formats, query
from analytics.bundle import trades
from analytics.bundle.manifest import MARKS, TRADES, Manifest
from analytics.bundle.verify import Verified, verify
from analytics.bundle.write import Asked, write_bundle
from analytics.cli import rules_cli
from analytics.errors import BundleRefused, QueryError
from analytics.untrusted.visible import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options as they were given."""

    start: str
    end: str
    pairs: Sequence[str]
    """Each may be several, separated by commas."""
    rules: Sequence[str]
    out: Path
    force: bool
    later: bool
    trades: Sequence[str] = ()
    """Each ``KEY=VALUE``; what is simulated."""


def bundle(folder: Path, given: Given, settings: Mapping[str, Any], out: TextIO) -> None:
    """Write the bundle that is asked for, and say to *out* what is in it.

    Args:
        folder: Of the lake.
        given: The options.
        settings: Those in effect, by name; only harmless ones get into the bundle.
        out: Gets a few lines.

    Raises:
        QueryError: A time is none, or not of the record, or no pair is called so.
        RuleError: A rule is wrong, or none is called so.
        BundleRefused: The file is there already, or cannot be written.
        LakeError: The lake cannot be read.
    """
    asked = Asked(
        start=_time("--from", given.start),
        end=_time("--to", given.end),
        rules_text=rules_cli.text_of_folder(folder),
        rules=tuple(dict.fromkeys(given.rules)),
        pairs=tuple(dict.fromkeys(_names(given.pairs))),
        later=given.later,
        trades=trades.asked_for(given.trades),
        interval_s=settings["interval_s"],
        settings=settings,
    )
    written = write_bundle(folder, asked, given.out, replace=given.force)
    manifest = written.manifest
    out.write(f"{visible(str(given.out))}: {formats.size(written.size)}, {_about(manifest)}\n")
    out.write(f"{_firings({one.name: one.rows or 0 for one in manifest.members}, manifest)}\n")
    out.write(f"SHA-256 {written.sha256}\n")


def check(file: Path, out: TextIO) -> bool:
    """Verify the bundle in *file*, say to *out* what came out, and return whether all is the same.

    Raises:
        BundleRefused: It is no bundle, or was changed.
        LakeError: There is no room for its lake.
    """
    try:
        found = verify(file)
    except BundleRefused as error:
        raise BundleRefused(f"{file}: {error}") from error
    out.write(f"{visible(str(file))}: every byte as written, {_about(found.manifest)}\n")
    out.writelines(f"{visible(line)}\n" for line in _outcome(found))
    return found.difference is None


def _outcome(found: Verified) -> Iterator[str]:
    if found.difference is None:
        yield _firings(found.counts, found.manifest)
        yield "from its rows the same alerts and trades follow, bit for bit"
    else:
        member, difference = found.difference
        yield f"first difference, in {member}: {difference.sentence}"
    if found.other_versions:
        made = (
            f"{name} {there}, here {here}" for name, (there, here) in found.other_versions.items()
        )
        yield f"made by other versions: {'; '.join(made)}"


def _about(manifest: Manifest) -> str:
    rules, pairs = formats.plural(len(manifest.rules), "rule"), "all pairs"
    if manifest.pairs:
        pairs = formats.listed([*manifest.pairs])
    start, end = formats.moment(manifest.start), formats.moment(manifest.end)
    return f"{start} to {end}, {pairs}, {rules}"


def _firings(counts: Mapping[str, int], manifest: Manifest) -> str:
    changes, stored = formats.plural(counts[MARKS], "change"), manifest.recorded
    told = (
        f"{changes} of alerts at five-minute marks; {formats.count(stored)} stored by the collector"
    )
    if stored:
        told += f", {manifest.reproduced} of them as its passes give them"
    if counts[TRADES]:
        told += f"; {formats.plural(counts[TRADES], 'simulated trade')}, filled or not"
    return told


def _time(option: str, text: str) -> datetime:
    try:
        return query.utc_time(text)
    except (ValueError, OverflowError) as error:
        said = formats.repeated(text)
        raise QueryError(f"{option} {said}: write a time such as 2026-03-01T12:00Z") from error


def _names(given: Sequence[str]) -> Iterator[str]:
    for text in given:
        yield from (name.strip() for name in text.split(",") if name.strip())
