-- Pairs of the universe that nothing is known of between $since and $now [UTC].
-- One row per (venue, symbol): those that pairs.sql leaves out.
with heard as (
    select venue, symbol
    from snapshots
    where received_ts > $since::timestamp_ms and received_ts <= $now::timestamp_ms
    union all
    select venue, symbol
    from bars
    where
        ts > ($since::timestamp - interval 5 minutes)::timestamp_ms
        and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
)

select venue, symbol
from instruments
anti join heard using (venue, symbol)
where in_universe and first_seen_ts <= $now::timestamp_ms
order by venue, symbol
