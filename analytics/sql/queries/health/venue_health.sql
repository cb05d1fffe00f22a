-- Whether data of each venue come in, as known at $now [UTC]. One row per venue with a cycle in the
-- day before, by name. newest_ts is the end of the newest cycle that stored a snapshot; coverage_pct
-- the share of the snapshots asked for that the cycles of the last hour stored, NULL without any;
-- streams and streams_ts are of the newest cycle that recorded the status of streams.
select
    venue,
    max(finished_ts) filter (answered > 0) as newest_ts,
    max(finished_ts) as finished_ts,
    100.0 * sum(answered) filter (finished_ts > ($now::timestamp - interval 1 hour)::timestamp_ms)
    / nullif(
        sum(asked) filter (finished_ts > ($now::timestamp - interval 1 hour)::timestamp_ms), 0
    ) as coverage_pct,
    arg_max(streams, finished_ts::timestamp) as streams,
    max(finished_ts) filter (streams is not null) as streams_ts
from cycles
where
    finished_ts > ($now::timestamp - interval 1 day)::timestamp_ms
    and finished_ts <= $now::timestamp_ms
group by venue
order by venue
