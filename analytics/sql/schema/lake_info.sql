-- One row per fact about the lake itself (schema_version, origin, clock and others); key key.
create table lake_info (
    key varchar not null,
    value varchar not null
);
