-- When the newest row of the record became known. One row, null in an empty lake.
select
    greatest(
        (select max(received_ts) from snapshots),
        (select max(ts) + interval 5 minutes from bars)
    )::timestamp_ms as newest_ts
