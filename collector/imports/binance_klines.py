"""Klines of Binance's public archive: prices and flows of bars.

Five-minute klines are bars as they are. One-minute klines are combined, five to
a bar; five minutes of which one is missing give none, since its volume would
be too low. Three-minute klines do not fit into five minutes, and longer ones
cannot be taken apart, so both are refused.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.errors import ImportRefused
from collector.imports import contracts, reshape
from collector.imports.archive_name import ArchiveName
from collector.imports.delimited import Delimited
from collector.imports.parsed import ParsedFile
from collector.imports.validation import REPEATED, without_impossible_values

COLUMNS = {
    "open_time": pa.int64(),
    "open": pa.float64(),
    "high": pa.float64(),
    "low": pa.float64(),
    "close": pa.float64(),
    "volume": pa.float64(),
    "close_time": pa.int64(),
    "quote_volume": pa.float64(),
    "count": pa.int64(),
    "taker_buy_volume": pa.float64(),
    "taker_buy_quote_volume": pa.float64(),
    "ignore": pa.string(),
}

INCOMPLETE = "of five minutes whose other minutes are missing"

_OURS = {
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "quote_volume": "volume_usd",
    "taker_buy_quote_volume": "taker_buy_usd",
}
"""Their column: ours."""

_MINUTES = {"1m": 1, "5m": 5}

_IN_MICROSECONDS = (
    "its times are in microseconds, as in Binance's spot archive: "
    "make sure that it is from the futures archive"
)

# Times of more than 14 digits are microseconds: as milliseconds they would lie in the year 5138.
_TIMED = """
    select
        *,
        if(open_time < 100000000000000, open_time, open_time // 1000) as opened_ms,
        close_time - open_time + 1 as lasted,
        if(open_time < 100000000000000, 60000, 60000000) as minute
    from candles
"""
_WRONG_TIME = """
    select nth, open_time
    from timed, name
    where
        open_time is null or close_time is null
        or lasted <> minutes * minute
        or opened_ms % (minutes * 60000) <> 0
        or opened_ms not between 1230768000000 and 4102444799999
    order by nth
    limit 1
"""
_FIRST_OF_EACH = """
    select * exclude (nth) from candles
    qualify row_number() over (partition by opened_ms order by nth) = 1
"""
_BARS = """
    select
        'binance' as venue,
        contract.symbol,
        contract.base,
        time_bucket(interval 5 minutes, epoch_ms(candle.opened_ms))::timestamp_ms as ts,
        arg_min(candle.open, candle.opened_ms) as open,
        max(candle.high) as high,
        min(candle.low) as low,
        arg_max(candle.close, candle.opened_ms) as close,
        sum(candle.volume_usd) as volume_usd,
        sum(candle.taker_buy_usd) as taker_buy_usd,
        sum(candle.volume_usd - candle.taker_buy_usd) as taker_sell_usd,
        0::integer as snapshot_count,
        'import' as origin,
        count(*) as candles
    from candles as candle, contracts as contract
    group by
        contract.symbol,
        contract.base,
        time_bucket(interval 5 minutes, epoch_ms(candle.opened_ms))
"""


def read(source: Delimited, name: ArchiveName, *, header: bool) -> ParsedFile:
    """Read klines of five minutes, or of one.

    Raises:
        ImportRefused: They are of another interval, or not what the name says.
    """
    contract = name.contract(source.file)
    minutes = _minutes(source, name)
    rows = _timed(source, minutes, header=header)
    _check_traded(source, rows)
    ours = rows.select([*_OURS, "opened_ms", "nth"]).rename_columns(
        [*_OURS.values(), "opened_ms", "nth"]
    )
    candles, values_refused = without_impossible_values(ours)
    candles = reshape.run(_FIRST_OF_EACH, candles=candles)
    bars = reshape.run(
        _BARS, candles=candles, contracts=contracts.table({contract.venue_id: contract})
    )
    whole = pc.equal(bars["candles"], 5 // minutes)
    in_pieces = pc.sum(bars.filter(pc.invert(whole))["candles"]).as_py() or 0
    bars = bars.filter(whole).drop_columns(["candles"])
    milliseconds = pc.all(pc.equal(rows["open_time"], rows["opened_ms"])).as_py()
    return ParsedFile(
        file=source.file,
        kind=f"Binance archive: klines of {name.what}",
        rows_read=rows.num_rows,
        bars=bars,
        instruments=contracts.instruments([contract], bars["ts"]),
        refused=+Counter({REPEATED: rows.num_rows - candles.num_rows, INCOMPLETE: in_pieces}),
        values_refused=values_refused,
        notes=source.notes if milliseconds is not False else (*source.notes, _IN_MICROSECONDS),
    )


def _minutes(source: Delimited, name: ArchiveName) -> int:
    if name.what not in _MINUTES:
        raise ImportRefused(
            source.file,
            f"its name says {name.what}, and bars are five minutes: use the file of 5m or of 1m",
        )
    return _MINUTES[name.what]


def _timed(source: Delimited, minutes: int, *, header: bool) -> pa.Table:
    """Return the rows with ``opened_ms``, each on a mark of its interval and as long as it."""
    rows = source.table(COLUMNS, header=header)
    timed = reshape.run(_TIMED, candles=rows.append_column("nth", [np.arange(rows.num_rows)]))
    wrong = reshape.run(_WRONG_TIME, timed=timed, name=pa.table({"minutes": [minutes]}))
    if wrong.num_rows:
        raise source.refusal(
            wrong["nth"][0].as_py(),
            f"this is not a kline of {minutes} min: it opens at {wrong['open_time'][0].as_py()}",
            header=header,
        )
    return timed


def _check_traded(source: Delimited, rows: pa.Table) -> None:
    """Refuse mark, index and premium prices: they are counted, but no volume was traded."""
    counted = (pc.max(rows["count"]).as_py() or 0) > 0
    if counted and not (pc.max(rows["volume"]).as_py() or 0) > 0:
        raise ImportRefused(
            source.file,
            "no row has a volume: these are mark, index or premium prices, not klines of trades",
        )
