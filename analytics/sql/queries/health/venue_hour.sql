-- Response times of each venue over the hour before $now [UTC].
-- One row per venue with a cycle in that hour: the median over its cycles, and a list with the median
-- of each two minutes in which a cycle ended, oldest first. [wall ms]
-- budget_used_pct is the highest use of the fullest limit in any of those cycles.
with known as (
    select
        venue,
        latency_ms,
        budget_used_pct,
        time_bucket(interval 2 minutes, finished_ts::timestamp) as bucket
    from cycles
    where
        started_ts > ($now::timestamp - interval 1 hour)::timestamp_ms
        and finished_ts <= $now::timestamp_ms
),

curve as (
    select venue, list(latency_ms order by bucket) as latency_curve
    from (
        select venue, bucket, median(latency_ms) as latency_ms
        from known
        where latency_ms is not null
        group by venue, bucket
    )
    group by venue
)

select
    venue,
    median(known.latency_ms) as latency_1h_ms,
    max(known.budget_used_pct) as budget_used_1h_pct,
    any_value(curve.latency_curve) as latency_curve
from known
left join curve using (venue)
group by venue
order by venue
