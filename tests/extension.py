"""How tests connect to DuckDB: as the product does, but for what costs most on small lakes.

The programs that tests start as users do connect as ever.
"""

from __future__ import annotations

import duckdb


def trusting(connect):
    """Return what connects as *connect* does, and takes DuckLake's extension as it is.

    To check its signature DuckDB reads all 36 MB of it, at every connection.
    """

    def connected(*args, config=None, **more) -> duckdb.DuckDBPyConnection:
        config = {**(config or {}), "allow_unsigned_extensions": "true"}
        return connect(*args, config=config, **more)

    return connected


def for_small_lakes(connect):
    """Return what connects as *connect* does, with one thread and without two optimizers.

    They ask DuckLake for statistics again and again: a fifth of what a query of a small lake
    costs. To share so small a query among threads costs as much again. That every query has the
    same answer with all of it is proven in tests/analytics, which has it.
    """
    without = {"disabled_optimizers": "join_order,statistics_propagation"}

    def connected(*args, config=None, **more) -> duckdb.DuckDBPyConnection:
        config = {"threads": 1, **(config or {}), **without}
        return connect(*args, config=config, **more)

    return connected
