-- Liquidations of each pair over one hour of bars, at $now [UTC] and $span_s [s] earlier. [USD]
-- One row per (venue, symbol) with a bar in either hour. The hour ends with the venue's newest bar
-- (hours_end); the earlier hour ends $span_s before that. known_bars and known_then_bars count the
-- bars of each hour's twelve that have a value: 0 means no data, not no liquidations.
with bar_liquidations as (
    select
        venue, symbol, ts, liq_long_usd, liq_short_usd,
        liquidated_usd(liq_long_usd, liq_short_usd) as usd
    from known_bars
    where
        ts between ($now::timestamp - interval 70 minutes)::timestamp_ms
        and ($now::timestamp - interval 5 minutes)::timestamp_ms
        or ts
        between (seconds_before($now, $span_s) - interval 70 minutes)::timestamp_ms
        and (seconds_before($now, $span_s) - interval 5 minutes)::timestamp_ms
),

newest as (
    select venue, hours_end(ts, $now) as ts
    from bar_liquidations
    group by venue
),

-- Bars counted back from the last one of the hour.
placed as (
    select
        bar_liquidations.* exclude (ts),
        (epoch_ms(newest.ts) - epoch_ms(bar_liquidations.ts)) // 300000 as back,
        back - $span_s // 300 as back_then
    from bar_liquidations
    join newest using (venue)
)

select
    venue,
    symbol,
    sum(usd) filter (back between 0 and 11) as liquidated_usd,
    sum(liq_long_usd) filter (back between 0 and 11) as liq_long_usd,
    sum(liq_short_usd) filter (back between 0 and 11) as liq_short_usd,
    count(usd) filter (back between 0 and 11) as known_bars,
    sum(usd) filter (back_then between 0 and 11) as liquidated_then_usd,
    count(usd) filter (back_then between 0 and 11) as known_then_bars
from placed
group by venue, symbol
order by venue, symbol
