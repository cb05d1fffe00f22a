-- End of the newest cycle of the day before $now [UTC]. One row, null if there was none.
select max(finished_ts) as finished_ts
from cycles
where
    started_ts > ($now::timestamp - interval 1 day)::timestamp_ms
    and finished_ts <= $now::timestamp_ms
