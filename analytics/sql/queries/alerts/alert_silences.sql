-- Silences that hold at $now [UTC], those that end last first. One row per silence.
-- NULL in rule, subject or alert_group names all, so that three of them mute everything.
select
    id,
    ts,
    rule,
    subject,
    alert_group,
    until_ts,
    reason
from alert_actions
where
    kind = 'silence'
    and ts <= $now::timestamp
    and until_ts > $now::timestamp
    and id not in (
        select ends_id from alert_actions
        where kind = 'end_silence' and ends_id is not null and ts <= $now::timestamp
    )
order by until_ts desc, id
