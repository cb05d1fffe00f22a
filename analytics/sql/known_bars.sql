-- Bars as known at $known_by [UTC]: without rows and single values that became known later. With
-- NULL all that is stored, and DuckDB drops these conditions: neither known_ts nor filled is read.
-- funding_settled is 1 if funding_rate comes from a later payment, which nobody knew during the bar,
-- and 0 if it is the running rate of a snapshot or reading.
select * exclude (known_ts, filled) replace (
    if(filled['open'] > $known_by::timestamp_ms, null, open) as open,
    if(filled['high'] > $known_by::timestamp_ms, null, high) as high,
    if(filled['low'] > $known_by::timestamp_ms, null, low) as low,
    if(filled['close'] > $known_by::timestamp_ms, null, close) as close,
    if(filled['mark'] > $known_by::timestamp_ms, null, mark) as mark,
    if(filled['index'] > $known_by::timestamp_ms, null, index) as index,
    if(filled['volume_usd'] > $known_by::timestamp_ms, null, volume_usd) as volume_usd,
    if(filled['volume_24h_usd'] > $known_by::timestamp_ms, null, volume_24h_usd) as volume_24h_usd,
    if(filled['oi_base'] > $known_by::timestamp_ms, null, oi_base) as oi_base,
    if(filled['oi_usd_open'] > $known_by::timestamp_ms, null, oi_usd_open) as oi_usd_open,
    if(filled['oi_usd_high'] > $known_by::timestamp_ms, null, oi_usd_high) as oi_usd_high,
    if(filled['oi_usd_low'] > $known_by::timestamp_ms, null, oi_usd_low) as oi_usd_low,
    if(filled['oi_usd'] > $known_by::timestamp_ms, null, oi_usd) as oi_usd,
    if(filled['funding_rate'] > $known_by::timestamp_ms, null, funding_rate) as funding_rate,
    if(filled['funding_interval_h'] > $known_by::timestamp_ms, null, funding_interval_h) as funding_interval_h,
    if(filled['ls_accounts'] > $known_by::timestamp_ms, null, ls_accounts) as ls_accounts,
    if(filled['ls_top_accounts'] > $known_by::timestamp_ms, null, ls_top_accounts) as ls_top_accounts,
    if(filled['ls_top_positions'] > $known_by::timestamp_ms, null, ls_top_positions) as ls_top_positions,
    if(filled['book_imbalance'] > $known_by::timestamp_ms, null, book_imbalance) as book_imbalance,
    if(filled['spread_bps'] > $known_by::timestamp_ms, null, spread_bps) as spread_bps,
    if(filled['taker_buy_usd'] > $known_by::timestamp_ms, null, taker_buy_usd) as taker_buy_usd,
    if(filled['taker_sell_usd'] > $known_by::timestamp_ms, null, taker_sell_usd) as taker_sell_usd,
    if(filled['liq_long_usd'] > $known_by::timestamp_ms, null, liq_long_usd) as liq_long_usd,
    if(filled['liq_short_usd'] > $known_by::timestamp_ms, null, liq_short_usd) as liq_short_usd
),
case
    when funding_rate is null or filled['funding_rate'] > $known_by::timestamp_ms then null
    when snapshot_count = 0 or filled['funding_rate'] is not null then 1
    else 0
end::double as funding_settled
from bars
where $known_by::timestamp_ms is null or known_ts is null or known_ts <= $known_by::timestamp_ms
