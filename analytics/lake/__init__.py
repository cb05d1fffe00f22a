"""The lake: open, append, publish, read and maintain. The only folder that knows DuckLake.

One process writes (``Lake``), any number read (``Reader``). Rows live in Parquet
files; the catalog that lists them is a DuckDB file only the writer opens. After
each commit the writer publishes a copy of the catalog, and readers attach that
copy, so nobody waits for anybody and a reader always sees a complete state.
"""

from analytics.lake.reader import Reader
from analytics.lake.writer import Lake

__all__ = ["Lake", "Reader"]
