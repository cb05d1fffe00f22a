-- One row per change of an alert episode's state; key (rule, version, subject, started_ts, change, ts).
create table alert_events (
    rule varchar not null,
    version varchar not null,
    subject varchar not null,
    started_ts timestamp_ms not null,
    change varchar not null,
    ts timestamp_ms not null,
    per varchar not null,
    venue varchar,
    symbol varchar,
    base varchar,
    timeframe varchar not null,
    severity varchar not null,
    alert_group varchar not null,
    condition varchar not null,
    message varchar not null,
    seen_values varchar not null,
    seen_ages_s varchar not null,
    channels varchar not null
);
