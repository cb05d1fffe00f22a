-- Pairs to choose from: the universe, and every pair with data between $since and $now [UTC].
-- One row per (venue, symbol).
select venue, symbol, any_value(base) as base
from (
    select venue, symbol, base
    from instruments
    where in_universe and first_seen_ts <= $now::timestamp_ms
    union all
    select venue, symbol, base
    from snapshots
    where within(received_ts, $since, $now)
    union all
    select venue, symbol, base
    from known_bars
    where
        ended_within(ts, $since, $now)
)
group by venue, symbol
order by venue, symbol
