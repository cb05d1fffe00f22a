-- How unusual the liquidations of the newest hour at $now [UTC] are beside those of earlier hours.
-- One row per (venue, symbol) or, if $by_asset, per asset (venue and symbol NULL) whose newest hour is
-- known: liquidated_usd is its sum, liq_long_usd and liq_short_usd of each side [USD], and z_liquidations its distance from the median of the hours
-- before, in 1.4826 times their MAD; NULL without 20 of these, or where their MAD is no more than a
-- millionth of the median, which is rounding.
-- Hours follow each other back from the venue's newest bar (hours_end), for 7 days. One is known if at least $least_known (0 to 1) of its bars are.
-- An asset is the sum over its instruments with 20 earlier hours, in the hours that all of them know.
-- Instruments are those of $venues and $symbols (NULL does not filter); $counted_pairs, `venue symbol`
-- each, are counted under $counted_names, all others under their base.
with renamed as (
    select unnest($counted_pairs::varchar[]) as pair, unnest($counted_names::varchar[]) as name
),

bar_liquidations as (
    select
        venue,
        symbol,
        base,
        ts,
        liq_long_usd,
        liq_short_usd,
        liquidated_usd(liq_long_usd, liq_short_usd) as usd
    from known_bars
    where
        ts > (seconds_before($now, 169 * 3600) - interval 10 minutes)::timestamp_ms
        and over_by(ts, $now)
        and is_among(venue, $venues)
        and is_among(symbol, $symbols)
),

newest as (
    select venue, hours_end(ts, $now) as newest_ts
    from bar_liquidations
    group by venue
),

-- Hours counted back from the newest, which is 0.
hours as (
    select
        venue,
        symbol,
        (epoch_ms(newest_ts) - epoch_ms(ts)) // 3600000 as back,
        max(base) as base,
        sum(usd) as usd,
        sum(liq_long_usd) as liq_long_usd,
        sum(liq_short_usd) as liq_short_usd
    from bar_liquidations
    join newest using (venue)
    group by venue, symbol, back
    having count(usd) >= 12 * $least_known and back between 0 and 168
),

with_past as (
    select venue, symbol, max(base) as base
    from hours
    group by venue, symbol
    having bool_or(back = 0) and ($by_asset is false or count(*) filter (back > 0) >= 20)
),

sums as (
    select
        coalesce(renamed.name, with_past.base) as base,
        if($by_asset, null, venue) as venue,
        if($by_asset, null, symbol) as symbol,
        back,
        sum(usd) as usd,
        sum(liq_long_usd) as liq_long_usd,
        sum(liq_short_usd) as liq_short_usd,
        count(*) as pairs
    from hours
    join with_past using (venue, symbol)
    left join renamed on renamed.pair = venue || ' ' || symbol
    group by all
),

whole as (
    select *
    from sums
    qualify pairs = max(pairs) filter (back = 0) over (partition by base, venue, symbol)
)

select
    base,
    venue,
    symbol,
    max(usd) filter (back = 0) as liquidated_usd,
    max(liq_long_usd) filter (back = 0) as liq_long_usd,
    max(liq_short_usd) filter (back = 0) as liq_short_usd,
    case
        when
            count(*) filter (back > 0) >= 20
            and mad(usd) filter (back > 0) > 1e-6 * median(usd) filter (back > 0)
            then (liquidated_usd - median(usd) filter (back > 0))
                / (1.4826 * mad(usd) filter (back > 0))
    end as z_liquidations
from whole
group by base, venue, symbol
order by base, venue, symbol
