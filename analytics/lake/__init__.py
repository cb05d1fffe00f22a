"""The lake: open, append, publish, read and maintain. The only folder that knows DuckLake.

One process writes (``writer.Lake``), any number read (``reader.Reader``). Rows live in Parquet
files; the catalog that lists them is a DuckDB file only the writer opens. After
each commit the writer publishes a copy of the catalog, and readers attach that
copy, so nobody waits for anybody and a reader always sees a complete state.
"""
