"""The other process of ``reader_process``: reads the files it is told; tables go into files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa

from analytics.files import parsing
from analytics.files.child_process import Answer, Tell, serve
from analytics.files.parsed import CHUNK
from analytics.files.reader_process import TABLES


def _read(asked: Answer, _: Tell) -> Answer:
    folder = Path(asked["folder"])
    parsed = parsing.parse(Path(asked["file"]), datetime.fromisoformat(asked["now"]))
    tables = []
    for name in TABLES:
        rows: pa.Table | None = getattr(parsed, name)
        if rows is not None:
            tables.append(name)
            # Anew, as the one before may still be in use.
            place = folder / f"{name}.arrow"
            place.unlink(missing_ok=True)
            with (
                pa.OSFile(str(place), "wb") as written,
                pa.ipc.new_file(written, rows.schema) as pieces,
            ):
                pieces.write_table(rows, max_chunksize=CHUNK)
    return {
        "tables": tables,
        "kind": parsed.kind,
        "rows_read": parsed.rows_read,
        "sha256": parsed.sha256,
        "rows_refused": dict(parsed.refused),
        "values_refused": dict(parsed.values_refused),
        "notes": parsed.notes,
    }


if __name__ == "__main__":
    serve(_read)
