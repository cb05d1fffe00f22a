-- Changes of alert episodes that were stored by $now [UTC], oldest first.
-- One row per rule, version, subject, started_ts, change and ts.
select *
from alert_events
where ts <= $now::timestamp_ms
order by ts, rule, version, subject, started_ts, change
