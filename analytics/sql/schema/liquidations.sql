-- One row per liquidation that a venue published; key (venue, symbol, venue_ts, id).
create table liquidations (
    venue varchar not null,
    symbol varchar not null,
    base varchar not null,
    side varchar not null,
    price double not null,
    quantity_base double not null,
    usd double not null,
    venue_ts timestamp_ms not null,
    received_ts timestamp_ms not null,
    id varchar not null
);
alter table liquidations set partitioned by (year(venue_ts), month(venue_ts));
alter table liquidations set sorted by (base, venue, symbol, venue_ts);
