-- When the newest row of the record became known. One row, null in an empty lake.
-- Of rows within a day of $wall [UTC], what the lake's clock shows, if there are any: one that a
-- clock gone wrong stamped with a far future does not lead the record until then.
with near as (
    select greatest(
        (
            select max(received_ts) from snapshots
            where received_ts between
                ($wall::timestamp - interval 1 day)::timestamp_ms
                and ($wall::timestamp + interval 1 day)::timestamp_ms
        ),
        (
            select max(ts) + interval 5 minutes from bars
            where ts between
                ($wall::timestamp - interval 1 day)::timestamp_ms
                and ($wall::timestamp + interval 1 day)::timestamp_ms
        )
    ) as ts
)

select
    coalesce(
        near.ts,
        greatest(
            (select max(received_ts) from snapshots),
            (select max(ts) + interval 5 minutes from bars)
        )
    )::timestamp_ms as newest_ts
from near
