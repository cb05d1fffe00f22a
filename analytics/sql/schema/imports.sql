-- One row per import that stored something; key id. An import is committed in pieces, each with a
-- journal file in the folder imports/ID. Journal files numbered pieces or higher were never committed.
create table imports (
    id integer not null,
    source varchar not null,
    kind varchar not null,
    file varchar not null,
    sha256 varchar not null,
    stored_ts timestamp_ms not null,
    first_ts timestamp_ms not null,
    last_ts timestamp_ms not null,
    pieces integer not null,
    rows_added integer not null,
    rows_replaced integer not null,
    bars_added integer not null,
    bars_changed integer not null,
    pieces_undone integer not null,
    undone_ts timestamp_ms
);
