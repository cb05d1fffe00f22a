-- Start of the newest live bar of $venue since $since and before $until [UTC]. One row, null if none.
-- Bars with a start in the future exist if the clock was ahead and was then set back.
select max(ts) as ts
from bars
where venue = $venue and origin = 'live' and ts >= $since and ts < $until
