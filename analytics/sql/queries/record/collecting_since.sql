-- Since when cycles have run without a break of $break_s [s], at $now [UTC].
-- One row. since_ts is the end of the first cycle after the newest break in the week before $now, null
-- if no cycle ended in that week; is_whole_week is true if the week has no break.
with ends as (
    select
        finished_ts,
        finished_ts - lag(finished_ts) over (order by finished_ts) as since_last
    from cycles
    where
        started_ts > ($now::timestamp - interval 7 days)::timestamp_ms
        and finished_ts <= $now::timestamp_ms
)

select
    coalesce(
        max(finished_ts) filter (since_last > to_seconds($break_s::double)), min(finished_ts)
    ) as since_ts,
    count(*) filter (since_last > to_seconds($break_s::double)) = 0
    and min(finished_ts)
        < ($now::timestamp - interval 7 days + to_seconds($break_s::double))::timestamp_ms
        as is_whole_week
from ends
