"""Files on their way to a record: dropped or put in the inbox, read, and asked about."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from analytics import formats
from analytics.errors import LakeError, QueryError
from analytics.lake.layout import Layout
from analytics.scratch import inspect_files, questions
from analytics.scratch.preview import Mapping, Preview, Question
from analytics.untrusted.visible import visible
from dashboard.loaders import source
from dashboard.state.uploads import SERVER, Upload

DROPPED_MB: Final = 50
"""What is dropped is held in memory until it is read; a larger file is put into the inbox. [MB]"""
MB: Final = 2**20
_LISTED: Final = 200
_LONGEST_NAME: Final = 100


class Dropped(Protocol):
    """A file that came from a browser."""

    name: str
    size: int

    def seek(self, offset: int, /) -> int:
        """Go to a byte of it."""

    def read(self, size: int = -1, /) -> bytes:
        """Return bytes of it."""


@dataclass(slots=True)
class Opening:
    """Files that were read, and what was said of them so far."""

    upload: Upload
    preview: Preview
    mapping: Mapping

    def all_questions(self) -> tuple[Question, ...]:
        """Return what has to be asked, answered or not."""
        return questions.unanswered(self.preview, replace(self.mapping, answers={}))

    def takes_values(self) -> bool:
        """Return whether anything beside times and names is taken."""
        taken = [one.quantity for each in self.mapping.meanings.values() for one in each.values()]
        has_bundle = any(file.is_bundle for file in self.preview.files)
        return has_bundle or bool({*taken} - {None, "time", "symbol", "venue"})

    def open_questions(self) -> tuple[Question, ...]:
        """Return what has to be answered before a record can be built."""
        return questions.unanswered(self.preview, self.mapping)


def inbox() -> list[Path]:
    """Return the files in the inbox, the newest first; none where there is no such folder."""
    folder = Layout(Path(source.live_folder())).inbox
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[:_LISTED]


def read(dropped: Sequence[Dropped], chosen: Sequence[Path], alive: Callable[[], None]) -> Opening:
    """Read the files that were *dropped* and those *chosen* from the inbox.

    Args:
        dropped: Copied to the record's folder.
        chosen: Read where they lie.
        alive: Called all the time; what it raises ends the reading.

    Raises:
        QueryError: They are larger than ``PERPSCOPE_STUDIO_MAX_MB``.
        LakeError: There is no place for them.
    """
    most = source.settings().studio_max_mb
    total = sum(file.size for file in dropped) + sum(file.stat().st_size for file in chosen)
    if total > most * MB:
        raise QueryError(
            f"these files have {total / MB:,.0f} MB, more than the {most:,} MB of "
            "PERPSCOPE_STUDIO_MAX_MB"
        )
    names = [*(safe_name(file.name) for file in dropped), *(path.name for path in chosen)]
    upload = SERVER.begin(_called(names), Path(source.live_folder()))
    try:
        files = [*_stored(dropped, upload.home / "files"), *chosen]
        upload.sha256 = _sha256(files)
        preview = inspect_files.read(files, upload.home / "work", alive)
    except BaseException:
        SERVER.close(upload.token)
        raise
    return Opening(upload, preview, questions.suggested(preview))


def safe_name(name: str) -> str:
    """Return the last part of a file's *name* as a browser gave it, fit to be a file's name."""
    last = visible(name.replace("\\", "/").rpartition("/")[2]).strip()
    kept = last[-_LONGEST_NAME:].lstrip(".")
    return kept or "file"


def _called(names: Sequence[str]) -> str:
    first = visible(names[0])
    more = len(names) - 1
    return f"{first} and {formats.plural(more, 'other file')}" if more else first


def _stored(dropped: Sequence[Dropped], folder: Path) -> list[Path]:
    """Write the files that were *dropped*, each into a folder of its own: two may have one name."""
    paths = []
    try:
        for number, file in enumerate(dropped):
            path = folder / str(number) / safe_name(file.name)
            path.parent.mkdir(parents=True)
            file.seek(0)
            with path.open("wb") as to:
                shutil.copyfileobj(file, to)
            paths.append(path)
    except OSError as error:
        raise LakeError(f"{folder}: cannot be written ({error.strerror})") from error
    return paths


def _sha256(files: Sequence[Path]) -> str:
    """Return the checksum of one file, or of the checksums of several."""
    sums = []
    for path in files:
        with path.open("rb") as file:
            sums.append(hashlib.file_digest(file, "sha256").hexdigest())
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
