-- The start of the newest live bar of $venue since $since [UTC]; null if there is none.
-- One row.
select max(ts) as ts
from bars
where venue = $venue and origin = 'live' and ts >= $since
