-- How delivery to each channel of alerts goes at $now [UTC], over the 90 days before.
-- One row per channel that is set up, that something was sent to, or that something waits for.
-- service is what its address is of, as the collector found it last, and fault why it cannot be used;
-- both NULL where it is not set up. failing_since_ts is the first failed attempt after the last that
-- was sent; NULL while none failed. waiting are alerts still to be sent, waiting_since_ts the oldest
-- of them; given_up those of the last 24 hours that were not. newest_error is the reason of
-- newest_error_ts, without addresses.
with stated as (
    select
        unnest(
            map_entries(
                from_json(value, '"MAP(VARCHAR, STRUCT(service VARCHAR, fault VARCHAR))"')
            )
        ) as entry
    from lake_info
    where key = 'alert_channels'
),

set_up as (
    select
        entry.key as channel,
        entry.value.service as service,
        entry.value.fault as fault
    from stated
),

known as (
    select * from alert_deliveries
    where within(ts, $now::timestamp - interval 90 days, $now)
),

sent as (
    select
        channel,
        max(ts) as last_sent_ts
    from known
    where outcome = 'sent'
    group by channel
),

attempts as (
    select
        channel,
        min(known.ts) filter (
            outcome in ('failed', 'given up')
            and known.ts > coalesce(last_sent_ts, timestamp '-infinity')
        ) as failing_since_ts,
        count(*) filter (
            outcome = 'given up' and known.ts > $now::timestamp - interval 24 hours
        ) as given_up,
        arg_max(error, known.ts) filter (error is not null) as newest_error,
        max(known.ts) filter (error is not null) as newest_error_ts
    from known
    left join sent using (channel)
    group by channel, last_sent_ts
),

to_send as (
    select
        channel,
        count(*) as waiting,
        min(ts) as waiting_since_ts
    from rows_of_alerts_waiting
    where not is_silenced and inhibited_by is null
    group by channel
)

select
    channel,
    set_up.service,
    set_up.fault,
    sent.last_sent_ts,
    attempts.failing_since_ts,
    coalesce(to_send.waiting, 0) as waiting,
    to_send.waiting_since_ts,
    coalesce(attempts.given_up, 0) as given_up,
    attempts.newest_error,
    attempts.newest_error_ts
from attempts
full join sent using (channel)
full join to_send using (channel)
full join set_up using (channel)
order by channel
