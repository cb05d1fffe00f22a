-- Pairs to choose from: the universe, and every pair with data between $since and $now [UTC].
-- One row per (venue, symbol).
select venue, symbol
from instruments
where in_universe and first_seen_ts <= $now::timestamp_ms
union
select venue, symbol
from snapshots
where received_ts > $since::timestamp_ms and received_ts <= $now::timestamp_ms
union
select venue, symbol
from known_bars
where
    ts > ($since::timestamp - interval 5 minutes)::timestamp_ms
    and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
order by venue, symbol
