-- Monitored trades as known at $now [UTC]: the newest row of each, open ones first, then the newest.
-- One row per trade, with the contract's multiplier and linear; NULL if the venue's list lacks it.
select trades.*, instruments.multiplier, instruments.linear
from (
    from trades
    where ts <= $now::timestamp_ms
    qualify row_number() over (partition by id order by ts desc, change_id) = 1
) as trades
left join instruments
    on
        instruments.venue = trades.venue
        and instruments.symbol = trades.symbol
        and instruments.first_seen_ts <= $now::timestamp_ms
order by trades.closed_ts desc nulls first, trades.opened_ts desc, trades.id
