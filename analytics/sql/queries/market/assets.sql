-- Newest figures of every asset at $now [UTC] over its instruments, and their changes over $span_s [s].
-- One row per base that instruments are counted under, largest open interest first. Instruments are
-- those of $venues and $symbols (NULL does not filter) with data after $since [UTC], as in pairs.sql;
-- $counted_pairs, `venue symbol` each, are counted under $counted_names, all others under their base.
-- price is per coin. Sums and means are of the instruments that know the value: oi_pairs, volume_pairs,
-- funding_pairs and ls_pairs of pair_count, out of expected_pairs; means are weighted by oi_usd,
-- but for funding_8h_volume_pct.
-- A change compares the same instruments at both ends, with the weights of now; compared counts those
-- of oi_delta_usd. An instrument without data since $silent_before [UTC] is silent: it is left out of
-- price, spread and changes, unless all of the asset are. silent_venues are those where all are.
-- Flows are those of pair_flows.sql; their coverage is the mean over all pair_count instruments. [%]
with counted as (
    select unnest($counted_pairs::varchar[]) as pair, unnest($counted_names::varchar[]) as name
),

listed as (
    select venue, symbol, any_value(multiplier) as multiplier
    from instruments
    group by venue, symbol
),

heard as (
    select
        pairs.* exclude (base),
        coalesce(counted.name, pairs.base) as base,
        pairs.price / coins_in_unit(listed.multiplier, pairs.symbol, pairs.base) as coin_price,
        -- A bar becomes known at its end at the earliest.
        pairs.received_ts > (
            $silent_before::timestamp - if(pairs.from_bar, interval 5 minutes, interval 0 minutes)
        )::timestamp_ms as speaks
    from rows_of_pairs as pairs
    left join listed using (venue, symbol)
    left join counted on pairs.venue || ' ' || pairs.symbol = counted.pair
    where is_among(pairs.venue, $venues) and is_among(pairs.symbol, $symbols)
),

collected as (
    select base, venue, speaks from heard
    union all
    select coalesce(counted.name, silent.base) as base, silent.venue, false as speaks
    from rows_of_silent_pairs as silent
    left join counted on silent.venue || ' ' || silent.symbol = counted.pair
    where is_among(silent.venue, $venues) and is_among(silent.symbol, $symbols)
),

venues as (
    select base, venue, bool_or(speaks) as speaks, count(*) as expected
    from collected
    group by base, venue
),

presence as (
    select
        base,
        string_agg(venue, ', ' order by venue) filter (not speaks) as silent_venues,
        count(*) as venue_count,
        sum(expected)::bigint as expected_pairs
    from venues
    group by base
),

fresh as (
    select
        *,
        speaks or not bool_or(speaks) over (partition by base) as is_fresh,
        -- Venues are compared by their instrument with the most open interest.
        row_number() over (
            partition by base, venue
            order by funding_8h_pct is null, oi_usd desc nulls last, symbol
        ) = 1 as leads_venue
    from heard
),

-- What is compared, at both ends: NULL at either if one of them is not known.
compared as (
    select
        *,
        -- Where nobody's open interest is known, all weigh alike.
        if(count(oi_usd) over (partition by base) > 0, oi_usd, 1) as weight,
        if(is_fresh, coin_price, null) as price_now,
        price_now / (1 + price_delta_pct / 100) as price_then,
        price_now / (1 + price_24h_pct / 100) as price_day_ago,
        if(is_fresh, oi_usd + 0 * oi_usd_then, null) as oi_usd_now,
        oi_usd_then + 0 * oi_usd_now as oi_usd_before,
        if(is_fresh, oi_base + 0 * oi_base_then, null) as oi_base_now,
        oi_base_then + 0 * oi_base_now as oi_base_before,
        if(is_fresh, funding_8h_pct + 0 * funding_8h_pct_then, null) as funding_now,
        funding_8h_pct_then + 0 * funding_now as funding_before,
        if(is_fresh and leads_venue, funding_8h_pct, null) as funding_of_venue,
        ls_accounts / (1 + ls_accounts) as longs,
        if(is_fresh, longs + 0 * ls_accounts_then, null) as longs_now,
        ls_accounts_then / (1 + ls_accounts_then) + 0 * longs_now as longs_before
    from fresh
),

summed as (
    select
        base,
        mean_by(price_now, weight) as price,
        mean_by(price_now + 0 * price_then, weight) / mean_by(price_then, weight) as price_times,
        mean_by(price_now + 0 * price_day_ago, weight) / mean_by(price_day_ago, weight)
            as price_day_times,
        sum(oi_usd) as oi_usd,
        sum(oi_usd_now) as oi_usd_now,
        sum(oi_usd_before) as oi_usd_before,
        sum(oi_base) as oi_base,
        sum(oi_base_now) as oi_base_now,
        sum(oi_base_before) as oi_base_before,
        mean_by(funding_8h_pct, weight) as funding_8h_pct,
        mean_by(funding_8h_pct, volume_24h_usd) as funding_8h_volume_pct,
        mean_by(funding_now, weight) - mean_by(funding_before, weight) as funding_delta_pp,
        if(count(funding_of_venue) > 1, max(funding_of_venue) - min(funding_of_venue), null)
            as venue_spread_pp,
        min(venue) filter (funding_of_venue = funding_most) as highest_venue,
        min(venue) filter (funding_of_venue = funding_least) as lowest_venue,
        mean_by(longs, weight) as longs,
        mean_by(longs_now, weight) as longs_now,
        mean_by(longs_before, weight) as longs_before,
        mean_by(book_imbalance_pct, weight) as book_imbalance_pct,
        sum(volume_24h_usd) as volume_24h_usd,
        sum(cvd_usd) as cvd_usd,
        sum(coalesce(cvd_coverage_pct, 0)) / count(*) as cvd_coverage_pct,
        sum(liq_long_usd) as liq_long_usd,
        sum(coalesce(liq_long_coverage_pct, 0)) / count(*) as liq_long_coverage_pct,
        sum(liq_short_usd) as liq_short_usd,
        sum(coalesce(liq_short_coverage_pct, 0)) / count(*) as liq_short_coverage_pct,
        count(*) as pair_count,
        count(oi_usd) as oi_pairs,
        count(volume_24h_usd) as volume_pairs,
        count(funding_8h_pct) as funding_pairs,
        count(ls_accounts) as ls_pairs,
        count(oi_usd_now) as compared,
        min(price_ts) filter (is_fresh) as price_ts,
        min(oi_usd_ts) as oi_usd_ts,
        min(funding_ts) as funding_ts,
        min(ls_ts) as ls_ts,
        min(book_imbalance_ts) as book_imbalance_ts,
        min(volume_24h_usd_ts) as volume_24h_usd_ts,
        min(received_ts) filter (is_fresh) as received_ts
    from (
        select
            *,
            max(funding_of_venue) over (partition by base) as funding_most,
            min(funding_of_venue) over (partition by base) as funding_least
        from compared
    )
    left join rows_of_pair_flows using (venue, symbol)
    group by base
)

select
    base,
    price,
    100 * (price_times - 1) as price_delta_pct,
    100 * (price_day_times - 1) as price_24h_pct,
    oi_usd,
    oi_usd_now - oi_usd_before as oi_delta_usd,
    100 * (oi_usd_now / nullif(oi_usd_before, 0) - 1) as oi_delta_pct,
    oi_base,
    oi_base_now - oi_base_before as oi_base_delta,
    100 * (oi_base_now / nullif(oi_base_before, 0) - 1) as oi_base_delta_pct,
    funding_8h_pct,
    per_year(funding_8h_pct) as funding_apr_pct,
    funding_8h_volume_pct,
    funding_delta_pp,
    venue_spread_pp,
    -- Venues state rates to four decimals of a percent: what is closer is level.
    if(round(venue_spread_pp, 4) > 0, highest_venue, null) as highest_venue,
    if(round(venue_spread_pp, 4) > 0, lowest_venue, null) as lowest_venue,
    longs / nullif(1 - longs, 0) as ls_accounts,
    100 * (
        longs_now / nullif(1 - longs_now, 0) / nullif(longs_before / nullif(1 - longs_before, 0), 0)
        - 1
    ) as ls_delta_pct,
    summed.* exclude (
        base, price, price_times, price_day_times, oi_usd, oi_usd_now, oi_usd_before, oi_base,
        oi_base_now, oi_base_before, funding_8h_pct, funding_8h_volume_pct, funding_delta_pp,
        venue_spread_pp, highest_venue, lowest_venue, longs, longs_now, longs_before
    ),
    presence.venue_count,
    presence.silent_venues,
    presence.expected_pairs
from summed
left join presence using (base)
order by oi_usd desc nulls last, base
