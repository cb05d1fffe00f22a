-- One row per venue and cycle, with its outcome; key (venue, started_ts).
create table cycles (
    venue varchar not null,
    started_ts timestamp_ms not null,
    finished_ts timestamp_ms not null,
    asked integer not null,
    answered integer not null,
    skipped integer not null,
    refused integer not null,
    refused_reasons varchar,
    latency_ms double,
    requests integer not null,
    budget_used_pct double,
    error varchar,
    streams varchar
);
