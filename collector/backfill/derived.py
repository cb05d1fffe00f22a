"""What follows from the bars of a history, and what contradicts itself in them.

Open interest in USD at the bar's close, where the venue states none in USD; and
the volume of the 24 h up to a bar, where the volumes of all 288 bars are known.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from analytics.files import reshape
from analytics.lake.records import Instrument
from collector.cycles.validation import AUDIT_BAND

_COLUMNS = "venue, symbol, base, ts, close, volume_usd, volume_24h_usd, oi_base, oi_usd"

_MERGED = f"""
    select
        venue,
        symbol,
        any_value(base) as base,
        ts,
        arg_min(close, turn) as close,
        arg_min(volume_usd, turn) as volume_usd,
        arg_min(volume_24h_usd, turn) as volume_24h_usd,
        arg_min(oi_base, turn) as oi_base,
        arg_min(oi_usd, turn) as oi_usd
    from (
        select {_COLUMNS}, 0 as turn from stored
        union all by name
        select {_COLUMNS}, 1 as turn from fresh
    )
    group by venue, symbol, ts
"""  # noqa: S608 - nothing in it comes from outside

_AUDITED = f"""
    with merged as ({_MERGED}),

    judged as (
        select
            fresh.*,
            coalesce(
                abs(fresh.oi_base / contract.multiplier * merged.close - fresh.oi_usd)
                > {AUDIT_BAND} * fresh.oi_usd,
                false
            ) as contradicted
        from fresh
        join merged using (venue, symbol, ts)
        join contracts as contract on fresh.symbol = contract.name
    )

    select * replace (
        if(contradicted, null, oi_base) as oi_base,
        if(contradicted, null, oi_usd) as oi_usd
    )
    from judged
"""  # noqa: S608 - nothing in it comes from outside

_FOLLOWING = f"""
    with merged as ({_MERGED}),

    rolled as (
        select
            *,
            sum(volume_usd) over day as day_usd,
            count(volume_usd) over day as day_bars
        from merged
        window day as (
            partition by venue, symbol
            order by ts
            range between interval '23 hours 55 minutes' preceding and current row
        )
    ),

    found as (
        select
            rolled.venue, rolled.symbol, rolled.base, rolled.ts,
            if(volume_24h_usd is null and day_bars = 288, day_usd, null) as volume_24h_usd,
            if(oi_usd is null, oi_base / contract.multiplier * close, null) as oi_usd,
            0::integer as snapshot_count,
            'backfill' as origin
        from rolled
        join contracts as contract on rolled.symbol = contract.name
    )

    select * from found
    where volume_24h_usd is not null or oi_usd is not null
"""  # noqa: S608 - nothing in it comes from outside


def audited(
    fresh: pa.Table, stored: pa.Table, instruments: Iterable[Instrument]
) -> tuple[pa.Table, int]:
    """Return *fresh* without open interest that contradicts itself, and how often it did.

    Where coins at the bar's close are off the venue's USD by more than live figures
    may be, a unit is wrong, and neither is taken.

    Args:
        fresh: Rows as ``rows.table`` makes them; those of one bar complete each other.
        stored: What the lake has of the same instruments from a day before to a day after.
        instruments: Theirs.
    """
    judged = reshape.run(_AUDITED, fresh=fresh, stored=stored, contracts=_contracts(instruments))
    count = pc.sum(judged["contradicted"]).as_py() or 0
    return judged.drop_columns(["contradicted"]), int(count)


def following(fresh: pa.Table, stored: pa.Table, instruments: Iterable[Instrument]) -> pa.Table:
    """Return what *fresh* and *stored* bars together tell that neither states."""
    return reshape.run(_FOLLOWING, fresh=fresh, stored=stored, contracts=_contracts(instruments))


def _contracts(instruments: Iterable[Instrument]) -> pa.Table:
    multipliers = {one.symbol: one.multiplier for one in instruments}
    return pa.table(
        {
            "name": pa.array(multipliers, pa.string()),
            "multiplier": pa.array(multipliers.values(), pa.float64()),
        }
    )
