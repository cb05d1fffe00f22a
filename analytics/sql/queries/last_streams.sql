-- How the streams of $venue stood at the end of the newest cycle that had any: one row, or none.
select finished_ts, streams
from cycles
where venue = $venue and streams is not null
order by finished_ts desc
limit 1
