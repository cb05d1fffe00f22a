-- One row per contract on a venue; key (venue, symbol).
create table instruments (
    venue varchar not null,
    symbol varchar not null,
    venue_id varchar not null,
    base varchar not null,
    multiplier double not null,
    contract_size double not null,
    linear boolean not null,
    quote varchar not null,
    oi_unit varchar not null,
    in_universe boolean not null,
    first_seen_ts timestamp_ms not null,
    last_seen_ts timestamp_ms not null,
    asset_class varchar
);
