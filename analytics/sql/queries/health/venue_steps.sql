-- The cycles of each venue by the five minutes in which they ended, for looks back from $now [UTC].
-- One row per venue and five minutes with a cycle, from a day before $start [UTC] on; ended_ts is the
-- end of the five minutes, which belongs to them. newest_ts is the end of the newest cycle that stored a
-- snapshot; asked and answered are sums; streams is the status of streams that was recorded last.
select
    venue,
    time_bucket(interval 5 minutes, finished_ts::timestamp - interval 1 microsecond)
    + interval 5 minutes as ended_ts,
    max(finished_ts) filter (answered > 0) as newest_ts,
    sum(asked)::double as asked,
    sum(answered)::double as answered,
    arg_max(streams, finished_ts::timestamp) as streams
from cycles
where
    finished_ts > ($start::timestamp - interval 1 day)::timestamp_ms
    and finished_ts <= $now::timestamp_ms
group by venue, ended_ts
order by venue, ended_ts
