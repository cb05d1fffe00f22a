-- The facts about the lake itself. One row per key.
select key, value
from lake_info
order by key
