-- Each venue's newest cycle of the day before $now [UTC], and totals of its last hour.
-- One row per venue, by name. Columns ending in _1h are of the hour, all others of the cycle.
with known as (
    from cycles
    where
        started_ts > ($now::timestamp - interval 1 day)::timestamp_ms
        and finished_ts <= $now::timestamp_ms
),

last_hour as (
    select
        venue,
        count(*) as cycles_1h,
        count(error) as errors_1h,
        sum(refused)::bigint as refused_1h,
        100.0 * sum(answered) / nullif(sum(asked), 0) as answered_1h_pct
    from known
    where started_ts > ($now::timestamp - interval 1 hour)::timestamp_ms
    group by venue
)

select known.*, last_hour.* exclude (venue)
from known
left join last_hour using (venue)
qualify row_number() over (partition by known.venue order by known.started_ts desc) = 1
order by known.venue
