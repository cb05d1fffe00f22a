-- One row per change of a monitored trade, with all of the trade as it then was; key (id, change_id).
create table trades (
    id varchar not null,
    change_id varchar not null,
    ts timestamp_ms not null,
    change varchar not null,
    venue varchar not null,
    symbol varchar not null,
    base varchar not null,
    side varchar not null,
    entry_price double not null,
    size_base double not null,
    leverage double not null,
    maintenance_margin_pct double not null,
    stop_price double,
    target_price double,
    note varchar,
    exit_price double,
    opened_ts timestamp_ms not null,
    closed_ts timestamp_ms
);
