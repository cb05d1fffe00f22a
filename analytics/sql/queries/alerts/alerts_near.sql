-- Firings of alerts at the last time before $near [UTC] at which any fired, and at the first after it.
-- One row per firing, by time, the gravest first.
with fired as (
    select ts, rule, version, subject, started_ts, severity, per, venue, symbol, base
    from alert_events
    where change = 'firing'
)

select *
from fired
where
    ts = (select max(ts) from fired where ts < $near::timestamp_ms)
    or ts = (select min(ts) from fired where ts > $near::timestamp_ms)
order by ts, list_position(['critical', 'warning', 'info'], severity), rule, version, subject
