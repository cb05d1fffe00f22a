"""Checksums of the Parquet files, by which damage within one is found.

DuckDB notices a file that was cut short; a few bytes that flipped are other values to it.
So the sum of each file is kept, in lines of a text file beside the catalog, together with
the number of the newest commit that was acknowledged. Lines are written without waiting
for the disk, as an append must not cost another sync. One that a power cut takes is no
loss: a file without a line is read whole at the next start, and gets one. Each line ends
with a sum of its own, so that a damaged line is recognised.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analytics.lake.layout import Layout, write_in_place_of


@dataclass(frozen=True, slots=True)
class _File:
    sha256: str
    """Empty where it is not known what was written."""
    looked_at: int
    """Among all looks into files, the how manieth the last one into this was; 0 before the
    first. A number and no time: clocks step."""


class Checksums:
    """The sums of a lake's files. Safe to use from several threads."""

    def __init__(self, layout: Layout) -> None:
        """Know nothing yet of the lake at *layout*."""
        self._layout = layout
        self._turn = threading.Lock()
        self._files: dict[str, _File] = {}
        self._looks = 0
        self.newest_commit = 0
        """The newest commit that was ever acknowledged, as DuckLake numbers them."""

    def load(self) -> None:
        """Read what is known; lines that are damaged count as absent.

        Raises:
            OSError: The file is there and cannot be read.
        """
        for kind, *words in _lines(self._layout.checksums):
            if kind == "commit":
                self.newest_commit = int(words[0])
            else:
                sha256, looked_at, name = words
                self._files[name] = _File(sha256, int(looked_at))
                self._looks = max(self._looks, int(looked_at))

    def written(self, files: Iterable[Path], commit: int) -> None:
        """Keep the sums of *files*, which *commit* has just put into the lake."""
        lines = []
        with self._turn:
            for path in files:
                try:
                    file = _File(_digest(path), 0)
                except OSError:
                    # It is stored all the same; the next start reads what has no line.
                    continue
                self._files[self._name(path)] = file
                lines.append(_line_of(self._name(path), file))
            self.newest_commit = commit
            lines.append(_line(f"commit {commit}"))
            self._append(lines)

    def is_new(self, path: Path) -> bool:
        """Return whether the file at *path* was never looked into since it was written."""
        known = self._files.get(self._name(path))
        return known is None or not known.looked_at

    def is_known(self, path: Path) -> bool:
        """Return whether it is known what was written into the file at *path*."""
        known = self._files.get(self._name(path))
        return known is not None and known.sha256 != ""

    def fault(self, path: Path) -> str | None:
        """Look into the file at *path*: return what is wrong with it, None if nothing is.

        A file whose sum is not known is read whole, and its sum is known from then on.
        """
        name = self._name(path)
        known = self._files.get(name)
        try:
            found = _digest(path)
        except FileNotFoundError:
            return "the file is missing"
        except OSError as error:
            return f"the file cannot be read ({error.strerror})"
        if known is not None and known.sha256:
            fault = None if found == known.sha256 else "the file does not match its checksum"
        else:
            fault = _unreadable(path)
        if fault is None:
            with self._turn:
                self._looks += 1
                self._files[name] = _File(found, self._looks)
        return fault

    def suspects(self, at_most_bytes: int | None, is_stopped: Callable[[], bool]) -> set[Path]:
        """Look into the files whose last look was longest ago; return those that are damaged.

        Args:
            at_most_bytes: After so much it ends; None looks into every file.
            is_stopped: Asked before each file; it ends where that says so.
        """
        found, read = set(), 0
        with self._turn:
            oldest_first = sorted(self._files, key=lambda name: self._files[name].looked_at)
        for name in oldest_first:
            path = self._layout.data / name
            if is_stopped():
                break
            if not path.exists():
                # A merge took it away.
                continue
            read += path.stat().st_size
            if self.fault(path) is not None:
                found.add(path)
            if at_most_bytes is not None and read >= at_most_bytes:
                break
        return found

    def save(self, live: Iterable[Path] = ()) -> None:
        """Write the file anew, without those that are gone, and with the *live* ones.

        Raises:
            OSError: It is as it was.
        """
        with self._turn:
            for path in live:
                self._files.setdefault(self._name(path), _File("", 0))
            # A replaced file stays for a while, and may stand in for what replaced it.
            self._files = {
                name: file
                for name, file in self._files.items()
                if (self._layout.data / name).exists()
            }
            lines = [_line_of(name, file) for name, file in self._files.items() if file.sha256]
            lines.append(_line(f"commit {self.newest_commit}"))
            write_in_place_of(self._layout.checksums, "".join(lines).encode())

    def _append(self, lines: list[str]) -> None:
        # The commit is on the disk; what gets no line is read whole at the next start.
        with (
            contextlib.suppress(OSError),
            self._layout.checksums.open("a", encoding="utf-8") as file,
        ):
            file.write("".join(lines))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._layout.data).as_posix()


def _line_of(name: str, file: _File) -> str:
    return _line(f"file {file.sha256} {file.looked_at} {name}")


def _line(text: str) -> str:
    return f"{text} {zlib.crc32(text.encode()):08x}\n"


def _lines(path: Path) -> Iterator[list[str]]:
    """Yield the words of each line that is whole; none where there is no file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.decode("utf-8", "replace").splitlines():
        text, _, stated = line.rpartition(" ")
        if stated == f"{zlib.crc32(text.encode()):08x}":
            yield text.split(" ")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unreadable(path: Path) -> str | None:
    """Return why not every value of the Parquet file at *path* can be read, None if all can."""
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                file.read_row_group(number, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        return f"the file cannot be read to its end ({str(error).splitlines()[0]})"
    return None
