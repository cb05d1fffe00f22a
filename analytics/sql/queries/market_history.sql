-- The market in the 24 h before $now [UTC], as sums that venues can be added up from.
-- One row per venue and five minutes that were over by then; ts is their end.
-- oi_newest_usd is the newest open interest of all the venue's pairs, and
-- oi_matched_usd that of the pairs this row knows: compared with both, a pair
-- that is missing from a row does not look like a fall. Likewise for volume.
-- Only pairs of $symbols; where that is null, all of them.
with known as (
    select
        venue, symbol, ts, close, oi_usd, volume_24h_usd, ls_accounts,
        100 * funding_rate * 8 / nullif(funding_interval_h, 0) as funding_8h_pct,
        liq_long_usd, liq_short_usd
    from known_bars
    where
        ts > ($now::timestamp - interval 48 hours - interval 10 minutes)::timestamp_ms
        and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
        and ($symbols::varchar[] is null or list_contains($symbols, symbol))
),

today as (
    from known
    where ts >= ($now::timestamp - interval 24 hours - interval 10 minutes)::timestamp_ms
),

newest as (
    select
        venue,
        symbol,
        arg_max(oi_usd, ts) as oi_usd,
        arg_max(volume_24h_usd, ts) as volume_24h_usd
    from today
    group by venue, symbol
),

newest_of_venue as (
    select
        venue,
        sum(oi_usd) as oi_usd,
        sum(volume_24h_usd) as volume_24h_usd
    from newest
    group by venue
)

select
    today.venue,
    (today.ts + interval 5 minutes)::timestamp_ms as ts,
    sum(today.oi_usd) as oi_usd,
    sum(newest.oi_usd) filter (today.oi_usd is not null) as oi_matched_usd,
    any_value(newest_of_venue.oi_usd) as oi_newest_usd,
    sum(today.volume_24h_usd) as volume_24h_usd,
    sum(newest.volume_24h_usd) filter (today.volume_24h_usd is not null) as volume_matched_usd,
    any_value(newest_of_venue.volume_24h_usd) as volume_newest_usd,
    sum(today.oi_usd * today.volume_24h_usd) as oi_times_volume,
    sum(today.volume_24h_usd) filter (today.oi_usd is not null) as oi_volume_usd,
    sum(today.funding_8h_pct * today.oi_usd) as funding_times_oi,
    sum(today.oi_usd) filter (today.funding_8h_pct is not null) as funding_oi_usd,
    sum(today.liq_long_usd) as liq_long_usd,
    sum(today.liq_short_usd) as liq_short_usd,
    count(today.liq_long_usd) as liq_count,
    sum(today.ls_accounts * today.oi_usd) as ls_times_oi,
    sum(today.oi_usd) filter (today.ls_accounts is not null) as ls_oi_usd,
    count(*) filter (today.close > day_before.close) as risen_count,
    count(*) filter (today.close is not null and day_before.close is not null) as compared_count
from today
left join newest using (venue, symbol)
left join newest_of_venue using (venue)
left join known as day_before
    on today.venue = day_before.venue
    and today.symbol = day_before.symbol
    and today.ts - interval 24 hours = day_before.ts
group by today.venue, today.ts
order by today.ts, today.venue
