-- How much of the bars of the half hour before $now [UTC] is known by now. One row; what was cut
-- from bars and kept is to be cut anew when it changes.
select
    max(ts) as newest_ts,
    count(*) as bar_count
from bars
where
    ts > ($now::timestamp - interval 35 minutes)::timestamp_ms
    and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
