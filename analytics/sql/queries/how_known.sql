-- How the record came to know the hour before $now [UTC]. One row: whether anything was heard
-- then, and whether there is a bar that was fetched afterwards, by backfill or from files.
with told as (
    select origin
    from known_bars
    where
        ts > ($now::timestamp - interval 65 minutes)::timestamp_ms
        and ts <= ($now::timestamp - interval 5 minutes)::timestamp_ms
)

select
    exists(
        from snapshots
        where
            received_ts > ($now::timestamp - interval 1 hour)::timestamp_ms
            and received_ts <= $now::timestamp_ms
    )
    -- Snapshots go after some weeks; the bars that were made of them stay.
    or exists(from told where origin = 'live') as was_heard,
    exists(from told where origin <> 'live') as was_fetched
