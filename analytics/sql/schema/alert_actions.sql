-- One row per acknowledgement, silence, or end of one, by a person; key (id).
create table alert_actions (
    id varchar not null,
    ts timestamp_ms not null,
    kind varchar not null,
    rule varchar,
    subject varchar,
    alert_group varchar,
    started_ts timestamp_ms,
    until_ts timestamp_ms,
    ends_id varchar,
    reason varchar
);
