-- 5-minute bars built from the stored snapshots of $venues between $start and $end [UTC].
-- One row per instrument and five minutes with at least one snapshot, in the columns of bars.
-- A snapshot exactly on a five-minute mark belongs to the bar that starts there. $start is on a mark;
-- if $end is not, the last bar is the running one. A NULL list does not filter. $origin is written
-- to the bars' origin column.
-- arg_min and arg_max skip NULLs: first and last are the first and last known value.
-- Flows stay NULL if no snapshot has them. volume_usd is NULL: snapshots only have the 24 h volume.
-- A live bar whose first snapshot comes 90 s or more after its start gets no open, high and low, and no
-- flow that any of its snapshots has in part. Imported readings may be any distance apart.
with placed as (
    select
        *,
        time_bucket(interval 5 minutes, received_ts)::timestamp_ms as ts,
        $origin::varchar <> 'live'
        or min(received_ts) over (partition by venue, symbol, ts) < ts + interval 90 seconds as from_start,
        from_start or not coalesce(contains(flags, 'partial:trades'), false) as all_trades,
        from_start or not coalesce(contains(flags, 'partial:liquidations'), false) as all_liquidated
    from snapshots
    where
        is_among(venue, $venues)
        and received_ts >= $start::timestamp_ms
        and received_ts < $end::timestamp_ms
)

select
    venue,
    symbol,
    arg_max(base, received_ts) as base,
    ts,
    arg_min(price, received_ts) filter (from_start) as open,
    max(price) filter (from_start) as high,
    min(price) filter (from_start) as low,
    arg_max(price, received_ts) as close,
    arg_max(mark, received_ts) as mark,
    arg_max(index, received_ts) as index,
    null::double as volume_usd,
    arg_max(volume_24h_usd, received_ts) as volume_24h_usd,
    arg_max(oi_base, received_ts) as oi_base,
    arg_min(oi_usd, received_ts) filter (from_start) as oi_usd_open,
    max(oi_usd) filter (from_start) as oi_usd_high,
    min(oi_usd) filter (from_start) as oi_usd_low,
    arg_max(oi_usd, received_ts) as oi_usd,
    arg_max(funding_rate, received_ts) as funding_rate,
    arg_max(funding_interval_h, received_ts) as funding_interval_h,
    arg_max(ls_accounts, received_ts) as ls_accounts,
    arg_max(ls_top_accounts, received_ts) as ls_top_accounts,
    arg_max(ls_top_positions, received_ts) as ls_top_positions,
    avg(book_imbalance) as book_imbalance,
    avg(spread_bps) as spread_bps,
    case when bool_and(all_trades) then sum(taker_buy_usd) end as taker_buy_usd,
    case when bool_and(all_trades) then sum(taker_sell_usd) end as taker_sell_usd,
    case when bool_and(all_liquidated) then sum(liq_long_usd) end as liq_long_usd,
    case when bool_and(all_liquidated) then sum(liq_short_usd) end as liq_short_usd,
    count(*)::integer as snapshot_count,
    $origin::varchar as origin
from placed
group by venue, symbol, ts
order by ts, symbol
