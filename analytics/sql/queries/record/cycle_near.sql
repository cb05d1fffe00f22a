-- The steps of the record before and after $near [UTC]: ends of cycles, of each $every_s [s] the last,
-- as venues' cycles run side by side. Before is at least one such time ago. Where no cycle is within an
-- hour, readings of an imported recording within that hour count like cycles. One row: before_ts and
-- after_ts, NULL if there is none.
with no_cycle as (
    select 1 as one
    where not exists (
        select 1 from cycles
        where
            within(
                finished_ts, $near::timestamp - interval 1 hour, $near::timestamp + interval 1 hour
            )
    )
),

ends as (
    select finished_ts as ts from cycles
    union all
    select received_ts
    from snapshots
    cross join no_cycle
    where
        within(received_ts, $near::timestamp - interval 1 hour, $near::timestamp + interval 1 hour)
),

nearest as (
    select
        max(ts) filter (
            ts < time_bucket(to_seconds($every_s::double), $near::timestamp)::timestamp_ms
        ) as before_ts,
        min(ts) filter (ts > $near::timestamp_ms) as first_ts
    from ends
)

select
    any_value(before_ts) as before_ts,
    max(ts) filter (
        ts >= first_ts
        and ts < time_bucket(to_seconds($every_s::double), first_ts::timestamp)
        + to_seconds($every_s::double)
    ) as after_ts
from ends
cross join nearest
