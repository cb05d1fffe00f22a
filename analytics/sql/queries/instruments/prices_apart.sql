-- Instruments of one base whose prices per coin are, or lately were, over $factor times apart.
-- One row per two instruments of a base with such prices, a before b by venue and symbol. Prices are those of
-- finished 5-minute bars of the 24 hours before $now [UTC].
-- is_apart and ratio (higher over lower price) are of the newest bar with both prices. was_apart is the
-- verdict of the last run of $bars such bars that agreed, null if there was no such run. A bar that
-- lacks either price is skipped. Instruments are compared within their asset class only.
-- The mark price is used if known: the last trade of an illiquid contract may be hours old.
with bar_prices as (
    select venue, symbol, base, ts::timestamp as began, coalesce(mark, close) as price
    from known_bars
    where
        ended_within(ts, $now::timestamp - interval 24 hours, $now)
        and coalesce(mark, close) > 0
),

instrument_prices as (
    select
        span.*,
        coalesce(listed.asset_class, 'coin') as asset_class,
        coins_in_unit(listed.multiplier, symbol, span.base) as multiplier
    from (
        select venue, symbol, base, min(price) as lowest, max(price) as highest
        from bar_prices
        group by venue, symbol, base
    ) as span
    left join (
        select venue, symbol, multiplier, asset_class
        from instruments
        where first_seen_ts <= $now::timestamp_ms
    ) as listed using (venue, symbol)
),

-- Most bases never diverge: drop them before comparing bar by bar.
doubtful as (
    select *
    from instrument_prices
    where multiplier is not null
    window same as (partition by base, asset_class)
    qualify
        max(highest / multiplier) over same > $factor * min(lowest / multiplier) over same
        and count(*) over same > 1
),

priced as (
    select
        doubtful.venue,
        doubtful.symbol,
        doubtful.base,
        doubtful.asset_class,
        bar_prices.began,
        bar_prices.price / doubtful.multiplier as price
    from bar_prices
    join doubtful using (venue, symbol, base)
),

compared as (
    select
        a.base,
        a.asset_class,
        a.venue as a_venue,
        a.symbol as a_symbol,
        b.venue as b_venue,
        b.symbol as b_symbol,
        a.began,
        greatest(a.price, b.price) / least(a.price, b.price) as ratio,
        greatest(a.price, b.price) > $factor * least(a.price, b.price) as is_apart
    from priced as a
    join priced as b
        on
            a.base = b.base
            and a.asset_class = b.asset_class
            and a.began = b.began
            and (a.venue, a.symbol) < (b.venue, b.symbol)
),

counted as (
    select
        *,
        count(*) over (
            partition by a_venue, a_symbol, b_venue, b_symbol order by began
        ) - count(*) over (
            partition by a_venue, a_symbol, b_venue, b_symbol, is_apart order by began
        ) as run
    from compared
),

runs as (
    select
        base, asset_class, a_venue, a_symbol, b_venue, b_symbol, is_apart,
        count(*) as bars,
        max(began) as last_began,
        arg_max(ratio, began) as ratio
    from counted
    group by base, asset_class, a_venue, a_symbol, b_venue, b_symbol, is_apart, run
),

verdicts as (
    select
        base,
        asset_class,
        a_venue,
        a_symbol,
        b_venue,
        b_symbol,
        arg_max(is_apart, last_began) as is_apart,
        arg_max(is_apart, last_began) filter (bars >= $bars) as was_apart,
        arg_max(ratio, last_began) as ratio
    from runs
    group by base, asset_class, a_venue, a_symbol, b_venue, b_symbol
)

select *
from verdicts
semi join (select base, asset_class from verdicts where is_apart or was_apart)
    using (base, asset_class)
order by base, asset_class, a_venue, a_symbol, b_venue, b_symbol
