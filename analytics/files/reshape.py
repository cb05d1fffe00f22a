"""SQL over Arrow tables that lie in memory, before anything is stored."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NO_DOWNLOADS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

_MOMENTS = """
    with read as (
        select
            nth,
            case
                when regexp_full_match(written, '[0-9]{12,14}') then epoch_ms(written::bigint)
                -- A date alone would be read as its midnight: a row of a whole day is no instant.
                when regexp_matches(written, '[0-9][T ] *[0-9]{1,2}:[0-9]{2}')
                    then make_timestamp(epoch_us(try_cast(written as timestamptz)) // 1000 * 1000)
            end as moment
        from written
    )

    select case when year(moment) between 2009 and 2099 then moment end::timestamp_ms as moment
    from read
    order by nth
"""


def run(statement: str, **tables: pa.Table) -> pa.Table:
    """Return what *statement* selects from *tables*, under the names they are given here.

    Times without a zone are UTC, on any machine.
    """
    with duckdb.connect(":memory:", config=_NO_DOWNLOADS) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for name, rows in tables.items():
            connection.register(name, rows)
        return connection.execute(statement).to_arrow_table()


def only(rows: pa.Table, wanted: pa.ChunkedArray) -> pa.Table:
    """Return the *wanted* ones of *rows*; the same table, not a copy, where those are all."""
    return rows if pc.all(wanted, min_count=0).as_py() else rows.filter(wanted)


def moments(written: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the times that texts say, as UTC milliseconds.

    ISO 8601 with a zone or without one (then UTC), or milliseconds since 1970;
    what is neither, such as a date without a time of day, or lies outside 2009 to 2099,
    becomes NULL.
    """
    numbered = pa.table({"written": written, "nth": np.arange(len(written))})
    return run(_MOMENTS, written=numbered)["moment"]
