"""Comma-separated text, read strictly.

Arrow reads the values, fast and in bulk. It does not say in which line something
is wrong, so a file it refuses is gone through once more, line by line, for the
sentence that tells where.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from analytics.errors import ImportRefused
from analytics.files import reshape
from analytics.files.content import Data

_NUMBER = re.compile(
    r"\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf|infinity)\s*", re.IGNORECASE | re.ASCII
)
_INTEGER = re.compile(r"\s*[+-]?\d{1,18}\s*", re.ASCII)

_CHUNK_BYTES = 2**20
"""How much text is decoded at once. [bytes]"""

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_TOO_LONG = "a field is limited to 128 KiB"

CUT_SHORT = "the last line has no line break: the file and its last value may be cut short"


@dataclass(frozen=True, slots=True)
class Delimited:
    """A comma-separated text, its first line taken apart."""

    file: Path
    data: Data
    """The text, known to be UTF-8, without a mark of that."""
    first_line: tuple[str, ...]
    """The fields of the first line that is not blank."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be said about the text whatever it holds."""
        return () if self.data[-1:] in (b"\n", b"\r") else (CUT_SHORT,)

    def table(self, columns: Mapping[str, pa.DataType], *, header: bool = True) -> pa.Table:
        """Return the rows as *columns*, which name and type every column in its order.

        Empty fields become NULL. Text where a number belongs, a line of another
        number of fields and an open quotation mark refuse the file.

        Raises:
            ImportRefused: Naming the first line that is wrong, and what about it.
        """
        skipped = self._blank_lines_before() + (1 if header else 0)
        try:
            rows = arrow_csv.read_csv(
                pa.BufferReader(self.data if not self.notes else self.data[:] + b"\n"),
                read_options=arrow_csv.ReadOptions(column_names=list(columns), skip_rows=skipped),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=dict(columns),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            if header and not any(True for _ in self._rows(header=True)):
                return pa.schema(list(columns.items())).empty_table()
            self._refuse_first_fault(columns, header=header)
            said = str(error).partition("\n")[0][:200]
            raise ImportRefused(self.file, f"it cannot be read as CSV ({said})") from error
        for name, kind in columns.items():
            if kind == pa.string() and pc.any(pc.match_substring(rows[name], "\n")).as_py():
                self._refuse_first_fault(columns, header=header)
        return rows

    def moments(self, rows: pa.Table, column: str) -> pa.ChunkedArray:
        """Return the times that *column* of *rows* says, none of them absent.

        Raises:
            ImportRefused: Naming the first line that says none.
        """
        moments = reshape.moments(rows[column])
        if moments.null_count:
            row = pc.index(moments.is_null(), value=True).as_py()
            said = rows[column][row].as_py()
            raise self.refusal(row, f"{column} should be a time, not {said!r}")
        return moments

    def refusal(self, row: int, reason: str, *, header: bool = True) -> ImportRefused:
        """Return the refusal that names the line which *row*, counted from 0, stands in."""
        for nth, (line, _) in enumerate(self._rows(header=header)):
            if nth == row:
                return ImportRefused(self.file, reason, line)
        return ImportRefused(self.file, reason)

    def _rows(self, *, header: bool) -> Iterator[tuple[int, str]]:
        """Yield the number and the text of every line that holds a row."""
        lines = enumerate(_lines(self.data), start=1)
        filled = ((line, text.rstrip("\n")) for line, text in lines if text.rstrip("\n"))
        if header:
            next(filled, None)
        return filled

    def _blank_lines_before(self) -> int:
        line, _ = next(self._rows(header=False))
        return line - 1

    def _refuse_first_fault(self, columns: Mapping[str, pa.DataType], *, header: bool) -> None:
        for line, text in self._rows(header=header):
            fault = _fault(text, columns)
            if fault is not None:
                raise ImportRefused(self.file, fault, line)


def opened(file: Path, data: Data) -> Delimited:
    """Return *data* as text with its first line taken apart.

    Raises:
        ImportRefused: It is not UTF-8 text, or has no line at all.
    """
    if data[:3] == codecs.BOM_UTF8:
        data = data[3:]
    try:
        _check_text(data)
    except UnicodeDecodeError as error:
        raise ImportRefused(
            file,
            "not UTF-8 text, Parquet or SQLite",
            _line_at(data, error.start),
        ) from error
    if (place := data.find(b"\0")) >= 0:
        raise ImportRefused(
            file, "it contains a zero byte, so it is not text", _line_at(data, place)
        )
    first = next((line for line in _lines(data) if line != "\n"), None)
    if first is None:
        raise ImportRefused(file, "it contains only blank lines")
    if len(first) > csv.field_size_limit():
        raise ImportRefused(file, f"its first line is too long: {_TOO_LONG}", 1)
    _refuse_other_separator(file, first)
    return Delimited(file, data, tuple(field.strip() for field in _fields(first.rstrip("\n"))))


def _check_text(data: Data) -> None:
    """Decode *data* piece by piece: the text of all of it would need its memory again."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    seen = memoryview(data)
    for start in range(0, len(data), _CHUNK_BYTES):
        try:
            decoder.decode(
                seen[start : start + _CHUNK_BYTES], final=start + _CHUNK_BYTES >= len(data)
            )
        except UnicodeDecodeError as error:
            # The decoder counts from what it kept of the piece before.
            kept = len(error.object) - min(_CHUNK_BYTES, len(data) - start)
            error.start += start - kept
            raise


def _lines(data: Data) -> Iterator[str]:
    return io.TextIOWrapper(pa.BufferReader(data), "utf-8", newline=None)


def _line_at(data: Data, position: int) -> int:
    before = data[:position]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _fields(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        return [line]


def _refuse_other_separator(file: Path, line: str) -> None:
    for character, name in _OTHER_SEPARATORS.items():
        if line.count(character) >= max(line.count(","), 1):
            raise ImportRefused(file, f"its columns are separated by {name}; use commas", 1)


def _fault(line: str, columns: Mapping[str, pa.DataType]) -> str | None:
    """Return what is wrong with *line*, or None."""
    try:
        fields = next(csv.reader([line], strict=True))
    except csv.Error as error:
        if "limit" in str(error):
            return f"a field is too long: {_TOO_LONG}"
        return "a quotation mark is not closed"
    if len(fields) != len(columns):
        return f"expected {len(columns)} columns, found {len(fields)}"
    for value, (name, kind) in zip(fields, columns.items(), strict=True):
        if kind == pa.string() or not value:
            continue
        written = _INTEGER if kind == pa.int64() else _NUMBER
        if not written.fullmatch(value):
            wanted = "a whole number" if kind == pa.int64() else "a number"
            return f"{name} should be {wanted}, not {value!r}"
    return None
