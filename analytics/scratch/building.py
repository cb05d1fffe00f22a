"""Building a scratch lake of what was read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from analytics.bundle.opened import open_bundle
from analytics.errors import BundleRefused, ImportRefused
from analytics.files.child_process import Answer, ChildProcess
from analytics.lake.clock import INTERVAL_FACT, LakeClock
from analytics.lake.writer import Lake
from analytics.scratch.inspect_files import CHILD
from analytics.scratch.limits import BUILD_S
from analytics.scratch.preview import Built, Mapping, Preview, Progress
from analytics.scratch.questions import unanswered


def build(
    preview: Preview, mapping: Mapping, folder: Path, progress: Callable[[Progress], None]
) -> Built:
    """Build a lake in *folder*, in a process of its own; its clock stands at the data's end.

    The newest stretch is published first, so that a page can be drawn before all is stored.

    Args:
        preview: As ``reading.read`` gave it; its work folder is still there.
        mapping: With an answer to every question.
        folder: Empty, or not there yet; the lake is of origin ``live``.
        progress: Called all the time; what it raises ends the build. The first call with
            ``is_ready`` says that pages can be drawn.

    Raises:
        ImportRefused: A question is open, or nothing can be built of the files. The folder holds
            no lake that can be used then.
    """
    if not preview.files:
        raise ImportRefused(folder, "none of the files can be used")
    name = Path(preview.files[0].name)
    if open_ := unanswered(preview, mapping):
        raise ImportRefused(name, f"an answer is missing: {open_[0].text}")
    if any(file.is_bundle for file in preview.files):
        return _build_bundle(preview, folder, progress)
    for file in preview.files:
        if "time" not in _quantities(mapping, file.key):
            raise ImportRefused(Path(file.name), "no column is taken for the time")
    newest = Progress(done=0, total=1, is_ready=False)

    def heard(said: Answer) -> None:
        nonlocal newest
        newest = msgspec.convert(said, Progress)
        progress(newest)

    child = ChildProcess(CHILD, lambda: progress(newest), max_s=BUILD_S)
    asked = {
        "doing": "build",
        "preview": msgspec.to_builtins(preview),
        "mapping": msgspec.to_builtins(mapping),
        "folder": str(folder),
    }
    try:
        answer = child.ask(name, asked, heard)
    finally:
        child.close()
    return msgspec.convert(answer["built"], Built)


def _build_bundle(preview: Preview, folder: Path, progress: Callable[[Progress], None]) -> Built:
    """Open a bundle, which is a record already: its rows are taken as they are."""
    file = preview.files[0]
    if len(preview.files) > 1:
        raise ImportRefused(Path(file.name), "a bundle is a record of its own: open it alone")
    try:
        manifest = open_bundle(Path(file.staged), folder).manifest
    except BundleRefused as error:
        raise ImportRefused(Path(file.name), str(error)) from error
    clock = LakeClock(origin=manifest.end, speed=0, started_at=manifest.end)
    with Lake(folder) as lake:
        lake.set_info(clock=clock.as_json(), **{INTERVAL_FACT: str(manifest.interval_s)})
        lake.publish()
        with lake.cursor() as cursor:
            ((snapshots, bars, venues, symbols),) = cursor.execute(_HELD).fetchall()
    progress(Progress(done=snapshots + bars, total=snapshots + bars, is_ready=True))
    return Built(
        rows_read=snapshots + bars,
        snapshots=snapshots,
        bars=bars,
        refused={},
        values_refused={},
        venues=tuple(sorted(venues or ())),
        symbols=symbols,
        first_ts=manifest.start,
        last_ts=manifest.end,
    )


_HELD = """
    select
        (select count(*) from snapshots),
        (select count(*) from bars),
        list(distinct venue),
        count(distinct (venue, symbol))
    from (select venue, symbol from snapshots union select venue, symbol from bars)
"""


def _quantities(mapping: Mapping, key: str) -> set[str | None]:
    return {meaning.quantity for meaning in mapping.meanings[key].values()}
