-- Facts about the lake itself: schema version, origin, clock. One row per key.
select key, value
from lake_info
order by key
