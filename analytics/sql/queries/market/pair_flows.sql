-- Taker and liquidation flows of each pair over the $span_s [s] up to its venue's newest bar. [USD]
-- One row per (venue, symbol) with a bar in that time. Venues' bars are not written at the same moment,
-- so the time ends with the venue's newest bar of the 10 minutes before $now [UTC], or at $now if there
-- is none. A flow is the sum over the 5-minute bars that have it, NULL if fewer than $least_known
-- (0 to 1) of all of that time do; its coverage is that share. [%]
with flows as (
    select
        venue, symbol, ts, taker_buy_usd, taker_sell_usd,
        taker_buy_usd - taker_sell_usd as cvd_usd, liq_long_usd, liq_short_usd
    from known_bars
    where
        ts > (seconds_before($now, $span_s) - interval 15 minutes)::timestamp_ms
        and over_by(ts, $now)
),

placed as (
    select
        *,
        coalesce(
            max(ts) filter (ts >= ($now::timestamp - interval 10 minutes)::timestamp_ms)
                over (partition by venue),
            ($now::timestamp - interval 5 minutes)::timestamp_ms
        ) as newest_ts
    from flows
),

summed as (
    select
        venue,
        symbol,
        $span_s / 300 as expected,
        sum(taker_buy_usd) as taker_buy_usd,
        100 * count(taker_buy_usd) / expected as taker_buy_coverage_pct,
        sum(taker_sell_usd) as taker_sell_usd,
        100 * count(taker_sell_usd) / expected as taker_sell_coverage_pct,
        sum(cvd_usd) as cvd_usd,
        100 * count(cvd_usd) / expected as cvd_coverage_pct,
        sum(liq_long_usd) as liq_long_usd,
        100 * count(liq_long_usd) / expected as liq_long_coverage_pct,
        sum(liq_short_usd) as liq_short_usd,
        100 * count(liq_short_usd) / expected as liq_short_coverage_pct
    from placed
    where epoch_ms(newest_ts) - epoch_ms(ts) < 1000 * $span_s::bigint
    group by venue, symbol
)

select * exclude (expected) replace (
    if(taker_buy_coverage_pct >= 100 * $least_known, taker_buy_usd, null) as taker_buy_usd,
    if(taker_sell_coverage_pct >= 100 * $least_known, taker_sell_usd, null) as taker_sell_usd,
    if(cvd_coverage_pct >= 100 * $least_known, cvd_usd, null) as cvd_usd,
    if(liq_long_coverage_pct >= 100 * $least_known, liq_long_usd, null) as liq_long_usd,
    if(liq_short_coverage_pct >= 100 * $least_known, liq_short_usd, null) as liq_short_usd
)
from summed
order by venue, symbol
