-- What changes when bars are written, as known at $now [UTC]. One row: since_count of the bars that
-- start after $start [UTC] and, of these, newest_ts and known_count, a count of known values; and
-- bar_count of all that were over, from the files' metadata: 0 for a past $known_by.
select
    (select count(*) from known_bars where $known_by::timestamp_ms is null)
    - (
        select count(*) from known_bars
        -- That is not over_by: for what is negated DuckDB would look into every file.
        where
            $known_by::timestamp_ms is null
            and ts > ($now::timestamp - interval 5 minutes)::timestamp_ms
    ) as bar_count,
    count(*) as since_count,
    max(ts) as newest_ts,
    count(*) + count(close) + count(oi_usd) + count(taker_buy_usd) + count(liq_long_usd)
        as known_count
from known_bars
where ts > $start::timestamp_ms and over_by(ts, $now)
