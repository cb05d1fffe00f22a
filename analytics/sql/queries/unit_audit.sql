-- How the newest open interest of each instrument between $since and $now [UTC] came about.
-- One row per instrument whose venue stated open interest; all figures are of one snapshot.
-- The recomputed figures follow from the raw one, its unit, the contract and the mark alone.
-- venue_ratio is the recomputed figure over the venue's own; null where it states none.
-- $venues that is NULL filters nothing.
with newest as (
    from snapshots
    where
        received_ts > $since::timestamp_ms
        and received_ts <= $now::timestamp_ms
        and oi_raw is not null
        and ($venues::varchar[] is null or list_contains($venues, venue))
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
