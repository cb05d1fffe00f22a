-- Values that validation refused between $since and $now [UTC], most frequent first.
-- One row per venue, metric and reason, counted over the cycles that ended in that time.
-- metric is the snapshot's column, or `row` if the whole row was refused.
-- NULL $venues does not filter.
with counted as (
    select
        venue,
        finished_ts,
        unnest(map_entries(refused_reasons::json::map(varchar, bigint))) as entry
    from cycles
    where
        within(finished_ts, $since, $now)
        and refused_reasons is not null
        and is_among(venue, $venues)
)

select
    venue,
    split_part(entry.key, ':', 1) as metric,
    split_part(entry.key, ':', 2) as reason,
    sum(entry.value)::bigint as refused,
    count(*) as cycles,
    min(finished_ts) as first_ts,
    max(finished_ts) as last_ts
from counted
group by venue, metric, reason
order by refused desc, venue, metric, reason
