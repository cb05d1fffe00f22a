"""Rows as JSON, CSV or an Arrow stream: the same columns, absent where absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from analytics.cli.query_cli import utc_text
from analytics.untrusted.spreadsheet import safe
from dashboard.api import columns
from dashboard.api.problems import Problem
from dashboard.state.as_of import Moment

JSON: Final = "application/json"
CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"

Times = Literal["iso", "ms"]


def negotiated(accept: str | None) -> str:
    """Return the media type that the header *accept* prefers; JSON where it does not care.

    Raises:
        Problem: It accepts none of ours.
    """
    ranges = sorted(map(_range, (accept or "*/*").split(",")), key=lambda one: -one[1])
    for name, quality in ranges:
        found = next((one for one in _WRITERS if _fits(one, name)), None)
        if found is not None and quality > 0:
            return found
    raise Problem(406, f"Accept must allow one of {', '.join(_WRITERS)}")


def encode(rows: pd.DataFrame, media_type: str, shown: Moment, times: Times) -> bytes:
    """Return *rows* in one of ``_WRITERS``, with what time and record they are of."""
    return _WRITERS[media_type](rows, about(shown, times), times)


def about(shown: Moment, times: Times) -> dict[str, Any]:
    """Return what an answer says of itself: its time, whether that is now, and of which market."""
    return {
        "as_of": time_value(shown.now, times),
        "mode": shown.mode,
        "origin": shown.origin,
    }


def time_value(at: datetime, times: Times) -> str | int:
    """Return *at*, UTC, as ``times`` asks for."""
    return utc_text(at) if times == "iso" else round(at.timestamp() * 1000)


def records(rows: pd.DataFrame, times: Times) -> list[dict[str, Any]]:
    """Return *rows* as orjson writes them."""
    cells = [_values(rows[name], times) for name in rows.columns]
    return [dict(zip(rows.columns, row, strict=True)) for row in zip(*cells, strict=True)]


def _json(rows: pd.DataFrame, head: Mapping[str, Any], times: Times) -> bytes:
    return orjson.dumps({**head, "data": records(rows, times)})


def _csv(rows: pd.DataFrame, _: Mapping[str, Any], times: Times) -> bytes:
    written = {name: _csv_cells(rows[name], times) for name in rows.columns}
    out = pa.BufferOutputStream()
    pa_csv.write_csv(pa.table(written), out, pa_csv.WriteOptions(quoting_style="needed"))
    return out.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _arrow(rows: pd.DataFrame, head: Mapping[str, Any], _: Times) -> bytes:
    table = pa.Table.from_pandas(rows, preserve_index=False)
    fields = [_field(field) for field in table.schema]
    about_it = {key: str(value) for key, value in head.items()}
    table = table.cast(pa.schema(fields)).replace_schema_metadata(about_it)
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table)
    return out.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _field(field: pa.Field) -> pa.Field:
    kind = pa.timestamp("ms", "UTC") if pa.types.is_timestamp(field.type) else field.type
    kind = pa.string() if pa.types.is_null(kind) or pa.types.is_large_string(kind) else kind
    unit = columns.unit(field.name)
    return pa.field(field.name, kind, metadata=None if unit is None else {"unit": unit})


def _values(values: pd.Series[Any], times: Times) -> list[Any]:
    """Return the cells of a column as JSON has them; orjson writes what is not finite as null."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _times(values, times)
    if _is_float(values):
        return values.tolist()
    absent = values.isna().tolist()
    return [None if no else cell for cell, no in zip(values.tolist(), absent, strict=True)]


def _times(values: pd.Series[Any], times: Times) -> list[Any]:
    utc = pd.to_datetime(values, utc=True).dt.tz_localize(None).to_numpy("datetime64[ms]")
    absent = np.isnat(utc)
    written = np.strings.add(np.datetime_as_string(utc), "Z")
    said = utc.astype(np.int64) if times == "ms" else written
    return [None if no else one for one, no in zip(said.tolist(), absent.tolist(), strict=True)]


def _csv_cells(values: pd.Series[Any], times: Times) -> pa.Array:
    if _is_float(values):
        return pa.array(values.where(np.isfinite(values)), from_pandas=True)
    return pa.array([_csv_cell(cell) for cell in _values(values, times)])


def _csv_cell(cell: Any) -> Any:
    """Return *cell* as a file has it, which a spreadsheet may open."""
    if isinstance(cell, list):
        return orjson.dumps(cell).decode()
    return safe(cell) if isinstance(cell, str) else cell


def _is_float(values: pd.Series[Any]) -> bool:
    return isinstance(values.dtype, np.dtype) and values.dtype.kind == "f"


def _range(text: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in text.split(";"))
    stated = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return name.lower(), float(stated)
    except ValueError:
        return name.lower(), 0.0


def _fits(media_type: str, accepted: str) -> bool:
    return accepted in ("*/*", media_type, f"{media_type.partition('/')[0]}/*")


_WRITERS: Final[Mapping[str, Callable[[pd.DataFrame, Mapping[str, Any], Times], bytes]]] = {
    JSON: _json,
    CSV: _csv,
    ARROW: _arrow,
}
