-- Every instrument known at $now [UTC]: with data after $since [UTC], or listed at any time.
-- One row per (venue, symbol), largest open interest first. Without data since then has_data is false, oi_usd
-- null and last_seen_ts the last time the venue listed it; with data, the time of the newest data. A record of
-- prices alone has data without open interest.
with recent_snapshots as (
    select venue, symbol, base, oi_usd, received_ts
    from snapshots
    where
        within(received_ts, $since, $now)
),

recent_bars as (
    select venue, symbol, base, oi_usd, bar_end(ts) as received_ts
    from known_bars
    where
        ended_within(ts, $since, $now)
),

recent as (
    select
        venue,
        symbol,
        any_value(base) as base,
        arg_max(oi_usd, received_ts::timestamp) as oi_usd,
        max(received_ts) as last_seen_ts
    from (from recent_snapshots union all from recent_bars)
    group by venue, symbol
),

listed as (
    select venue, symbol, base, least(last_seen_ts, $now::timestamp_ms) as last_seen_ts
    from instruments
    where first_seen_ts <= $now::timestamp_ms
)

select
    venue,
    symbol,
    coalesce(recent.base, listed.base) as base,
    recent.oi_usd,
    recent.last_seen_ts is not null as has_data,
    coalesce(recent.last_seen_ts, listed.last_seen_ts) as last_seen_ts
from recent
full join listed using (venue, symbol)
order by recent.oi_usd desc nulls last, venue, symbol
