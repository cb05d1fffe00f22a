-- Alert episodes as known at $now [UTC] that were open then or changed since $since [UTC], newest first.
-- One row per rule, version, subject and started_ts. phase is pending, firing, resolved or dropped;
-- message and values are those when it fired, or before that of its last change.
-- fired_ts and ended_ts are NULL until then. acknowledged_ts is when a person acknowledged it,
-- silenced_until the end of the longest silence that holds for it at $now.
with known as (
    select * from alert_events where ts <= $now::timestamp
),

acted as (
    select * from alert_actions where ts <= $now::timestamp
),

silences as (
    select * from acted
    where
        kind = 'silence'
        and until_ts > $now::timestamp
        and id not in (
            select ends_id from acted where kind = 'end_silence' and ends_id is not null
        )
),

episodes as (
    select
        rule,
        version,
        subject,
        started_ts,
        any_value(per) as per,
        any_value(venue) as venue,
        any_value(symbol) as symbol,
        any_value(base) as base,
        any_value(timeframe) as timeframe,
        arg_max(severity, ts) as severity,
        arg_max(alert_group, ts) as alert_group,
        any_value(condition) as condition,
        arg_max(channels, ts) as channels,
        max(ts) as changed_ts,
        min(ts) filter (change = 'firing') as fired_ts,
        max(ts) filter (change in ('resolved', 'dropped')) as ended_ts,
        arg_max(change, ts) as last_change,
        coalesce(min_by(message, ts) filter (change = 'firing'), arg_max(message, ts)) as message,
        coalesce(min_by(seen_values, ts) filter (change = 'firing'), arg_max(seen_values, ts))
            as seen_values,
        coalesce(min_by(seen_ages_s, ts) filter (change = 'firing'), arg_max(seen_ages_s, ts))
            as seen_ages_s
    from known
    group by rule, version, subject, started_ts
)

select
    episodes.* exclude (last_change),
    case
        when last_change in ('resolved', 'dropped') then last_change
        when fired_ts is not null then 'firing'
        else 'pending'
    end as phase,
    (
        select min(acted.ts) from acted
        where
            acted.kind = 'acknowledge'
            and acted.rule = episodes.rule
            and acted.subject = episodes.subject
            and acted.started_ts = episodes.started_ts
    ) as acknowledged_ts,
    (
        select max(silences.until_ts) from silences
        where
            coalesce(silences.rule = episodes.rule, true)
            and coalesce(silences.subject = episodes.subject, true)
            and coalesce(silences.alert_group = episodes.alert_group, true)
    ) as silenced_until
from episodes
where ended_ts is null or changed_ts >= $since::timestamp
order by coalesce(fired_ts, started_ts) desc, rule, subject
