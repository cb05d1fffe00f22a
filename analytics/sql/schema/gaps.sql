-- One row per hole in a stream, written when it is over; key (venue, channel, symbol, started_ts).
create table gaps (
    venue varchar not null,
    channel varchar not null,
    symbol varchar not null,
    started_ts timestamp_ms not null,
    ended_ts timestamp_ms not null,
    reason varchar not null,
    outcome varchar not null,
    repaired_rows integer not null
);
