-- Newest values of every pair at $now [UTC], and their changes over $span_s [s].
-- One row per (venue, symbol), largest open interest first; the newest values are those of
-- newest_pairs.sql.
-- _then is the value $span_s before the newest one: from the snapshot or bar end nearest to that
-- moment, null if none is within 2.5 minutes. _delta_s is the time that the change really covers.
with latest as (
    -- What pair_quotes.sql has.
    select * exclude (basis_mark, basis_index, basis_ts, spread_bps, spread_bps_ts)
    from rows_of_newest_pairs
),

-- In milliseconds: arg_min over bigints takes a fraction of the time of a timestamp_ms. Intervals
-- would be wrong: DuckDB compares their days first, so 1 day - 23 h 58 min is not 2 minutes.
snapshots_then as (
    select
        venue, symbol, epoch_ms(received_ts) + 1000 * $span_s::bigint as later_ms, price,
        100 * (price / nullif(price_24h_ago, 0) - 1) as price_24h_pct, volume_24h_usd, oi_base, oi_usd, ls_accounts,
        funding_8h_pct(funding_rate, funding_interval_h) as funding_8h_pct
    from snapshots
    where
        -- Where the newest value is old, its span is not over 4 minutes before that of the others.
        received_ts > least(
            $since::timestamp, seconds_before($now, $span_s) - interval 4 minutes
        )::timestamp_ms
        and received_ts <= (seconds_before($now, $span_s) + interval 150 seconds)::timestamp_ms
),

-- Pairs with a snapshot within a minute of that moment that has every value the newest one has. A bar
-- would be hardly nearer, so if this is all pairs, no bar is read.
near_then as (
    select distinct latest.venue, latest.symbol
    from latest
    join snapshots_then using (venue, symbol)
    where
        abs(epoch_ms(latest.received_ts) - later_ms) <= 60000
        and (snapshots_then.price is not null or latest.price is null)
        and (snapshots_then.oi_usd is not null or latest.oi_usd is null)
        and (snapshots_then.ls_accounts is not null or latest.ls_accounts is null)
),

bars_then as (
    select
        venue, symbol, epoch_ms(ts) + 300000 + 1000 * $span_s::bigint as later_ms, close as price,
        null as price_24h_pct, volume_24h_usd, oi_base, oi_usd, ls_accounts,
        funding_8h_pct(funding_rate, funding_interval_h) as funding_8h_pct
    from known_bars
    semi join (from latest anti join near_then using (venue, symbol)) using (venue, symbol)
    where
        ts > ($since::timestamp - to_seconds($span_s::bigint) - interval 10 minutes)::timestamp_ms
        and ts <= seconds_before($now, $span_s)::timestamp_ms
        and over_by(ts, $now)
),

-- Distance of each row from $span_s before the newest value of each metric [ms], positive if earlier;
-- null if the row lacks the metric or is more than 2.5 minutes off.
rows_then as (
    select
        past.*,
        further_ms(past.price, latest.price_ts, past.later_ms) as price_further,
        further_ms(past.oi_usd, latest.oi_usd_ts, past.later_ms) as oi_further,
        further_ms(past.volume_24h_usd, latest.volume_24h_usd_ts, past.later_ms) as volume_further,
        further_ms(past.funding_8h_pct, latest.funding_ts, past.later_ms) as funding_further,
        further_ms(past.ls_accounts, latest.ls_received_ts, past.later_ms) as ls_further
    from (from snapshots_then union all from bars_then) as past
    join latest using (venue, symbol)
),

-- The nearest row for each metric; the earlier one of two equally near.
earlier as (
    select
        venue,
        symbol,
        arg_min(price, nearness(price_further)) as price,
        arg_min_null(price_24h_pct, nearness(price_further)) as price_24h_pct,
        arg_min(price_further, nearness(price_further)) as price_further,
        arg_min(oi_usd, nearness(oi_further)) as oi_usd,
        arg_min_null(oi_base, nearness(oi_further)) as oi_base,
        arg_min(oi_further, nearness(oi_further)) as oi_further,
        arg_min(volume_24h_usd, nearness(volume_further)) as volume_24h_usd,
        arg_min(volume_further, nearness(volume_further)) as volume_further,
        arg_min(funding_8h_pct, nearness(funding_further)) as funding_8h_pct,
        arg_min(funding_further, nearness(funding_further)) as funding_further,
        arg_min(ls_accounts, nearness(ls_further)) as ls_accounts,
        arg_min(ls_further, nearness(ls_further)) as ls_further
    from rows_then
    group by venue, symbol
),

-- Most venues publish the price of 24 h ago; if all pairs have it, no bar is read: the limit, which
-- is above any number of pairs, has DuckDB look at these first.
day_ago as (
    select venue, symbol, arg_max(close, ts::timestamp) as price
    from known_bars
    semi join (select venue, symbol from latest where price_24h_ago is null limit 20000)
        using (venue, symbol)
    where
        ts > ($now::timestamp - interval 24 hours - interval 20 minutes)::timestamp_ms
        and ts <= ($now::timestamp - interval 24 hours - interval 5 minutes)::timestamp_ms
    group by venue, symbol
)

select
    latest.* exclude (
        price_24h_ago, ls_received_ts, funding_8h_pct, funding_interval_unknown
    ),
    100 * (latest.price / nullif(coalesce(latest.price_24h_ago, day_ago.price), 0) - 1)
        as price_24h_pct,
    100 * (latest.price / nullif(earlier.price, 0) - 1) as price_delta_pct,
    100 * (latest.oi_usd / nullif(earlier.oi_usd, 0) - 1) as oi_delta_pct,
    100 * (latest.oi_base / nullif(earlier.oi_base, 0) - 1) as oi_base_delta_pct,
    100 * (latest.ls_accounts / nullif(earlier.ls_accounts, 0) - 1) as ls_delta_pct,
    latest.funding_8h_pct,
    latest.funding_8h_pct - earlier.funding_8h_pct as funding_delta_pp,
    earlier.price_24h_pct as price_24h_pct_then,
    earlier.oi_base as oi_base_then,
    earlier.oi_usd as oi_usd_then,
    earlier.volume_24h_usd as volume_24h_usd_then,
    earlier.funding_8h_pct as funding_8h_pct_then,
    earlier.ls_accounts as ls_accounts_then,
    $span_s + earlier.price_further / 1000 as price_delta_s,
    $span_s + earlier.oi_further / 1000 as oi_delta_s,
    $span_s + earlier.volume_further / 1000 as volume_delta_s,
    $span_s + earlier.funding_further / 1000 as funding_delta_s,
    $span_s + earlier.ls_further / 1000 as ls_delta_s,
    latest.funding_interval_unknown
from latest
left join earlier using (venue, symbol)
left join day_ago using (venue, symbol)
order by latest.oi_usd desc nulls last, latest.venue, latest.symbol
