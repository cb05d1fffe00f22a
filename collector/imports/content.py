"""The bytes of a file, out of whatever it is packed in.

Plain, gzip, or a zip with one member, as Binance's archive has them; told apart
by their first bytes, never by their name. What was damaged on the way is found
by the packing's own checksum, and by the ``.CHECKSUM`` file where one lies beside.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from analytics.errors import ImportRefused

_GZIP = b"\x1f\x8b"
_ZIP = b"PK"


@dataclass(frozen=True, slots=True)
class Content:
    """An unpacked file."""

    name: str
    """What the file is called, without folder and ending: ``BTCUSDT-5m-2025-10``."""
    packed_as: str
    """What the zip around it is called, likewise; the same where there is none."""
    data: bytes


def read(file: Path) -> Content:
    """Return what *file* holds.

    Raises:
        ImportRefused: It cannot be read, is damaged, or holds not exactly one CSV or Parquet file.
    """
    try:
        packed = file.read_bytes()
    except FileNotFoundError as error:
        raise ImportRefused(file, "there is no such file") from error
    except IsADirectoryError as error:
        raise ImportRefused(file, "this is a folder; name the files in it") from error
    except OSError as error:
        raise ImportRefused(file, f"it cannot be read ({error.strerror})") from error
    if not packed:
        raise ImportRefused(file, "the file is empty")
    _check_sum(file, packed)
    name = _bare_name(file.name)
    if packed.startswith(_ZIP):
        member, data = _unzipped(file, packed)
        return Content(_bare_name(member), name, data)
    if packed.startswith(_GZIP):
        packed = _gunzipped(file, packed)
    return Content(name, name, packed)


def head(file: Path, length: int) -> bytes:
    """Return the first *length* bytes of *file*; nothing where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(length)
    except OSError:
        return b""


def _bare_name(name: str) -> str:
    for ending in (".zip", ".gz", ".csv", ".parquet"):
        name = name.removesuffix(ending)
    return name


def _check_sum(file: Path, packed: bytes) -> None:
    """Compare *packed* with the SHA-256 that the archive publishes beside each file."""
    try:
        stated = file.with_name(f"{file.name}.CHECKSUM").read_text("utf-8").split()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ImportRefused(file, "the .CHECKSUM file beside it cannot be read") from error
    if not stated or stated[0].lower() != hashlib.sha256(packed).hexdigest():
        raise ImportRefused(
            file, "it is not the file that the .CHECKSUM beside it is of; download both again"
        )


def _gunzipped(file: Path, packed: bytes) -> bytes:
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise ImportRefused(file, "the compressed file is damaged or cut short") from error


def _unzipped(file: Path, packed: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of the one member."""
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            member = _only_member(file, archive)
            return PurePosixPath(member).name, archive.read(member)
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
        raise ImportRefused(file, "the zip file is damaged, cut short or locked") from error


def _only_member(file: Path, archive: zipfile.ZipFile) -> str:
    members = [member.filename for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise ImportRefused(
            file, f"a zip file with one member is expected, this one has {len(members)}"
        )
    if not members[0].lower().endswith((".csv", ".parquet")):
        raise ImportRefused(file, f"its member {members[0]!r} is neither CSV nor Parquet")
    return members[0]
