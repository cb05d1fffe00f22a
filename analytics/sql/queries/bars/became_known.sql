-- Times after $since and up to $until [UTC] at which bars, or single values of bars, became known,
-- oldest first. One row per time.
with became as (
    select known_ts as ts
    from bars
    where within(known_ts, $since, $until)
    union
    select unnest(map_values(filled))
    from bars
    where filled is not null
)

select ts
from became
where within(ts, $since, $until)
order by ts
