-- Instruments that are quoted per several coins, at $now [UTC].
-- One row per (venue, symbol). A multiplier never changes, so only first_seen_ts is checked.
select venue, symbol, multiplier
from instruments
where
    first_seen_ts <= $now::timestamp_ms
    and multiplier <> 1
order by venue, symbol
