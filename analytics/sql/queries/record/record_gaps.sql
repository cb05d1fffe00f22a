-- Gaps of the record between $start and $end [UTC]: over $break_s [s] without a cycle that stored
-- anything, oldest first. One row per venue and gap; venue is NULL where no venue stored anything. The
-- time before the first cycle is no gap: what is there was fetched or imported. In a record without any
-- cycle, as one of imported files, five minutes without a bar are a gap.
-- Cycles within one $break_s have no gap between them, so only the first and last of each are compared.
with no_cycle as (
    select 1 as one
    where not exists (select 1 from cycles)
),

of_bars as (
    select distinct venue, ts
    from bars
    cross join no_cycle
    where within(ts, $start::timestamp, $end::timestamp)
),

of_venues as (
    select
        venue,
        time_bucket(to_seconds($break_s::double), finished_ts::timestamp) as part,
        min(finished_ts) as first_ts,
        max(finished_ts) as last_ts
    from cycles
    where answered > 0
    group by venue, part
    union all
    select venue, ts, ts, bar_end(ts)
    from of_bars
),

of_all as (
    from of_venues
    union all
    select null, part, min(first_ts), max(last_ts)
    from of_venues
    group by part
),

spans as (
    select
        venue,
        lag(last_ts) over (partition by venue order by part) as started_ts,
        first_ts as ended_ts
    from of_all
)

select venue, started_ts, ended_ts
from spans
where
    ended_ts - started_ts > to_seconds($break_s::double)
    and ended_ts > $start::timestamp_ms
    and started_ts < $end::timestamp_ms
order by started_ts, venue nulls first
