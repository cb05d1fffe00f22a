-- The steps of the record after $start and up to $end [UTC], oldest first: ends of cycles, of each
-- $every_s [s] the last, as venues' cycles run side by side. Readings of an imported recording count
-- like cycles. One row per step.
with ends as (
    select finished_ts as ts
    from cycles
    where
        within(
            finished_ts,
            $start::timestamp - to_seconds($every_s::double),
            $end::timestamp + to_seconds($every_s::double)
        )
    union all
    select received_ts
    from snapshots
    where
        within(
            received_ts,
            $start::timestamp - to_seconds($every_s::double),
            $end::timestamp + to_seconds($every_s::double)
        )
)

select max(ts) as ts
from ends
group by time_bucket(to_seconds($every_s::double), ts::timestamp)
having within(max(ts), $start, $end)
order by ts
