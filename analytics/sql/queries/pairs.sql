-- What is known of every pair at $now [UTC] from what was heard after $since [UTC], and how far
-- it came in $span_s [s].
-- One row per (venue, symbol), largest open interest first. Every value is the
-- newest that the venue stated, and its time stands beside it; a metric that was
-- not stated since then is null. A pair without a snapshot is read from the bars
-- that were over by then (from_bar). Changes are against the snapshot of that long before
-- the newest one, which is kept for the shortest spans only, and else against the bar whose
-- end lies nearest to that time; null where neither is within 2.5 minutes of it.
with snapshots_heard as (
    select
        venue, symbol, base, received_ts, price, price_24h_ago, volume_24h_usd, oi_usd,
        funding_rate, funding_interval_h, ls_accounts, ls_ts, book_imbalance, flags,
        false as from_bar
    from snapshots
    where
        received_ts > $since::timestamp_ms
        and received_ts <= $now::timestamp_ms
),

bars_heard as (
    select
        venue, symbol, base, (ts + interval 5 minutes)::timestamp_ms as received_ts, close as price,
        null as price_24h_ago, volume_24h_usd, oi_usd, funding_rate, funding_interval_h,
        ls_accounts, null as ls_ts, book_imbalance, null as flags,
        true as from_bar
    from known_bars
    where
        ts > ($since::timestamp - interval 5 minutes)::timestamp_ms
        and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
),

-- arg_max of a timestamp (heard_ts) takes a fifth of what it takes of a timestamp_ms.
heard as (
    select *, received_ts::timestamp as heard_ts from snapshots_heard
    union all
    select bars_heard.*, bars_heard.received_ts::timestamp as heard_ts
    from bars_heard
    anti join snapshots_heard using (venue, symbol)
),

latest as (
    select
        venue,
        symbol,
        any_value(base) as base,
        min(received_ts) as since_ts,
        max(received_ts) as received_ts,
        arg_max(price, heard_ts) as price,
        max(received_ts) filter (price is not null) as price_ts,
        arg_max(price_24h_ago, heard_ts) as price_24h_ago,
        arg_max(volume_24h_usd, heard_ts) as volume_24h_usd,
        max(received_ts) filter (volume_24h_usd is not null) as volume_24h_usd_ts,
        arg_max(oi_usd, heard_ts) as oi_usd,
        max(received_ts) filter (oi_usd is not null) as oi_usd_ts,
        -- Of one row: a rate is per interval, and beside another one it means another rate.
        arg_max(funding_rate, heard_ts) filter (funding_interval_h is not null) as funding_rate,
        arg_max(funding_interval_h, heard_ts) filter (funding_rate is not null)
            as funding_interval_h,
        coalesce(
            max(received_ts) filter (funding_rate is not null and funding_interval_h is not null),
            max(received_ts) filter (funding_rate is not null)
        ) as funding_ts,
        arg_max(ls_accounts, heard_ts) as ls_accounts,
        arg_max(ls_ts, heard_ts) filter (ls_accounts is not null) as ls_ts,
        arg_max(100 * book_imbalance, heard_ts) as book_imbalance_pct,
        max(received_ts) filter (book_imbalance is not null) as book_imbalance_ts,
        arg_max_null(flags, heard_ts) as flags,
        any_value(from_bar) as from_bar
    from heard
    group by venue, symbol
),

-- By how much more than that long each row lies before the pair's newest, and before its newest
-- open interest, which some venues tell less often. [ms] As intervals, a day less 23 h 58 min would
-- not be two minutes: DuckDB compares days first.
heard_then as (
    select
        heard.*,
        epoch_ms(latest.received_ts) - epoch_ms(heard.received_ts) - 1000 * $span_s as further,
        epoch_ms(latest.oi_usd_ts) - epoch_ms(heard.received_ts) - 1000 * $span_s as oi_further
    from heard
    join latest using (venue, symbol)
),

earlier_heard as (
    select
        venue,
        symbol,
        arg_max(price, heard_ts) filter (near) as price,
        arg_max(ls_accounts, heard_ts) filter (near) as ls_accounts,
        arg_max(100 * funding_rate * 8 / nullif(funding_interval_h, 0), heard_ts) filter (near)
            as funding_8h_pct,
        arg_max(oi_usd, heard_ts) filter (oi_near) as oi_usd
    from (
        select
            *,
            further between -15000 and 150000 as near,
            oi_further between -15000 and 150000 as oi_near
        from heard_then
    )
    where near or oi_near
    group by venue, symbol
),

bars_then as (
    select
        bars.*,
        bars.ts::timestamp as began,
        epoch_ms(latest.received_ts) - epoch_ms(bars.ts) - 300000 - 1000 * $span_s as further,
        epoch_ms(latest.oi_usd_ts) - epoch_ms(bars.ts) - 300000 - 1000 * $span_s as oi_further
    from known_bars as bars
    join latest using (venue, symbol)
    where
        bars.ts
        > ($since::timestamp - to_seconds($span_s::bigint) - interval 10 minutes)::timestamp_ms
        and bars.ts <= ($now::timestamp - to_seconds($span_s::bigint))::timestamp_ms
        and bars.ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
),

earlier_bars as (
    select
        venue,
        symbol,
        arg_max(close, began) filter (near) as price,
        arg_max(ls_accounts, began) filter (near) as ls_accounts,
        arg_max(100 * funding_rate * 8 / nullif(funding_interval_h, 0), began) filter (near)
            as funding_8h_pct,
        arg_max(oi_usd, began) filter (oi_near) as oi_usd
    from (
        select
            *,
            further between -150000 and 150000 as near,
            oi_further between -150000 and 150000 as oi_near
        from bars_then
    )
    where near or oi_near
    group by venue, symbol
),

earlier as (
    select
        venue, symbol,
        coalesce(earlier_heard.price, earlier_bars.price) as price,
        coalesce(earlier_heard.oi_usd, earlier_bars.oi_usd) as oi_usd,
        coalesce(earlier_heard.ls_accounts, earlier_bars.ls_accounts) as ls_accounts,
        coalesce(earlier_heard.funding_8h_pct, earlier_bars.funding_8h_pct) as funding_8h_pct
    from earlier_heard
    full join earlier_bars using (venue, symbol)
),

-- Most venues say what the price was a day ago: where all do, no bar is read.
day_ago as (
    select venue, symbol, arg_max(close, ts::timestamp) as price
    from known_bars
    semi join (select venue, symbol from latest where price_24h_ago is null)
        using (venue, symbol)
    where
        ts > ($now::timestamp - interval 24 hours - interval 20 minutes)::timestamp_ms
        and ts <= ($now::timestamp - interval 24 hours - interval 5 minutes)::timestamp_ms
    group by venue, symbol
)

select
    latest.* exclude (price_24h_ago, funding_rate, funding_interval_h),
    100 * (latest.price / nullif(coalesce(latest.price_24h_ago, day_ago.price), 0) - 1)
        as price_24h_pct,
    100 * (latest.price / nullif(earlier.price, 0) - 1) as price_delta_pct,
    100 * (latest.oi_usd / nullif(earlier.oi_usd, 0) - 1) as oi_delta_pct,
    100 * (latest.ls_accounts / nullif(earlier.ls_accounts, 0) - 1) as ls_delta_pct,
    100 * latest.funding_rate * 8 / nullif(latest.funding_interval_h, 0) as funding_8h_pct,
    100 * latest.funding_rate * 8 / nullif(latest.funding_interval_h, 0) - earlier.funding_8h_pct
        as funding_delta_pp,
    latest.funding_ts is not null and latest.funding_interval_h is null
        as funding_interval_unknown
from latest
left join earlier using (venue, symbol)
left join day_ago using (venue, symbol)
order by latest.oi_usd desc nulls last, latest.venue, latest.symbol
