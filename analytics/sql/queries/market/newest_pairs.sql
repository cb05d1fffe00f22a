-- Newest values of every pair at $now [UTC].
-- One row per (venue, symbol), largest open interest first. Each metric is the newest value received after $since [UTC], with its
-- own time beside it, and null if there is none. basis_mark and basis_index come from one snapshot, the
-- newest that has both, so that their difference is a basis. A pair without a snapshot is read from finished bars
-- (from_bar). price_24h_ago is null where the venue does not publish it.
with recent_snapshots as (
    select
        venue, symbol, base, received_ts, price, price_24h_ago, volume_24h_usd, oi_base,
        oi_usd, funding_rate, funding_interval_h, ls_accounts, ls_ts, book_imbalance, flags,
        mark, index, spread_bps, false as from_bar
    from snapshots
    where
        within(received_ts, $since, $now)
),

recent_bars as (
    select
        venue, symbol, base, bar_end(ts) as received_ts, close as price,
        null as price_24h_ago, volume_24h_usd, oi_base, oi_usd, funding_rate, funding_interval_h,
        ls_accounts, null as ls_ts, book_imbalance, null as flags,
        mark, index, spread_bps, true as from_bar
    from known_bars
    where
        ended_within(ts, $since, $now)
),

-- arg_max over a timestamp (row_ts) takes a fifth of the time of a timestamp_ms.
recent as (
    select *, received_ts::timestamp as row_ts from recent_snapshots
    union all
    select recent_bars.*, recent_bars.received_ts::timestamp as row_ts
    from recent_bars
    anti join recent_snapshots using (venue, symbol)
),

latest as (
    select
        venue,
        symbol,
        any_value(base) as base,
        min(received_ts) as since_ts,
        max(received_ts) as received_ts,
        arg_max(price, row_ts) as price,
        max(received_ts) filter (price is not null) as price_ts,
        arg_max(price_24h_ago, row_ts) as price_24h_ago,
        arg_max(volume_24h_usd, row_ts) as volume_24h_usd,
        max(received_ts) filter (volume_24h_usd is not null) as volume_24h_usd_ts,
        arg_max(oi_usd, row_ts) as oi_usd,
        -- From the row of oi_usd, so that their quotient is one price.
        arg_max_null(oi_base, row_ts) filter (oi_usd is not null) as oi_base,
        max(received_ts) filter (oi_usd is not null) as oi_usd_ts,
        -- Both from one row: the rate is per interval and means nothing with another interval.
        arg_max(funding_rate, row_ts) filter (funding_interval_h is not null) as funding_rate,
        arg_max(funding_interval_h, row_ts) filter (funding_rate is not null)
            as funding_interval_h,
        coalesce(
            max(received_ts) filter (funding_rate is not null and funding_interval_h is not null),
            max(received_ts) filter (funding_rate is not null)
        ) as funding_ts,
        arg_max(ls_accounts, row_ts) as ls_accounts,
        arg_max(ls_ts, row_ts) filter (ls_accounts is not null) as ls_ts,
        max(received_ts) filter (ls_accounts is not null) as ls_received_ts,
        arg_max(100 * book_imbalance, row_ts) as book_imbalance_pct,
        max(received_ts) filter (book_imbalance is not null) as book_imbalance_ts,
        arg_max(mark, row_ts) filter (mark is not null and index is not null) as basis_mark,
        arg_max(index, row_ts) filter (mark is not null and index is not null) as basis_index,
        max(received_ts) filter (mark is not null and index is not null) as basis_ts,
        arg_max(spread_bps, row_ts) as spread_bps,
        max(received_ts) filter (spread_bps is not null) as spread_bps_ts,
        arg_max_null(flags, row_ts) as flags,
        any_value(from_bar) as from_bar
    from recent
    group by venue, symbol
)

select
    * exclude (funding_rate, funding_interval_h),
    funding_8h_pct(funding_rate, funding_interval_h) as funding_8h_pct,
    funding_ts is not null and funding_interval_h is null as funding_interval_unknown
from latest
order by oi_usd desc nulls last, venue, symbol
