"""PDF and workbook of a replayed day: ``python benchmarks/replay_pdf.py LAKE [END]``.

The day before END (ISO 8601, UTC; by default the newest mark) with every page and the charts of
the two pairs with the most open interest: over 20 charts. Must be: PDF within 10 s and 5 MB.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from machine import described

from analytics import query
from analytics.exports.pdf import pdf_bytes
from analytics.lake.reader import Reader
from analytics.reports.range_parts import parts
from analytics.reports.range_request import PARTS, Asked
from analytics.reports.range_workbook import workbook

PAIRS = 2
CYCLE = timedelta(seconds=30)


def main(folder: Path, end: datetime | None) -> None:
    print(described())
    reader = Reader(folder)
    with reader.cursor() as cursor:
        newest = query.fetch(cursor, "record_span", near=datetime.now(UTC))["last_ts"][0]
        until = end or newest.to_pydatetime()
        known = query.fetch(
            cursor, "pairs", now=until, since=until - timedelta(hours=1), span_s=300
        )
        pairs = tuple(known[["venue", "symbol"]].head(PAIRS).itertuples(index=False, name=None))
        asked = Asked(
            start=until - timedelta(days=1),
            end=until,
            known_by=query.ANY_TIME,
            cycle=CYCLE,
            parts=PARTS,
            pairs=pairs,
        )
        began = time.perf_counter()
        made = parts(cursor, asked)
        loaded = time.perf_counter()
        paper = pdf_bytes(*made)
        written = time.perf_counter()
        book = workbook(made)
        booked = time.perf_counter()
    charts = sum(len(part.charts) for part in made)
    print(f"{len(known)} pairs, {charts} charts")
    print(
        f"PDF {written - began:.1f} s, {loaded - began:.1f} of it to load: "
        f"{len(paper) / 1e6:.2f} MB; must be 10 s, 5 MB"
    )
    print(f"XLSX {booked - written:.1f} s more, {len(book) / 1e6:.2f} MB")
    reader.close()


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        datetime.fromisoformat(sys.argv[2]).replace(tzinfo=UTC) if len(sys.argv) > 2 else None,
    )
