-- Time of the newest row of the lake. One row, null if the lake is empty.
-- Rows within a day of $wall [UTC], the lake's clock, are preferred, so that a row stamped far in the
-- future by a wrong clock does not count as the newest until then.
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
