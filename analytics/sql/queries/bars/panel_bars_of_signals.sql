-- Bars of several timeframes for the signal tiers, from one read of the 5-minute bars since $start.
-- One row per timeframe, instrument and cut bar with at least one 5-minute bar, unordered; only
-- 5-minute bars over at $now [UTC] count. $bar_ms [ms] lists the timeframes; $closing_ms, $firsts and
-- $ends give the closing part, first and last bar of each (in whole bars since 1970; $ends is excluded).
-- Of the columns that the tiers read, those named in $metrics are returned. Bars are cut as in
-- panel_bars.sql, and the other parameters are the same.
with frames as (
    select
        unnest($bar_ms::bigint[]) as bar_ms,
        unnest($firsts::bigint[]) as first_bar,
        unnest($ends::bigint[]) as end_bar,
        unnest($closing_ms::bigint[]) as closing_ms
),

known as (
    select *, ts::timestamp as began, greatest(snapshot_count, 1) as weight
    from known_bars
    where
        ts >= $start::timestamp_ms
        and over_by(ts, $now)
),

placed as (
    select
        known.*,
        frames.bar_ms,
        epoch_ms(known.began) // frames.bar_ms as bar,
        if(
            epoch_ms(known.began) >= (bar + 1) * frames.bar_ms - frames.closing_ms, known.began, null
        ) as closing
    from known
    join frames
        on
            known.began >= make_timestamp(1000 * frames.first_bar * frames.bar_ms)
            and known.began < make_timestamp(1000 * frames.end_bar * frames.bar_ms)
),

cut as (
    select
        bar_ms,
        venue,
        symbol,
        arg_max(base, began) as base,
        bar,
        arg_max(close, closing) as close,
        arg_max(oi_usd, closing) as oi_usd,
        arg_max(funding_rate, closing) as funding_rate,
        arg_max(funding_interval_h, closing) as funding_interval_h,
        arg_max(funding_settled, closing) as funding_settled,
        arg_max(ls_accounts, closing) as ls_accounts,
        sum(book_imbalance * weight) / sum(weight) filter (book_imbalance is not null)
            as book_imbalance,
        case when count(taker_buy_usd) >= $least_known * bar_ms / 300000 then sum(taker_buy_usd) end
            as taker_buy_usd,
        case when count(taker_sell_usd) >= $least_known * bar_ms / 300000 then sum(taker_sell_usd) end
            as taker_sell_usd
    from placed
    group by bar_ms, venue, symbol, bar
)

select
    bar_ms,
    venue,
    symbol,
    base,
    bar,
    columns(metric -> list_contains($metrics::varchar[], metric) is not false)
from cut
