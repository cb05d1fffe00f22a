-- Pairs of the universe without any data between $since and $now [UTC].
-- One row per (venue, symbol) that is missing from pairs.sql.
-- Only the current universe is stored. For a past $now ($is_past) it is taken to be the pairs with a
-- snapshot in the last hour of the venue's data, if that was within 24 hours: so a pair that went
-- silent, or left the universe, is listed for one hour.
with pairs_with_data as (
    select venue, symbol
    from snapshots
    where within(received_ts, $since, $now)
    union all
    select venue, symbol
    from known_bars
    where
        ended_within(ts, $since, $now)
),

last_seen as (
    select venue, symbol, any_value(base) as base, max(received_ts::timestamp) as last_seen_ts
    from snapshots
    where
        received_ts > ($now::timestamp - interval 24 hours)::timestamp_ms
        and received_ts <= $now::timestamp_ms
        and $is_past::boolean
    group by venue, symbol
),

universe as (
    select venue, symbol, base
    from instruments
    where in_universe and first_seen_ts <= $now::timestamp_ms and not $is_past::boolean
    union
    (
        select venue, symbol, base
        from last_seen
        qualify last_seen_ts > max(last_seen_ts) over (partition by venue) - interval 1 hour
    )
)

select venue, symbol, base
from universe
anti join pairs_with_data using (venue, symbol)
order by venue, symbol
