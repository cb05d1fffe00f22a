"""The bytes of a file, out of whatever it is packed in.

Plain, gzip, or a zip with one member, as Binance's archive has them; told apart
by their first bytes, never by their name. What was damaged on the way is found
by the packing's own checksum, and by the ``.CHECKSUM`` file where one lies beside.

What is unpacked is held in memory whole, so what is too large is refused before it is.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import mmap
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa

from analytics.errors import ImportRefused

MAX_FILE_BYTES = 2 * 2**30
"""A larger file is refused, also one that is not held in memory. [bytes]"""

MAX_UNPACKED_BYTES = 400 * 2**20
"""What holds more, itself or unpacked, is refused: it is held in memory whole. [bytes]"""

_MAX_CHECKSUM = 4096
"""A digest and the name of a file. [bytes]"""

_CHUNK_BYTES = 2**20
"""How much is unpacked before it is looked whether it is too much already. [bytes]"""

_FINDERS = re.compile(r"^__MACOSX/|(^|/)(\._[^/]*|\.DS_Store)$")
"""What macOS adds to a zip that is made anew: notes about its files."""

_GZIP = b"\x1f\x8b"
_ZIP = b"PK"


Data = bytes | mmap.mmap
"""What is in a file: mapped where it lies there plainly, so that it needs no memory of ours."""


@dataclass(frozen=True, slots=True)
class Content:
    """An unpacked file."""

    name: str
    """What the file is called, without folder and ending: ``BTCUSDT-5m-2025-10``."""
    packed_as: str
    """What the zip around it is called, likewise; the same where there is none."""
    data: Data


def read(file: Path) -> Content:
    """Return what *file* holds.

    Raises:
        ImportRefused: It cannot be read, is damaged, or holds not exactly one CSV or Parquet file.
    """
    try:
        with opened(file) as found:
            packed = found.mapped()
    except FileNotFoundError as error:
        raise ImportRefused(file, "no such file") from error
    except OSError as error:
        raise ImportRefused(file, f"it cannot be read ({error.strerror})") from error
    if not packed:
        raise ImportRefused(file, "the file is empty")
    _refuse_unpacked(file, len(packed))
    _check_sum(file, packed)
    name = _bare_name(file.name)
    if packed[:2] == _ZIP:
        member, data = _unzipped(file, packed)
        return Content(_bare_name(member), name, data)
    if packed[:2] == _GZIP:
        return Content(name, name, _gunzipped(file, packed))
    return Content(name, name, packed)


@dataclass(frozen=True, slots=True)
class Opened:
    """An ordinary file that is open, of a size that can be held."""

    descriptor: int
    size: int
    """As it was when it was opened; no more than that is ever read. [bytes]"""

    def read(self, most: int) -> bytes:
        """Return its beginning, *most* bytes."""
        return os.read(self.descriptor, min(self.size, most))

    def mapped(self) -> Data:
        """Return all of it."""
        if not self.size:
            return b""
        return mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ)


@contextmanager
def opened(file: Path) -> Iterator[Opened]:
    """Open *file* if it is a regular file; never blocks, as a pipe would.

    Files of ``/proc`` say that they have no bytes, so that none are read.

    Raises:
        ImportRefused: It is a folder, a pipe, a device or too large to be held.
        OSError: It cannot be opened.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise ImportRefused(file, "it is a folder; list the files in it")
        if not stat.S_ISREG(found.st_mode):
            raise ImportRefused(file, "it is not a regular file")
        if found.st_size > MAX_FILE_BYTES:
            raise ImportRefused(file, f"it is larger than {_size(MAX_FILE_BYTES)}; split it")
        yield Opened(descriptor, found.st_size)
    finally:
        os.close(descriptor)


def sha256(file: Path) -> str:
    """Return the SHA-256 of *file*.

    Raises:
        ImportRefused: It cannot be read.
    """
    with opened(file) as found, os.fdopen(os.dup(found.descriptor), "rb") as reading:
        return hashlib.file_digest(reading, "sha256").hexdigest()


def head(file: Path, length: int) -> bytes:
    """Return the first *length* bytes of *file*; nothing where it cannot be read."""
    try:
        with opened(file) as found:
            return found.read(length)
    except (OSError, ImportRefused):
        return b""


def _bare_name(name: str) -> str:
    for ending in (".zip", ".gz", ".csv", ".parquet"):
        name = name.removesuffix(ending)
    return name


def _check_sum(file: Path, packed: Data) -> None:
    """Compare *packed* with the SHA-256 that the archive publishes beside each file."""
    try:
        with opened(file.with_name(f"{file.name}.CHECKSUM")) as beside:
            stated = beside.read(_MAX_CHECKSUM).decode().split()
    except FileNotFoundError:
        return
    except (OSError, ImportRefused, UnicodeDecodeError) as error:
        raise ImportRefused(file, "the .CHECKSUM file beside it cannot be read") from error
    if not stated or stated[0].lower() != hashlib.sha256(packed).hexdigest():
        raise ImportRefused(
            file, "it does not match the .CHECKSUM file beside it; download both again"
        )


def _gunzipped(file: Path, packed: Data) -> bytes:
    unpacked = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=pa.BufferReader(packed)) as opened:
            while piece := opened.read(_CHUNK_BYTES):
                unpacked.write(piece)
                _refuse_unpacked(file, unpacked.tell())
    except (OSError, EOFError, zlib.error) as error:
        raise ImportRefused(file, "the compressed file is damaged or cut short") from error
    return unpacked.getvalue()


def _unzipped(file: Path, packed: Data) -> tuple[str, bytes]:
    """Return the name and the bytes of the one member."""
    try:
        with zipfile.ZipFile(pa.BufferReader(packed)) as archive:
            member = _only_member(file, archive)
            # More than a member says of itself is never read: its checksum is then wrong.
            _refuse_unpacked(file, member.file_size)
            return PurePosixPath(member.filename).name, archive.read(member)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        # The last two are what zipfile raises for packings it cannot undo and for passwords.
        raise ImportRefused(file, "the zip file is damaged, cut short or encrypted") from error


def _refuse_unpacked(file: Path, length: int) -> None:
    if length > MAX_UNPACKED_BYTES:
        raise ImportRefused(file, f"it is larger than {_size(MAX_UNPACKED_BYTES)}; split it")


def _size(length: int) -> str:
    return f"{length / 2**30:,.1f} GB"


def _only_member(file: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not _FINDERS.search(member.filename)
    ]
    if len(members) != 1:
        raise ImportRefused(file, f"a zip file must have one member, this one has {len(members)}")
    name = members[0].filename
    if not name.lower().endswith((".csv", ".parquet")):
        raise ImportRefused(file, f"its member {name!r} is neither CSV nor Parquet")
    return members[0]
