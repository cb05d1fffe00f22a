-- Index, spread and next funding time of every instrument, as known at $now [UTC].
-- One row per (venue, symbol) with data after $since [UTC]. basis_mark and basis_index come from one
-- snapshot, the newest that has both, so that their difference is a basis. An instrument without a
-- snapshot is read from finished bars, which have no next funding time. multiplier is null if the
-- instrument is not in the venue's stored list.
with recent_snapshots as (
    select
        venue, symbol, received_ts, mark, index, spread_bps, funding_interval_h, next_funding_ts
    from snapshots
    where
        within(received_ts, $since, $now)
),

recent as (
    select *, received_ts::timestamp as row_ts from recent_snapshots
    union all by name
    select
        venue, symbol, bar_end(ts) as received_ts, received_ts::timestamp as row_ts,
        mark, index, spread_bps, funding_interval_h
    from known_bars
    anti join recent_snapshots using (venue, symbol)
    where ended_within(ts, $since, $now)
),

newest as (
    select
        venue,
        symbol,
        arg_max(mark, row_ts) filter (mark is not null and index is not null) as basis_mark,
        arg_max(index, row_ts) filter (mark is not null and index is not null) as basis_index,
        max(received_ts) filter (mark is not null and index is not null) as basis_ts,
        arg_max(spread_bps, row_ts) as spread_bps,
        max(received_ts) filter (spread_bps is not null) as spread_bps_ts,
        arg_max(funding_interval_h, row_ts) as funding_interval_h,
        arg_max(next_funding_ts, row_ts) as next_funding_ts
    from recent
    group by venue, symbol
)

select newest.*, listed.multiplier
from newest
left join (
    select venue, symbol, multiplier
    from instruments
    where first_seen_ts <= $now::timestamp_ms
) as listed using (venue, symbol)
order by venue, symbol
