-- Bars of $bar_ms [ms] cut from the 5-minute bars that start from $start on and before $end [UTC],
-- as far as they were over at $now [UTC]; beside the keys only the columns named in $metrics.
-- One row per instrument and cut bar with at least one 5-minute bar, in no order; bar is the cut
-- bar's start, counted in whole bars since 1970, so that every timeframe up to a day begins at
-- midnight UTC.
-- First and last are of what is known: a NULL in the last 5 minutes does not hide what was known
-- before it. Flows are NULL only where no 5-minute bar knew them. Means weigh each 5-minute bar
-- by its snapshots; an imported bar, which has none, weighs as much as one.
-- arg_max and arg_min of a timestamp (began) take a fifth of what they take of a timestamp_ms (ts).
-- The list that is NULL filters nothing; $pairs are `venue symbol`, and $symbols those of $pairs.
-- The bounds on base and symbol repeat what the lists say: they let whole files be passed over.
with known as (
    select
        *,
        ts::timestamp as began,
        epoch_ms(ts::timestamp) // $bar_ms as bar,
        greatest(snapshot_count, 1) as weight
    from known_bars
    where
        ts >= $start::timestamp_ms
        and ts < $end::timestamp_ms
        and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
        and ($venues::varchar[] is null or list_contains($venues, venue))
        and (
            $bases::varchar[] is null
            or (
                base between list_min($bases) and list_max($bases)
                and list_contains($bases, base)
            )
        )
        and (
            $symbols::varchar[] is null
            or (
                symbol between list_min($symbols) and list_max($symbols)
                and list_contains($symbols, symbol)
            )
        )
),

cut as (
    select
        venue,
        symbol,
        arg_max(base, began) as base,
        bar,
        arg_min(open, began) as open,
        max(high) as high,
        min(low) as low,
        arg_max(close, began) as close,
        arg_max(mark, began) as mark,
        arg_max(index, began) as index,
        sum(volume_usd) as volume_usd,
        arg_max(volume_24h_usd, began) as volume_24h_usd,
        arg_max(oi_base, began) as oi_base,
        arg_min(oi_usd_open, began) as oi_usd_open,
        max(oi_usd_high) as oi_usd_high,
        min(oi_usd_low) as oi_usd_low,
        arg_max(oi_usd, began) as oi_usd,
        arg_max(funding_rate, began) as funding_rate,
        arg_max(funding_interval_h, began) as funding_interval_h,
        arg_max(ls_accounts, began) as ls_accounts,
        arg_max(ls_top_accounts, began) as ls_top_accounts,
        arg_max(ls_top_positions, began) as ls_top_positions,
        sum(book_imbalance * weight) / sum(weight) filter (book_imbalance is not null)
            as book_imbalance,
        sum(spread_bps * weight) / sum(weight) filter (spread_bps is not null) as spread_bps,
        sum(taker_buy_usd) as taker_buy_usd,
        sum(taker_sell_usd) as taker_sell_usd,
        sum(liq_long_usd) as liq_long_usd,
        sum(liq_short_usd) as liq_short_usd,
        sum(snapshot_count)::double as snapshot_count,
        count(*)::double as bar_count
    from known
    group by venue, symbol, bar
)

select
    venue,
    symbol,
    base,
    bar,
    columns(metric -> list_contains($metrics::varchar[], metric) is not false)
from cut
where
    $pairs::varchar[] is null
    or venue || ' ' || symbol in (select unnest($pairs::varchar[]))
