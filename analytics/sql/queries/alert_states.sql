-- The newest event of each rule, version and subject, of all that is stored: what a collector goes on from.
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
