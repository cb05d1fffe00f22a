"""DuckLake's extension, loaded without the check of its signature.

DuckDB reads all 36 MB of it for that, at every connection: most of what it costs to open a
lake. The programs that tests start as users do go on checking it.
"""

from __future__ import annotations

import duckdb


def trusting(connect):
    """Return what connects as *connect* does, and takes the extension as it is."""

    def connected(*args, config=None, **more) -> duckdb.DuckDBPyConnection:
        config = {**(config or {}), "allow_unsigned_extensions": "true"}
        return connect(*args, config=config, **more)

    return connected
