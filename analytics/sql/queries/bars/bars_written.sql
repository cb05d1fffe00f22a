-- What changes when bars are written, as known at $now [UTC]. One row: of the bars that start after
-- $start [UTC] since_count, known_count, which counts their known values as well, and settled_count,
-- the same of those that had ended 5 minutes before; and bar_count of all that were over, from the
-- files' metadata: 0 for a past $known_by.
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
    coalesce(sum(known), 0)::bigint as known_count,
    coalesce(sum(known) filter (over_by(ts, $now::timestamp - interval 5 minutes)), 0)::bigint
        as settled_count
from (
    select
        ts,
        1 + (close is not null)::int + (oi_usd is not null)::int + (taker_buy_usd is not null)::int
        + (liq_long_usd is not null)::int as known
    from known_bars
    where ts > $start::timestamp_ms and over_by(ts, $now)
)
