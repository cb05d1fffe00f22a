-- Coin-margined contracts known at $now [UTC].
-- One row per (venue, symbol).
select venue, symbol
from instruments
where
    first_seen_ts <= $now::timestamp_ms
    and not linear
order by venue, symbol
