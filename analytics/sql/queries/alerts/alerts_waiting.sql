-- Alerts of the 7 days before $now [UTC] that are still to be sent to a channel, oldest first.
-- One row per channel, rule, version, subject, started_ts and change (firing or resolved).
-- Resolved is sent where firing was, so it has no row before. A firing alert that is over has its end as
-- ended_ts. attempts counts those so far; is_silenced is whether a silence holds for it at $now, or
-- held when it happened and it is over. inhibited_by is the rule of a graver alert of the market, of the
-- same group and told to the same channel, that fires at $now, or fired when it happened and it is over;
-- NULL if there is none. One that a silence or a graver alert hid and that still fires waits again from
-- the end of that, which then is due_ts; else that is ts.
with events as materialized (
    select * from alert_events
    where within(ts, $now::timestamp - interval 7 days, $now) and change in ('firing', 'resolved')
),

tried as materialized (
    select
        channel,
        rule,
        version,
        subject,
        started_ts,
        change,
        count(*) as attempts,
        bool_or(outcome = 'sent') as is_sent,
        -- A silence and a graver alert both end.
        bool_or(outcome = 'silenced') as was_hidden,
        bool_or(outcome in ('sent', 'given up')) as is_done
    from alert_deliveries
    where within(ts, $now::timestamp - interval 90 days, $now)
    group by all
),

firing as materialized (
    select
        events.*,
        list_position(['info', 'warning', 'critical'], severity) as gravity,
        -- A name of either case is the same channel, and counts once.
        unnest(
            list_distinct(
                list_transform(
                    from_json(events.channels, '["varchar"]'), lambda name : lower(name)
                )
            )
        ) as channel
    from events
    where change = 'firing'
),

resolved as (
    select
        events.*,
        tried.channel
    from events
    inner join tried using (rule, version, subject, started_ts)
    where events.change = 'resolved' and tried.change = 'firing' and tried.is_sent
),

to_send as (
    select * from firing
    union all by name
    select * from resolved
),

silences as materialized (
    select
        silence.*,
        min(least(silence.until_ts, ended.ts)) as end_ts
    from alert_actions as silence
    left join alert_actions as ended
        on ended.kind = 'end_silence' and ended.ends_id = silence.id
        and ended.ts <= $now::timestamp
    where silence.kind = 'silence' and silence.ts <= $now::timestamp
    group by all
),

hidden as (
    select
        to_send.channel,
        to_send.rule,
        to_send.version,
        to_send.subject,
        to_send.started_ts,
        to_send.change,
        bool_or(end_ts > $now::timestamp) as is_now,
        bool_or(silences.ts <= to_send.ts and to_send.ts < end_ts) as was_then,
        max(end_ts) filter (to_send.ts < end_ts and end_ts <= $now::timestamp) as until_ts
    from to_send
    inner join silences
        on
            coalesce(silences.rule = to_send.rule, true)
            and coalesce(silences.subject = to_send.subject, true)
            and coalesce(silences.alert_group = to_send.alert_group, true)
    group by all
),

inhibited as (
    select
        to_send.channel,
        to_send.rule,
        to_send.version,
        to_send.subject,
        to_send.started_ts,
        to_send.change,
        min(market.rule) filter (market_over.ts is null) as now_by,
        min(market.rule) as then_by,
        max(market_over.ts) as until_ts
    from to_send
    inner join firing as market
        on
            to_send.per <> 'market'
            and market.per = 'market'
            and market.channel = to_send.channel
            and market.alert_group = to_send.alert_group
            and market.gravity > to_send.gravity
    left join events as market_over
        on
            market_over.change = 'resolved'
            and market_over.rule = market.rule
            and market_over.version = market.version
            and market_over.started_ts = market.started_ts
    where market_over.ts is null or market_over.ts >= to_send.ts
    group by all
)

select
    to_send.channel,
    to_send.rule,
    to_send.version,
    to_send.subject,
    to_send.started_ts,
    to_send.change,
    to_send.ts,
    to_send.per,
    to_send.venue,
    to_send.symbol,
    to_send.base,
    to_send.severity,
    to_send.alert_group,
    to_send.message,
    over.ts as ended_ts,
    coalesce(tried.attempts, 0) as attempts,
    coalesce(greatest(hidden.until_ts, inhibited.until_ts), to_send.ts) as due_ts,
    coalesce(
        hidden.is_now
        or hidden.was_then and (over.ts is not null or to_send.change = 'resolved'),
        false
    ) as is_silenced,
    coalesce(
        inhibited.now_by,
        case when over.ts is not null or to_send.change = 'resolved' then inhibited.then_by end
    ) as inhibited_by
from to_send
left join tried using (channel, rule, version, subject, started_ts, change)
left join hidden using (channel, rule, version, subject, started_ts, change)
left join inhibited using (channel, rule, version, subject, started_ts, change)
left join events as over
    on
        over.change = 'resolved'
        and to_send.change = 'firing'
        and over.rule = to_send.rule
        and over.version = to_send.version
        and over.subject = to_send.subject
        and over.started_ts = to_send.started_ts
where
    not coalesce(tried.is_done, false)
    and not (
        coalesce(tried.was_hidden, false)
        and (is_silenced or inhibited_by is not null or over.ts is not null)
    )
order by to_send.ts, to_send.channel, to_send.rule, to_send.subject
