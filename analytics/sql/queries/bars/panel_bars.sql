-- Bars of $bar_ms [ms] cut from the 5-minute bars that start from $start up to $end [UTC].
-- One row per instrument and cut bar with at least one 5-minute bar, unordered; $end is excluded, and
-- only 5-minute bars over at $now [UTC] count. Beside the keys only the columns named in $metrics are
-- returned. bar is the cut bar's start as a count of whole bars since 1970, so bars of every timeframe
-- up to a day begin at midnight UTC.
-- open is the first known value. close and all levels come from the last $closing_ms [ms] of the cut
-- bar (of the running bar: before $now), NULL if nothing is known there.
-- traded_usd is chosen per 5-minute bar and then summed. A flow is summed over the 5-minute bars that
-- have it, NULL if fewer than $least_known (0 to 1) of those that are over; its coverage is that share.
-- Means weight each 5-minute bar by its snapshot_count; an imported bar counts as one snapshot.
-- arg_max and arg_min over a timestamp (began) take a fifth of the time of a timestamp_ms (ts).
-- A NULL list does not filter. $pairs are `venue symbol`, $symbols those of $pairs. The conditions on
-- base and symbol repeat the lists so that DuckDB can skip whole files.
with known as (
    select
        *,
        ts::timestamp as began,
        epoch_ms(ts::timestamp) // $bar_ms as bar,
        epoch_ms(time_bucket(interval 5 minutes, $now::timestamp)) as over_ms,
        -- NULL before the closing part: arg_max skips NULLs, which is faster than a filter.
        if(epoch_ms(began) >= least((bar + 1) * $bar_ms, over_ms) - $closing_ms, began, null)
            as closing,
        greatest(snapshot_count, 1) as weight,
        coalesce(volume_usd, taker_buy_usd + taker_sell_usd) as traded_usd
    from known_bars
    where
        ts >= $start::timestamp_ms
        and ts < $end::timestamp_ms
        and over_by(ts, $now)
        and is_among(venue, $venues)
        and is_among_sorted(base, $bases)
        and is_among_sorted(symbol, $symbols)
),

cut as (
    select
        venue,
        symbol,
        arg_max(base, began) as base,
        bar,
        (least((bar + 1) * $bar_ms, max(over_ms)) - bar * $bar_ms) / 300000 as expected,
        arg_min(open, began) as open,
        max(high) as high,
        min(low) as low,
        arg_max(close, closing) as close,
        arg_max(mark, closing) as mark,
        arg_max(index, closing) as index,
        arg_max(volume_24h_usd, closing) as volume_24h_usd,
        arg_max(oi_base, closing) as oi_base,
        arg_min(oi_usd_open, began) as oi_usd_open,
        max(oi_usd_high) as oi_usd_high,
        min(oi_usd_low) as oi_usd_low,
        arg_max(oi_usd, closing) as oi_usd,
        arg_max(funding_rate, closing) as funding_rate,
        arg_max(funding_interval_h, closing) as funding_interval_h,
        arg_max(funding_settled, closing) as funding_settled,
        arg_max(ls_accounts, closing) as ls_accounts,
        arg_max(ls_top_accounts, closing) as ls_top_accounts,
        arg_max(ls_top_positions, closing) as ls_top_positions,
        sum(book_imbalance * weight) / sum(weight) filter (book_imbalance is not null)
            as book_imbalance,
        sum(spread_bps * weight) / sum(weight) filter (spread_bps is not null) as spread_bps,
        case when count(traded_usd) >= $least_known * expected then sum(traded_usd) end as traded_usd,
        100 * count(traded_usd) / expected as traded_coverage_pct,
        case when count(taker_buy_usd) >= $least_known * expected then sum(taker_buy_usd) end as taker_buy_usd,
        100 * count(taker_buy_usd) / expected as taker_buy_coverage_pct,
        case when count(taker_sell_usd) >= $least_known * expected then sum(taker_sell_usd) end as taker_sell_usd,
        100 * count(taker_sell_usd) / expected as taker_sell_coverage_pct,
        case when count(liq_long_usd) >= $least_known * expected then sum(liq_long_usd) end as liq_long_usd,
        100 * count(liq_long_usd) / expected as liq_long_coverage_pct,
        case when count(liq_short_usd) >= $least_known * expected then sum(liq_short_usd) end as liq_short_usd,
        100 * count(liq_short_usd) / expected as liq_short_coverage_pct,
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
