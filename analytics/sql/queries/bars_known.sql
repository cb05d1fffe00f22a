-- How much of the bars of the day before $now [UTC] is known by now. One row; what was cut
-- from bars and kept is to be cut anew when it changes: late bars come in, late snapshots make
-- a bar anew, and a first start fills in a day of them, one column after another.
select
    max(ts) as newest_ts,
    count(*) + count(close) + count(oi_usd) + count(funding_rate) + count(ls_accounts)
    + coalesce(sum(snapshot_count), 0)::bigint as known_count
from bars
where
    ts > ($now::timestamp - interval 24 hours - interval 5 minutes)::timestamp_ms
    and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
