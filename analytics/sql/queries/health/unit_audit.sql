-- Each instrument's newest open interest between $since and $now [UTC], recomputed from the raw figure.
-- One row per instrument with open interest; all figures come from one snapshot.
-- Recomputed figures use only the raw figure, its unit, contract size, multiplier and mark.
-- venue_ratio is recomputed over the venue's own USD figure, null if the venue states none.
-- NULL $venues does not filter.
with newest as (
    from snapshots
    where
        within(received_ts, $since, $now)
        and oi_raw is not null
        and is_among(venue, $venues)
    qualify row_number() over (partition by venue, symbol order by received_ts desc) = 1
),

counted as (
    select
        newest.*,
        contract.* exclude (venue, symbol, base),
        case contract.oi_unit
            when 'quoted units' then newest.oi_raw
            when 'contracts' then newest.oi_raw * contract.contract_size
            when 'usd' then newest.oi_raw / nullif(newest.mark, 0)
        end as quoted_units
    from newest
    left join instruments as contract
        on newest.venue = contract.venue and newest.symbol = contract.symbol
)

select
    venue,
    symbol,
    base,
    received_ts,
    oi_raw,
    oi_unit,
    contract_size,
    multiplier,
    mark,
    oi_base,
    oi_usd,
    quoted_units * multiplier as oi_base_recomputed,
    quoted_units * mark as oi_usd_recomputed,
    oi_venue_usd,
    quoted_units * mark / nullif(oi_venue_usd, 0) as venue_ratio
from counted
order by venue, symbol
