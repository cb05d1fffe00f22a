-- The instruments that their venue calls something else than a coin, as listed by $now [UTC].
-- One row per (venue, symbol): what lies beneath a contract does not change.
select venue, symbol, base, asset_class
from instruments
where
    first_seen_ts <= $now::timestamp_ms
    and asset_class <> 'coin'
order by venue, symbol
