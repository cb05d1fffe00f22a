-- Market totals over the 24 h before $now [UTC], as sums that can be added over venues.
-- One row per venue and finished 5-minute bar; ts is the bar's end.
-- oi_usd and the liquidations cover all pairs with a value in that bar. liq_long_known and
-- liq_short_known count the pairs that have the value, of pair_count pairs with a bar.
-- The other columns compare that bar with now, where now is a pair's newest value of the last 10
-- minutes and only pairs with a value at both ends count. For each of six figures, with x the value
-- and w its weight now: _then is sum(x then * w), _now is sum(x now * w), _weight is sum(w).
-- _whole and _whole_weight are the latter two over all pairs of now, with or without that bar.
-- The figures (x; w): oi (oi_usd; 1), volume (volume_24h_usd; 1), weighed (oi_usd; volume_24h_usd),
-- funding (funding_8h_pct; oi_usd), longs (r / (1 + r) of ls_accounts; oi_usd), risen (1 if the
-- price rose over 24 h, else 0; 1).
-- Limited to pairs of $symbols; NULL does not filter.
with known as (
    select
        venue, symbol, ts, close, oi_usd, volume_24h_usd, liq_long_usd, liq_short_usd,
        funding_8h_pct(funding_rate, funding_interval_h) as funding_8h_pct,
        ls_accounts / (1 + ls_accounts) as longs
    from known_bars
    where
        ts > ($now::timestamp - interval 48 hours - interval 10 minutes)::timestamp_ms
        and over_by(ts, $now)
        and is_among(symbol, $symbols)
),

day as (
    select
        today.*,
        case
            when today.close is not null and before.close is not null
                then (today.close > before.close)::double
        end as is_risen
    from known as today
    left join known as before
        on today.venue = before.venue
        and today.symbol = before.symbol
        and today.ts - interval 24 hours = before.ts
    where today.ts >= ($now::timestamp - interval 24 hours - interval 10 minutes)::timestamp_ms
),

newest as (
    select
        venue,
        symbol,
        arg_max(oi_usd, ts) as oi_usd,
        arg_max(volume_24h_usd, ts) as volume_24h_usd,
        arg_max(funding_8h_pct, ts) as funding_8h_pct,
        arg_max(longs, ts) as longs,
        arg_max(is_risen, ts) as is_risen
    from day
    where ts >= ($now::timestamp - interval 15 minutes)::timestamp_ms
    group by venue, symbol
),

whole as (
    select
        venue,
        sum(oi_usd) as oi_whole,
        oi_whole as oi_whole_weight,
        sum(volume_24h_usd) as volume_whole,
        volume_whole as volume_whole_weight,
        sum(oi_usd * volume_24h_usd) as weighed_whole,
        sum(volume_24h_usd) filter (oi_usd is not null) as weighed_whole_weight,
        sum(funding_8h_pct * oi_usd) as funding_whole,
        sum(oi_usd) filter (funding_8h_pct is not null) as funding_whole_weight,
        sum(longs * oi_usd) as longs_whole,
        sum(oi_usd) filter (longs is not null) as longs_whole_weight,
        sum(is_risen) as risen_whole,
        count(is_risen)::double as risen_whole_weight
    from newest
    group by venue
),

-- x + 0 * y is x, or null if y is null: values and weights known at both ends.
compared as (
    select
        day.*,
        newest.oi_usd + 0 * day.oi_usd as oi_now,
        newest.volume_24h_usd + 0 * day.volume_24h_usd as volume_now,
        newest.volume_24h_usd + 0 * oi_now as weighed_weight,
        newest.oi_usd + 0 * (day.funding_8h_pct + newest.funding_8h_pct) as funding_weight,
        newest.oi_usd + 0 * (day.longs + newest.longs) as longs_weight,
        1 + 0 * (day.is_risen + newest.is_risen) as risen_weight,
        newest.funding_8h_pct as funding_now,
        newest.longs as longs_now,
        newest.is_risen as risen_now
    from day
    left join newest using (venue, symbol)
),

summed as (
    select
        venue,
        ts,
        sum(oi_usd) as oi_usd,
        sum(liq_long_usd) as liq_long_usd,
        sum(liq_short_usd) as liq_short_usd,
        count(liq_long_usd) as liq_long_known,
        count(liq_short_usd) as liq_short_known,
        count(*) as pair_count,
        sum(oi_usd) filter (oi_now is not null) as oi_then,
        sum(oi_now) as oi_now,
        sum(oi_now) as oi_weight,
        sum(volume_24h_usd) filter (volume_now is not null) as volume_then,
        sum(volume_now) as volume_now,
        sum(volume_now) as volume_weight,
        sum(oi_usd * weighed_weight) as weighed_then,
        sum(oi_now * weighed_weight) as weighed_now,
        sum(weighed_weight) as weighed_weight,
        sum(funding_8h_pct * funding_weight) as funding_then,
        sum(funding_now * funding_weight) as funding_now,
        sum(funding_weight) as funding_weight,
        sum(longs * longs_weight) as longs_then,
        sum(longs_now * longs_weight) as longs_now,
        sum(longs_weight) as longs_weight,
        sum(is_risen * risen_weight) as risen_then,
        sum(risen_now * risen_weight) as risen_now,
        sum(risen_weight) as risen_weight
    from compared
    group by venue, ts
)

select
    venue,
    bar_end(summed.ts) as ts,
    summed.* exclude (venue, ts),
    whole.* exclude (venue)
from summed
left join whole using (venue)
order by summed.ts, venue
