-- Funding of every asset on every venue, as known at $now [UTC], and how far venues are apart.
-- One row per (base, venue), widest spread first; of an asset's instruments on a venue the one with the
-- most open interest. Instruments are those of $venues and $symbols (NULL does not filter) with a rate
-- and its interval, both from one row after $since [UTC]; without a snapshot from finished bars, which
-- have no next funding time. $counted_pairs, `venue symbol` each, are counted under $counted_names.
-- The spread is NULL below two venues. A venue without data since $silent_before [UTC] is no part of
-- it (is_silent), unless all of the asset's are.
with counted as (
    select unnest($counted_pairs::varchar[]) as pair, unnest($counted_names::varchar[]) as name
),

recent_snapshots as (
    select
        venue, symbol, base, received_ts, oi_usd, funding_rate, funding_interval_h,
        next_funding_ts, received_ts > $silent_before::timestamp_ms as speaks
    from snapshots
    where
        within(received_ts, $since, $now)
        and is_among(venue, $venues)
        and is_among(symbol, $symbols)
),

recent as (
    select *, received_ts::timestamp as row_ts from recent_snapshots
    union all by name
    select
        venue, symbol, base, bar_end(ts)::timestamp as row_ts, oi_usd, funding_rate,
        funding_interval_h,
        -- A bar becomes known at its end at the earliest.
        ended_within(ts, $silent_before::timestamp - interval 5 minutes, $now) as speaks
    from known_bars
    anti join recent_snapshots using (venue, symbol)
    where
        ended_within(ts, $since, $now)
        and is_among(venue, $venues)
        and is_among(symbol, $symbols)
),

instrument_rates as (
    select
        venue,
        symbol,
        any_value(base) as base,
        arg_max(oi_usd, row_ts) as oi_usd,
        arg_max(funding_rate, row_ts) filter (funding_interval_h is not null) as funding_rate,
        arg_max(funding_interval_h, row_ts) filter (funding_rate is not null)
            as funding_interval_h,
        arg_max(next_funding_ts, row_ts) as next_funding_ts,
        max(row_ts)::timestamp_ms as received_ts,
        bool_or(speaks) as speaks
    from recent
    group by venue, symbol
),

venue_rates as (
    select
        coalesce(counted.name, instrument_rates.base) as base,
        venue,
        symbol,
        oi_usd,
        funding_interval_h,
        funding_8h_pct(funding_rate, funding_interval_h) as funding_8h_pct,
        if(next_funding_ts > $now::timestamp_ms, next_funding_ts, null) as next_funding_ts,
        received_ts,
        speaks
    from instrument_rates
    left join counted on venue || ' ' || symbol = counted.pair
    where funding_rate is not null
    qualify
        row_number() over (
            partition by coalesce(counted.name, instrument_rates.base), venue
            order by oi_usd desc nulls last, symbol
        ) = 1
),

comparable as (
    select
        *,
        speaks or not bool_or(speaks) over (partition by base) as is_fresh,
        if(is_fresh, funding_8h_pct, null) as compared
    from venue_rates
),

ranged as (
    select
        *,
        max(compared) over (partition by base) as highest_pct,
        min(compared) over (partition by base) as lowest_pct
    from comparable
),

-- Venues state rates to four decimals of a percent: what is closer is level, and no venue the highest.
spreads as (
    select
        base,
        if(count(compared) > 1, any_value(highest_pct - lowest_pct), null) as venue_spread_pp,
        round(venue_spread_pp, 4) > 0 as is_apart,
        if(is_apart, min(venue) filter (compared = highest_pct), null) as highest_venue,
        if(is_apart, min(venue) filter (compared = lowest_pct), null) as lowest_venue,
        sum(oi_usd) as base_oi_usd
    from ranged
    group by base
)

select
    base,
    venue,
    symbol,
    oi_usd,
    funding_8h_pct,
    per_year(funding_8h_pct) as funding_apr_pct,
    funding_interval_h,
    next_funding_ts,
    received_ts,
    not is_fresh as is_silent,
    venue_spread_pp,
    per_year(venue_spread_pp) as venue_spread_apr_pct,
    highest_venue,
    lowest_venue
from comparable
join spreads using (base)
order by round(venue_spread_pp, 4) desc nulls last, base_oi_usd desc nulls last, base, venue
