-- How each venue's open interest stands to its 24 h volume, beside the other venues' of the same
-- bases; of the newest snapshot of each instrument that has both, between $since and $now [UTC].
-- One row per venue that shares a base with another: bases (how many it shares), oi_days [days] and
-- oi_days_beside, both medians over those bases. A venue that counts both sides stands at about 2.
-- $venues that is NULL filters nothing; what they are compared with are all venues in any case.
with newest as (
    from snapshots
    where
        received_ts > $since::timestamp_ms
        and received_ts <= $now::timestamp_ms
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
where $venues::varchar[] is null or list_contains($venues, venue)
group by venue
order by venue
