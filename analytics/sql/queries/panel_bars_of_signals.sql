-- Bars of several timeframes from one read of the 5-minute bars since $start [UTC], as far as they
-- were over at $now [UTC]: of $bar_ms [ms] each, from bar $firsts on and before $ends, counted in
-- whole bars since 1970. Beside the keys only the columns named in $metrics, of those that the
-- tiers of signals read; cut as panel_bars.sql cuts them, and with its parameters otherwise.
-- One row per timeframe, instrument and cut bar with at least one 5-minute bar, in no order.
with frames as (
    select
        unnest($bar_ms::bigint[]) as bar_ms,
        unnest($firsts::bigint[]) as first_bar,
        unnest($ends::bigint[]) as end_bar
),

known as (
    select *, ts::timestamp as began, greatest(snapshot_count, 1) as weight
    from known_bars
    where
        ts >= $start::timestamp_ms
        and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
),

placed as (
    select known.*, frames.bar_ms, epoch_ms(known.began) // frames.bar_ms as bar
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
        arg_max(close, began) as close,
        arg_max(oi_usd, began) as oi_usd,
        arg_max(funding_rate, began) as funding_rate,
        arg_max(funding_interval_h, began) as funding_interval_h,
        arg_max(ls_accounts, began) as ls_accounts,
        sum(book_imbalance * weight) / sum(weight) filter (book_imbalance is not null)
            as book_imbalance,
        sum(taker_buy_usd) as taker_buy_usd,
        sum(taker_sell_usd) as taker_sell_usd
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
