"""How a bundle lies in its file: a zip whose bytes follow from its members alone.

Members are stored, not packed: Parquet is packed already, and what is not packed cannot grow when
it is read. The comment ends with the SHA-256 of all bytes before those digits.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import zipfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import IO, Final

from analytics import formats
from analytics.bundle.manifest import FORMAT, NAMES
from analytics.errors import BundleRefused

_DIGITS: Final = 64
_COMMENT: Final = f"{FORMAT}, SHA-256 of all before: ".encode()
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_MODE: Final = 0o100600 << 16
_HEADER: Final = 30
"""What stands before a member's name in its own header. [bytes]"""
LARGEST: Final = 1_900_000_000
"""A bundle is no larger, which keeps its headers of one kind. [bytes]"""

_NO_BUNDLE: Final = "it is no bundle of perpscope, or its end is missing"


def write(file: IO[bytes], members: Mapping[str, Path]) -> str:
    """Write *members*, by name, to *file*, which can be read as well; return its digest.

    The same members give the same bytes.

    Raises:
        BundleRefused: It would be too large.
    """
    total = sum(member.stat().st_size for member in members.values())
    if total > LARGEST:
        raise BundleRefused(
            f"the bundle would have {formats.size(total)}, at most {formats.size(LARGEST)} are "
            "possible: choose fewer pairs, or a shorter range"
        )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in NAMES:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = _UNIX, _MODE
            info.file_size = members[name].stat().st_size
            with members[name].open("rb") as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target)
        archive.comment = _COMMENT + b"0" * _DIGITS
    digest = _digest(file)
    file.seek(-_DIGITS, os.SEEK_END)
    file.write(digest.encode())
    return digest


def unpack(file: IO[bytes], folder: Path) -> tuple[dict[str, Path], bool]:
    """Write the members of a bundle to *folder*; return them, and whether the digest is right.

    Nothing in the file decides where something is written, or how much: members have the names
    and the order of ``NAMES`` and follow each other unpacked, and files get names of our own.

    Raises:
        BundleRefused: It is no bundle, or a member was changed.
    """
    size = file.seek(0, os.SEEK_END)
    if size > LARGEST:
        raise BundleRefused(
            f"it has {formats.size(size)}; at most {formats.size(LARGEST)} are opened"
        )
    try:
        with zipfile.ZipFile(file) as archive:
            infos, comment = archive.infolist(), archive.comment
            if not comment.startswith(_COMMENT) or len(comment) != len(_COMMENT) + _DIGITS:
                raise BundleRefused(_NO_BUNDLE)
            _refuse_others(infos)
            places = {name: place(folder, name) for name in NAMES}
            for info in infos:
                _unpack(archive, info, places[info.filename])
    except _BROKEN as error:
        raise BundleRefused(_NO_BUNDLE) from error
    return places, _digest(file).encode() == comment[-_DIGITS:]


_BROKEN: Final = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError),
    *(ValueError, OverflowError, struct.error),
)
"""What is raised of a file that is no zip, or a broken one."""


def _refuse_others(infos: Sequence[zipfile.ZipInfo]) -> None:
    """Raise unless the members are those of a bundle, each right after the one before."""
    expected = 0
    for name, info in zip_longest(NAMES, infos):
        if info is None:
            raise BundleRefused(f"{name} is missing")
        if name != info.filename:
            raise BundleRefused(f"a member is called {formats.repeated(info.filename)!r}: {_OTHER}")
        if (
            info.compress_type != zipfile.ZIP_STORED
            or info.compress_size != info.file_size
            or info.header_offset != expected
        ):
            raise BundleRefused(f"{name}: its header was changed")
        expected += _HEADER + len(name) + info.file_size


_OTHER: Final = f"a bundle holds {NAMES[0]} to {NAMES[-1]} and nothing else"


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    try:
        with archive.open(info) as source, target.open("wb") as written:
            shutil.copyfileobj(source, written)
    except _BROKEN as error:
        raise BundleRefused(changed(info.filename)) from error


def place(folder: Path, name: str) -> Path:
    """Return where the member called *name*, of ``NAMES``, lies in a folder."""
    return folder / name.replace("/", "_")


def changed(name: str) -> str:
    """Say that the member called *name* was changed."""
    return f"{name} was changed after the bundle was written"


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _digest(file: IO[bytes]) -> str:
    """Return the SHA-256 of all but the last digits."""
    left = file.seek(0, os.SEEK_END) - _DIGITS
    file.seek(0)
    found = hashlib.sha256()
    while left > 0 and (part := file.read(min(left, 2**20))):
        found.update(part)
        left -= len(part)
    return found.hexdigest()
