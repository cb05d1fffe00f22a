-- Bars of some of $venue's instruments that start from $start up to $end [UTC], in backfilled columns.
-- One row per instrument and five minutes, unordered; $end is excluded. The columns are those that a
-- venue's history can fill. $symbols and $bases are those of the instruments; the range conditions on
-- both repeat the lists so that DuckDB can skip whole files.
select
    venue, symbol, base, ts, open, high, low, close, volume_usd, volume_24h_usd,
    oi_base, oi_usd, funding_rate, funding_interval_h,
    ls_accounts, ls_top_accounts, ls_top_positions, taker_buy_usd, taker_sell_usd
from bars
where
    venue = $venue
    and base between list_min($bases::varchar[]) and list_max($bases::varchar[])
    and symbol between list_min($symbols::varchar[]) and list_max($symbols::varchar[])
    and list_contains($symbols::varchar[], symbol)
    and ts >= $start::timestamp_ms
    and ts < $end::timestamp_ms
