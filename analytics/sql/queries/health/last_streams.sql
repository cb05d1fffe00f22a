-- Stream status of $venue at the end of the newest cycle that recorded one. One row, or none.
select finished_ts, streams
from cycles
where venue = $venue and streams is not null
order by finished_ts desc
limit 1
