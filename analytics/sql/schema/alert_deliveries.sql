-- One row per attempt to tell a channel of a change of an episode; key (channel, rule, version,
-- subject, started_ts, change, attempt).
create table alert_deliveries (
    channel varchar not null,
    rule varchar not null,
    version varchar not null,
    subject varchar not null,
    started_ts timestamp_ms not null,
    change varchar not null,
    attempt integer not null,
    ts timestamp_ms not null,
    outcome varchar not null,
    error varchar
);
