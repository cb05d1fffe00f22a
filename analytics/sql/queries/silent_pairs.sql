-- Pairs of the universe that nothing is known of between $since and $now [UTC].
-- One row per (venue, symbol): those that pairs.sql leaves out. Only today's universe is kept:
-- where $now $is_past, it is taken to be what was heard of in the 24 hours before.
with heard as (
    select venue, symbol
    from snapshots
    where received_ts > $since::timestamp_ms and received_ts <= $now::timestamp_ms
    union all
    select venue, symbol
    from known_bars
    where
        ts > ($since::timestamp - interval 5 minutes)::timestamp_ms
        and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
),

universe as (
    select venue, symbol
    from instruments
    where in_universe and first_seen_ts <= $now::timestamp_ms and not $is_past::boolean
    union
    select venue, symbol
    from snapshots
    where
        received_ts > ($now::timestamp - interval 24 hours)::timestamp_ms
        and received_ts <= $now::timestamp_ms
        and $is_past::boolean
)

select venue, symbol
from universe
anti join heard using (venue, symbol)
order by venue, symbol
