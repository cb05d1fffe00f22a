"""Klines of Binance's public archive: prices and flows of bars.

Five-minute klines are bars as they are. One-minute klines are combined, five to
a bar; five minutes of which one is missing give none, since its volume would
be too low. Three-minute klines do not fit into five minutes, and longer ones
cannot be taken apart, so both are refused.
"""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from analytics.errors import ImportRefused
from analytics.files import contracts, reshape
from analytics.files.archive_name import ArchiveName
from analytics.files.delimited import Delimited
from analytics.files.parsed import ParsedFile
from analytics.files.row_checks import first_of_each, numbered, without_impossible_values

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

INCOMPLETE = "incomplete five minutes"
CLOSED_EARLY = "kline closed early"
SECOND_KLINE = "second kline with the same open time"

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

FROM_FUTURES = "take the file from data/futures/um of the archive"
_IN_MICROSECONDS = f"its times are in microseconds, so it is from the spot archive; {FROM_FUTURES}"
_WITHOUT_NAMES = (
    "it has no header line; USD-M futures files have had one since 2022 and spot files never have, "
    f"so it is from the spot archive; {FROM_FUTURES}"
)
_PERHAPS_SPOT = (
    "klines from before 2023 without a header line may also be spot klines: "
    "make sure that the file is from data/futures/um of the archive"
)
_NAMED_SINCE_MS = 1_672_531_200_000
"""2023-01-01: since some month of 2022 klines of USD-M futures have a first line. [ms, UTC]"""
_MICROSECONDS_FROM = 100_000_000_000_000
"""Taken for milliseconds, these would lie in the year 5138."""

_WRONG_TIME = """
    select nth, open_time
    from candles, name
    where
        open_time is null or close_time is null
        or close_time - open_time + 1 > minutes * 60000
        or close_time < open_time
        or open_time % (minutes * 60000) <> 0
        or open_time not between 1230768000000 and 4102444799999
    order by nth
    limit 1
"""
_BARS = """
    select
        'binance' as venue,
        contract.symbol,
        contract.base,
        time_bucket(interval 5 minutes, epoch_ms(candle.open_time))::timestamp_ms as ts,
        arg_min(candle.open, candle.open_time) as open,
        max(candle.high) as high,
        min(candle.low) as low,
        arg_max(candle.close, candle.open_time) as close,
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
        time_bucket(interval 5 minutes, epoch_ms(candle.open_time))
"""


def read(source: Delimited, name: ArchiveName, *, header: bool) -> ParsedFile:
    """Read klines of five minutes, or of one.

    Raises:
        ImportRefused: They are of another interval or market, or not what the name says.
    """
    contract = name.contract(source.file)
    minutes = _minutes(source, name)
    rows = source.table(COLUMNS, header=header)
    _refuse_spot(source, rows["open_time"], header=header)
    whole, refused = _whole(source, numbered(rows), minutes, header=header)
    _check_traded(source, rows)
    whole, others = first_of_each(whole, ["open_time"], SECOND_KLINE)
    ours = whole.select([*_OURS, "open_time"]).rename_columns([*_OURS.values(), "open_time"])
    candles, values_refused = without_impossible_values(ours)
    bars = reshape.run(
        _BARS, candles=candles, contracts=contracts.table({contract.venue_id: contract})
    )
    complete = pc.equal(bars["candles"], 5 // minutes)
    in_pieces = pc.sum(bars.filter(pc.invert(complete))["candles"]).as_py() or 0
    bars = bars.filter(complete).drop_columns(["candles"])
    notes = source.notes if header or not rows.num_rows else (*source.notes, _PERHAPS_SPOT)
    return ParsedFile(
        file=source.file,
        kind=f"Binance archive: klines of {name.what}",
        rows_read=rows.num_rows,
        bars=bars,
        instruments=contracts.instruments([contract], bars["ts"]),
        refused=+(refused + others + Counter({INCOMPLETE: in_pieces})),
        values_refused=values_refused,
        notes=notes,
    )


def _refuse_spot(source: Delimited, opened: pa.ChunkedArray, *, header: bool) -> None:
    """Refuse what can only be klines of the spot market."""
    latest = pc.max(opened).as_py() or 0
    if latest >= _MICROSECONDS_FROM:
        raise ImportRefused(source.file, _IN_MICROSECONDS)
    if not header and latest >= _NAMED_SINCE_MS:
        raise ImportRefused(source.file, _WITHOUT_NAMES)


def _minutes(source: Delimited, name: ArchiveName) -> int:
    if name.what not in _MINUTES:
        raise ImportRefused(
            source.file,
            f"it has {name.what} klines; bars need the 5m or 1m file",
        )
    return _MINUTES[name.what]


def _whole(
    source: Delimited, rows: pa.Table, minutes: int, *, header: bool
) -> tuple[pa.Table, Counter[str]]:
    """Return those of *rows* that last as long as their interval, and how many do not.

    A halt of trading can close one early; its flows would be too low. Where none is whole,
    the file is of another interval.
    """
    wrong = reshape.run(_WRONG_TIME, candles=rows, name=pa.table({"minutes": [minutes]}))
    lasted = pc.add(pc.subtract(rows["close_time"], rows["open_time"]), 1)
    whole = rows if wrong.num_rows else rows.filter(pc.equal(lasted, minutes * 60_000))
    if wrong.num_rows or (rows.num_rows and not whole.num_rows):
        first = wrong if wrong.num_rows else rows
        raise source.refusal(
            first["nth"][0].as_py(),
            f"not a {minutes}-minute kline: it opens at {first['open_time'][0].as_py()}",
            header=header,
        )
    return whole, Counter({CLOSED_EARLY: rows.num_rows - whole.num_rows})


def _check_traded(source: Delimited, rows: pa.Table) -> None:
    """Refuse mark, index and premium prices: they are counted, but no volume was traded."""
    counted = (pc.max(rows["count"]).as_py() or 0) > 0
    if counted and not (pc.max(rows["volume"]).as_py() or 0) > 0:
        raise ImportRefused(
            source.file,
            "no row has a volume: these are mark, index or premium prices, not klines of trades",
        )
