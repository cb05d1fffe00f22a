"""The other process of ``opened``: turns a stranger's Parquet files into tables of known columns.

``python -m analytics.bundle.tables_child FOLDER FIRST LAST`` reads the tables among the members of
a bundle in FOLDER and writes each as ``TABLE.arrow``, under limits. It tells how many rows each
has as JSON, or why one is refused. Times lie from FIRST to LAST, ISO 8601 in UTC.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analytics.bundle import archive
from analytics.bundle.manifest import TABLES, member
from analytics.files.child_process import limited
from analytics.lake import schema
from analytics.untrusted.process_limits import limit_cpu

MEMORY_MB: Final = 1000
"""What it may need above what it needs idle. [MB]"""
MAX_S: Final = 300
"""How long it may take. [s of the processor, and of the wall]"""
_LARGEST: Final = 16 * 2**30
"""The most that is handed over of a table. [bytes]"""
_ROWS: Final = 100_000


def main() -> None:
    """Read the files in the folder that the command line names."""
    folder, rows = Path(sys.argv[1]), dict[str, int]()
    first, last = (pa.scalar(datetime.fromisoformat(text)) for text in sys.argv[2:])
    answers = limited(MEMORY_MB, _LARGEST)
    limit_cpu(MAX_S)
    answer: dict[str, Any] = {"rows": rows}
    try:
        for table in TABLES:
            rows[table] = _convert(table, folder, (first, last))
    except (pa.ArrowException, MemoryError, OSError, ValueError) as error:
        said = "needs too much memory" if isinstance(error, MemoryError) else _NOT_READ
        answer = {"refused": f"{member(table)} {said}"}
    answers.write(json.dumps(answer).encode())


_NOT_READ: Final = "is no Parquet file with the columns of its table and times of the bundle"


def _convert(table: str, folder: Path, within: tuple[pa.Scalar, pa.Scalar]) -> int:
    """Write the rows of *table* as Arrow, and return how many there are.

    Raises:
        ValueError: It has other columns, or times that are not *within*: each day makes a folder.
    """
    stored, count = schema.arrow_schema(table), 0
    with pq.ParquetFile(archive.place(folder, member(table))) as file:
        if not file.schema_arrow.equals(stored):
            raise ValueError(table)
        place = str(folder / f"{table}.arrow")
        with pa.OSFile(place, "wb") as written, pa.ipc.new_file(written, stored) as pieces:
            for batch in file.iter_batches(_ROWS, use_threads=False):
                batch.validate(full=True)
                _refuse_far(table, batch, within)
                pieces.write_batch(batch)
                count += batch.num_rows
    return count


def _refuse_far(table: str, batch: pa.RecordBatch, within: tuple[pa.Scalar, pa.Scalar]) -> None:
    if table in schema.TIMES and batch.num_rows:
        found = pc.min_max(batch[schema.TIMES[table]].cast(pa.timestamp("us")))
        if found["min"].as_py() < within[0].as_py() or found["max"].as_py() > within[1].as_py():
            raise ValueError(table)


if __name__ == "__main__":
    main()
