-- A version of the bars before $now [UTC]: the newest bar and a count of known values. One row.
-- Frames cut from bars are cached under it and cut again when it changes: a late bar arrives, a late
-- snapshot rebuilds one, the first start backfills a day column by column, a backfill adds months.
-- Columns are counted over the last day only; over all bars that takes ten times as long.
select
    max(ts) as newest_ts,
    count(*) + count(close) + count(oi_usd) + count(funding_rate) + count(ls_accounts)
    + coalesce(sum(snapshot_count), 0)::bigint
    -- All bars less those after $now: a bare count(*) comes from file metadata. For a past $known_by
    -- it would read every bar, and nothing new becomes known then, so it is left out.
    + (select count(*) from known_bars where $known_by::timestamp_ms is null)
    - (
        select count(*) from known_bars
        where
            $known_by::timestamp_ms is null
            and not over_by(ts, $now)
    )
        as known_count
from known_bars
where
    ended_within(ts, $now::timestamp - interval 24 hours, $now)
