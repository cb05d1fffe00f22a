-- The start of the newest live bar of $venue since $since and before $until [UTC]; null if there
-- is none. One row. Bars of a time to come are there where a clock was ahead and was put right.
select max(ts) as ts
from bars
where venue = $venue and origin = 'live' and ts >= $since and ts < $until
