-- 5-minute bars uncut, with the columns and filters of panel_bars.sql; $bar_ms is 5 minutes.
-- One row per instrument and 5-minute bar, unordered. Without the cutting long stretches load in a
-- fraction of the time. A flow is known or not: its coverage is 100 or 0 %.
with known as (
    select
        * replace (snapshot_count::double as snapshot_count),
        epoch_ms(ts) // $bar_ms as bar,
        1::double as bar_count,
        coalesce(volume_usd, taker_buy_usd + taker_sell_usd) as traded_usd,
        100 * (traded_usd is not null)::double as traded_coverage_pct,
        100 * (taker_buy_usd is not null)::double as taker_buy_coverage_pct,
        100 * (taker_sell_usd is not null)::double as taker_sell_coverage_pct,
        100 * (liq_long_usd is not null)::double as liq_long_coverage_pct,
        100 * (liq_short_usd is not null)::double as liq_short_coverage_pct
    from known_bars
    where
        ts >= $start::timestamp_ms
        and ts < $end::timestamp_ms
        and over_by(ts, $now)
        and is_among(venue, $venues)
        and is_among_sorted(base, $bases)
        and is_among_sorted(symbol, $symbols)
)

select
    venue,
    symbol,
    base,
    bar,
    columns(metric -> list_contains($metrics::varchar[], metric) is not false)
from known
where
    $pairs::varchar[] is null
    or venue || ' ' || symbol in (select unnest($pairs::varchar[]))
