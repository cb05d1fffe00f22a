-- The newest stored event of each rule, version and subject: what a collector goes on from. One row per
-- rule, version and subject, whatever the time is: after a clock was set back some lie ahead of it.
-- resolved_ts is when an episode of them was last resolved, NULL if none was.
with newest as (
    select
        rule,
        version,
        subject,
        max(ts) as ts,
        max(ts) filter (change = 'resolved') as resolved_ts
    from alert_events
    group by rule, version, subject
)

select
    alert_events.*,
    newest.resolved_ts
from alert_events
inner join newest using (rule, version, subject, ts)
