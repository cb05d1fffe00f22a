-- Instruments that their venue lists as something other than a coin, at $now [UTC].
-- One row per (venue, symbol). An instrument's class never changes, so only first_seen_ts is checked.
select venue, symbol, base, asset_class
from instruments
where
    first_seen_ts <= $now::timestamp_ms
    and asset_class <> 'coin'
order by venue, symbol
