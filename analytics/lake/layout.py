"""Paths of the files of a lake, and writing files durably."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analytics.errors import LakeError

PRIVATE_UMASK = 0o077
"""Files that perpscope makes are for their owner only."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one lake beneath its folder."""

    folder: Path

    @property
    def data(self) -> Path:
        """The Parquet files."""
        return self.folder / "lake"

    def home(self, table: str) -> Path:
        """The Parquet files of *table*."""
        return self.data / "main" / table

    @property
    def catalog(self) -> Path:
        """The catalog that only the writer opens."""
        return self.folder / "catalog.duckdb"

    @property
    def catalog_wal(self) -> Path:
        """DuckDB's write-ahead log of the catalog."""
        return self.folder / "catalog.duckdb.wal"

    @property
    def checksums(self) -> Path:
        """What each Parquet file was when it was written."""
        return self.folder / "checksums"

    @property
    def public(self) -> Path:
        """The published copy of the catalog."""
        return self.folder / "public.ducklake"

    @property
    def lock(self) -> Path:
        """The file whose lock makes a process the writer."""
        return self.folder / "collector.lock"

    @property
    def journals(self) -> Path:
        """What imports changed, so that it can be undone; a folder for each."""
        return self.folder / "imports"

    @property
    def scratch(self) -> Path:
        """What the writer needs while it is open, and is emptied when the next one opens."""
        return self.folder / "scratch"

    @property
    def inbox(self) -> Path:
        """Where a person puts large files for Studio, which opens them by their path."""
        return self.folder / "studio"

    @property
    def uploads(self) -> Path:
        """Records that dashboards opened from files; a folder for each dashboard that runs."""
        return self.folder / "uploads"

    @property
    def quarantine(self) -> Path:
        """Where damaged files go, with a note each."""
        return self.folder / "set-aside"


def make_private(layout: Layout) -> None:
    """Close the lake to all but its owner.

    What belongs to somebody else cannot be closed by us, nor what lies on a disk that knows no
    owners; it is left as it is.
    """
    kept = (layout.data, layout.journals, layout.quarantine, layout.scratch, layout.uploads)
    parts = (*kept, layout.folder / "logs")
    names = ("catalog.*", "public.*", "collector.*", "checksums*")
    files = [path for name in names for path in layout.folder.glob(name)]
    inner = [path for part in parts for path in (part, *part.rglob("*"))]
    for path in (layout.folder, *files, *inner):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            found = path.lstat()
            is_open = stat.S_IMODE(found.st_mode) & PRIVATE_UMASK
            if is_open and found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode):
                path.chmod(stat.S_IMODE(found.st_mode) & ~PRIVATE_UMASK)


def refuse_below(layout: Layout, reserve_bytes: int) -> None:
    """Refuse to write while less than *reserve_bytes* are free.

    Raises:
        LakeError: The disk is full.
    """
    free = shutil.disk_usage(layout.folder).free
    if free < reserve_bytes:
        raise LakeError(
            f"{layout.folder}: the disk is full: only {free / 2**20:.0f} MB free, appends "
            f"stop below {reserve_bytes / 2**20:.0f} MB; nothing stored is lost"
        )


def names_in(folders: Iterable[Path]) -> dict[Path, set[str]]:
    """Return the names that each of *folders* holds; none for one that is not there."""
    # Names alone, and not as paths: such a folder can hold thousands.
    return {
        folder: set(os.listdir(folder)) if folder.is_dir() else set()  # noqa: PTH208
        for folder in folders
    }


def added_since(before: Mapping[Path, set[str]]) -> list[Path]:
    """Return the Parquet files that joined the folders since *before*, what ``names_in`` gave."""
    now = names_in(before)
    added = [folder / name for folder, names in now.items() for name in names - before[folder]]
    return [path for path in added if path.suffix == ".parquet"]


def sync(path: Path) -> None:
    """Wait until *path*, a file or a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_with_folders(files: Iterable[Path], root: Path, known: set[Path]) -> None:
    """Sync *files* and every folder from each of them up to *root*.

    A file is only findable after a crash when the folders that name it are on
    the disk too, and the first file of a day makes new folders.

    Args:
        files: New ones.
        root: The uppermost folder that can have become longer.
        known: Folders whose own names are on the disk; those synced here join them.
    """
    folders: set[Path] = set()
    for file in files:
        sync(file)
        for folder in file.parents:
            folders.add(folder)
            if folder in known or folder == root:
                break
    for folder in folders:
        sync(folder)
    known |= folders


def write_in_place_of(target: Path, content: bytes, *, mode: int | None = None) -> None:
    """Replace *target* by a file of *content* in one step, durable when it returns.

    With the permissions *mode*, or those that the process gives.
    """
    fresh = target.with_name(f"{target.name}.new")
    try:
        fresh.write_bytes(content)
        if mode is not None:
            fresh.chmod(mode)
        sync(fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    sync(target.parent)


def copy_in_place_of(source: Path, target: Path) -> None:
    """Replace *target* by a copy of *source* in one step, durable when it returns."""
    fresh = target.with_suffix(".new")
    try:
        shutil.copyfile(source, fresh)
        # In full nanoseconds: the kernel's own stamp is the same for some milliseconds.
        os.utime(fresh, ns=(time.time_ns(), time.time_ns()))
        sync(fresh)
        fresh.replace(target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
    sync(target.parent)
