-- What venues stated, just before full hours after $since up to $now [UTC], as their next funding time.
-- One row per (venue, symbol, hour_ts) with a snapshot in the ten minutes before: it was paid at
-- hour_ts if next_funding_ts is that hour.
select
    venue,
    symbol,
    (time_bucket(interval 1 hour, received_ts::timestamp) + interval 1 hour)::timestamp_ms as hour_ts,
    arg_max(next_funding_ts, received_ts::timestamp) as next_funding_ts
from snapshots
where
    within(received_ts, $since, $now)
    and minute(received_ts::timestamp) >= 50
    and is_among(venue, $venues)
    and is_among_sorted(symbol, $symbols)
    and next_funding_ts is not null
group by all
having hour_ts <= $now::timestamp_ms
order by venue, symbol, hour_ts
