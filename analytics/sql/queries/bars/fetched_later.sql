-- Bars of the 24 h before $known_by [UTC] that got values later, from venues' history or files.
-- One row: how many bars got at least one such value, and the earliest time that one did. Bars of our
-- own snapshots, written seconds after their end, do not count.
with late as (
    select
        if(snapshot_count = 0 and known_ts > $known_by::timestamp_ms, known_ts, null) as bar_ts,
        list_min(list_filter(map_values(filled), lambda ts: ts > $known_by::timestamp_ms)) as value_ts
    from bars
    where
        ended_within(ts, $known_by::timestamp - interval 24 hours, $known_by)
)

select
    count(*) as bar_count,
    min(coalesce(least(bar_ts, value_ts), bar_ts, value_ts)) as first_ts
from late
where bar_ts is not null or value_ts is not null
