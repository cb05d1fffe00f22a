-- Holes in streams that ended in the $span_s [s] before $now [UTC], newest first.
-- One row per venue, channel, symbol (`*` for the whole channel) and start.
select venue, channel, symbol, started_ts, ended_ts, reason, outcome, repaired_rows
from gaps
where
    ended_ts > seconds_before($now, $span_s)::timestamp_ms
    and ended_ts <= $now::timestamp_ms
order by ended_ts desc, venue, channel, symbol
