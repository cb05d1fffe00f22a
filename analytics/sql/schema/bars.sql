-- One row per instrument and finished 5-minute bar; key (venue, symbol, ts), ts is the bar's start.
-- known_ts is when the row became known, NULL for the bar's end. filled maps each column that became
-- known later than the row to its time. known_bars.sql reads both.
create table bars (
    venue varchar not null,
    symbol varchar not null,
    base varchar not null,
    ts timestamp_ms not null,
    open double,
    high double,
    low double,
    close double,
    mark double,
    index double,
    volume_usd double,
    volume_24h_usd double,
    oi_base double,
    oi_usd_open double,
    oi_usd_high double,
    oi_usd_low double,
    oi_usd double,
    funding_rate double,
    funding_interval_h double,
    ls_accounts double,
    ls_top_accounts double,
    ls_top_positions double,
    book_imbalance double,
    spread_bps double,
    taker_buy_usd double,
    taker_sell_usd double,
    liq_long_usd double,
    liq_short_usd double,
    snapshot_count integer not null,
    origin varchar not null,
    known_ts timestamp_ms,
    filled map(varchar,timestamp_ms)
);
alter table bars set partitioned by (year(ts), month(ts));
alter table bars set sorted by (base, venue, symbol, ts);
