-- Firings of alerts after $start and up to $end [UTC], oldest first, as marks on a line: of each of
-- $parts equal parts of that time the gravest, of those the first. One row per part with a firing;
-- firings is the number of all in it.
with fired as (
    select
        ts,
        rule,
        version,
        subject,
        started_ts,
        severity,
        per,
        venue,
        symbol,
        base,
        (epoch_ms(ts) - epoch_ms($start::timestamp) - 1) * $parts::bigint
        // (epoch_ms($end::timestamp) - epoch_ms($start::timestamp)) as part
    from alert_events
    where change = 'firing' and within(ts, $start, $end)
)

select
    * exclude (part),
    count(*) over (partition by part) as firings
from fired
qualify row_number() over (
    partition by part
    order by
        list_position(['critical', 'warning', 'info'], severity),
        ts, rule, version, subject, started_ts
) = 1
order by ts
