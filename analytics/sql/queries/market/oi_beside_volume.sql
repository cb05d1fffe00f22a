-- Each venue's open interest over 24 h volume, against other venues for the same bases.
-- One row per venue that shares a base with another. Taken from each instrument's newest snapshot with
-- both values, between $since and $now [UTC].
-- bases counts the shared ones; oi_days [days] and oi_days_beside are medians over them. A venue that
-- counts both sides has oi_days_beside near 2.
-- NULL $venues does not filter; the comparison is always with all venues.
with newest as (
    from snapshots
    where
        within(received_ts, $since, $now)
        and oi_usd > 0
        and volume_24h_usd > 0
    qualify row_number() over (partition by venue, symbol order by received_ts desc) = 1
),

by_base as (
    select venue, base, sum(oi_usd) / sum(volume_24h_usd) as oi_days
    from newest
    group by venue, base
),

beside as (
    select
        own.venue,
        own.base,
        any_value(own.oi_days) as oi_days,
        any_value(own.oi_days) / median(other.oi_days) as oi_days_beside
    from by_base as own
    inner join by_base as other on own.base = other.base and own.venue <> other.venue
    group by own.venue, own.base
)

select
    venue,
    count(*) as bases,
    median(oi_days) as oi_days,
    median(oi_days_beside) as oi_days_beside
from beside
where is_among(venue, $venues)
group by venue
order by venue
