-- Pairs to choose from: the universe, and every pair with data between $since and $now [UTC].
-- One row per (venue, symbol).
select venue, symbol
from instruments
where in_universe and first_seen_ts <= $now::timestamp_ms
union
select venue, symbol
from snapshots
where within(received_ts, $since, $now)
union
select venue, symbol
from known_bars
where
    ended_within(ts, $since, $now)
order by venue, symbol
