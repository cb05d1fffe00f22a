-- How much of the bars of the time before $now [UTC] is known by now. One row; what was cut
-- from bars and kept is to be cut anew when it changes: late bars come in, late snapshots make
-- a bar anew, a first start fills in a day of them, one column after another, and a backfill
-- adds months. Columns are counted in the last day alone: in all bars that takes ten times as long.
select
    max(ts) as newest_ts,
    count(*) + count(close) + count(oi_usd) + count(funding_rate) + count(ls_accounts)
    + coalesce(sum(snapshot_count), 0)::bigint
    -- All but the later ones, as what all are is known without reading any. Nothing becomes known
    -- to a past $known_by, for which all would have to be read.
    + (select count(*) from known_bars where $known_by::timestamp_ms is null)
    - (
        select count(*) from known_bars
        where
            $known_by::timestamp_ms is null
            and ts > ($now::timestamp - interval 5 minutes)::timestamp_ms
    )
        as known_count
from known_bars
where
    ts > ($now::timestamp - interval 24 hours - interval 5 minutes)::timestamp_ms
    and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
