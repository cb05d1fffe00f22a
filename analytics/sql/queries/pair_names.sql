-- Every instrument known at $now [UTC]: with data after $since [UTC], or listed at any time.
-- One row per (venue, symbol), largest open interest first. Without data since then oi_usd is null and
-- heard_ts is the last time the venue listed it.
with snapshots_heard as (
    select venue, symbol, base, oi_usd, received_ts
    from snapshots
    where
        within(received_ts, $since, $now)
),

bars_heard as (
    select venue, symbol, base, oi_usd, bar_end(ts) as received_ts
    from known_bars
    where
        ended_within(ts, $since, $now)
),

heard as (
    select
        venue,
        symbol,
        any_value(base) as base,
        arg_max(oi_usd, received_ts::timestamp) as oi_usd,
        max(received_ts) as heard_ts
    from (from snapshots_heard union all from bars_heard)
    group by venue, symbol
),

listed as (
    select venue, symbol, base, least(last_seen_ts, $now::timestamp_ms) as heard_ts
    from instruments
    where first_seen_ts <= $now::timestamp_ms
)

select
    venue,
    symbol,
    coalesce(heard.base, listed.base) as base,
    heard.oi_usd,
    coalesce(heard.heard_ts, listed.heard_ts) as heard_ts
from heard
full join listed using (venue, symbol)
order by heard.oi_usd desc nulls last, venue, symbol
