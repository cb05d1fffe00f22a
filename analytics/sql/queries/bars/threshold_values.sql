-- How large the values were that a user's thresholds are for, in the bars of $bar_ms [ms] that ended
-- in the $span_s [s] before $now [UTC]. A bar here is the 5-minute bar that ends it.
-- One row per quantity, named as in GLOSSARY.md, and bin or, if $by_asset, asset:
--   bars counts the pair-bars whose size lies in bin, over (bin - 1) * step to bin * step, with step in
--   the quantity's unit; a threshold of k steps was exceeded where bin > k.
--   percentiles are of the sizes of the asset's pair-bars, at 90, 95, 97, 98, 99, 99.5 and 99.9.
-- A size is the value without its sign; of a long/short ratio it is the ratio or its inverse, whichever
-- is larger. Of z_liquidations it is that of an hour, whatever the timeframe, as in
-- liquidation_hours.sql, and 0 for fewer liquidations than usual; $least_known as there.
-- $counted_pairs are `venue symbol` of instruments that are counted under another base than the stored
-- one, $counted_names those bases.
with renamed as (
    select unnest($counted_pairs::varchar[]) as pair, unnest($counted_names::varchar[]) as name
),

closes as (
    select
        venue,
        symbol,
        coalesce(renamed.name, base) as asset,
        ts::timestamp as began,
        oi_usd,
        ls_accounts,
        book_imbalance,
        funding_8h_pct(funding_rate, funding_interval_h) as funding_8h_pct
    from known_bars
    left join renamed on renamed.pair = venue || ' ' || symbol
    where
        -- 42 bars more: z compares a change with 20 of the 40 before.
        ts > (seconds_before($now, $span_s) - to_milliseconds(42 * $bar_ms))::timestamp_ms
        and over_by(ts, $now)
        and (epoch_ms(ts::timestamp) + 300000) % $bar_ms = 0
),

changed as (
    select
        *,
        if(
            began - lag(began) over of_pair = to_milliseconds($bar_ms::bigint),
            100 * (oi_usd / nullif(lag(oi_usd) over of_pair, 0) - 1),
            null
        ) as oi_delta_pct
    from closes
    window of_pair as (partition by venue, symbol order by began)
),

scored as (
    select
        *,
        case
            when count(oi_delta_pct) over earlier = 20
                and min(began) over earlier >= began - to_milliseconds(40 * $bar_ms::bigint)
                then (oi_delta_pct - avg(oi_delta_pct) over earlier)
                    / nullif(stddev_samp(oi_delta_pct) over earlier, 0)
        end as z_oi
    from changed
    window earlier as (
        partition by venue, symbol, oi_delta_pct is null
        order by began
        rows between 20 preceding and 1 preceding
    )
),

hours as (
    select
        venue,
        symbol,
        coalesce(any_value(renamed.name), max(base)) as asset,
        (epoch_ms($now::timestamp) - epoch_ms(ts) - 300000) // 3600000 as back,
        sum(coalesce(liq_long_usd, 0) + coalesce(liq_short_usd, 0)) as usd
    from known_bars
    left join renamed on renamed.pair = venue || ' ' || symbol
    where
        ts > (seconds_before($now, $span_s) - interval 169 hours)::timestamp_ms
        and over_by(ts, $now)
        and (liq_long_usd is not null or liq_short_usd is not null)
    group by venue, symbol, back
    having count(*) >= 12 * $least_known
),

flushed as (
    select
        asset,
        (seconds_before($now, 3600 * back) - interval 5 minutes) as began,
        case
            when count(*) over earlier >= 20
                then (usd - median(usd) over earlier)
                    / (1.4826 * nullif(mad(usd) over earlier, 0))
        end as z_liquidations
    from hours
    window earlier as (
        partition by venue, symbol
        order by back
        range between 1 following and 168 following
    )
),

sizes as (
    select asset, began, 'z_oi' as name, 0.01 as step, abs(z_oi) as size from scored
    union all
    select asset, began, 'oi_delta_pct', 0.01, abs(oi_delta_pct) from scored
    union all
    select asset, began, 'ls_accounts', 0.01, greatest(ls_accounts, 1 / nullif(ls_accounts, 0)) from scored
    union all
    select asset, began, 'book_imbalance_pct', 0.01, abs(100 * book_imbalance) from scored
    union all
    select asset, began, 'funding_8h_pct', 0.0001, abs(funding_8h_pct) from scored
    union all
    select asset, began, 'z_liquidations', 0.01, greatest(z_liquidations, 0) from flushed
    where z_liquidations is not null
),

known as (
    select *, ceil(round(size / step, 5))::bigint as bin
    from sizes
    where isfinite(size) and began > seconds_before($now, $span_s) - interval 5 minutes
)

select name, null as base, any_value(step)::double as step, bin, count(*) as bars, null as percentiles
from known
where not $by_asset
group by name, bin
union all
select
    name,
    asset,
    any_value(step)::double,
    null,
    count(*),
    quantile_cont(size, [0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999])
from known
where $by_asset
group by name, asset
order by name, base, bin
