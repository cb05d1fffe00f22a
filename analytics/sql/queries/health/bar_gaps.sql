-- Stretches between $since and $now [UTC] in which expected 5-minute bars lack a value.
-- One row per instrument, metric and gap; a metric without a gap has one row with a null gap.
-- expected and present count 5-minute bars between start_ts and end_ts, and repeat on every row of
-- the metric.
-- An instrument is expected from its first bar since $earliest until the last full bar before $now.
-- If it has no bar for an hour while others of its venue do, it has left the universe and is expected
-- until its last bar only. A metric that no bar of a venue has had since $earliest is not expected
-- of that venue.
-- A NULL list does not filter. $metrics names columns of bars; `price` is the close.
with seen as (
    select
        * exclude (
            open, high, low, close, oi_usd_open, oi_usd_high, oi_usd_low, snapshot_count, origin,
            funding_settled
        ),
        close as price
    from known_bars
    where
        ts >= $earliest::timestamp_ms
        and over_by(ts, $now)
        and is_among(venue, $venues)
),

newest as (
    select venue, max(ts) as ts
    from seen
    group by venue
),

marks as (
    select
        time_bucket(interval 5 minutes, $since::timestamp + interval 299999 milliseconds)
            as first_ts,
        time_bucket(interval 5 minutes, $now::timestamp) as end_ts
),

lives as (
    select
        venue,
        symbol,
        any_value(base) as base,
        greatest(min(seen.ts), any_value(marks.first_ts)) as start_ts,
        case
            when max(seen.ts) > any_value(newest.ts) - interval 1 hour then any_value(marks.end_ts)
            else max(seen.ts) + interval 5 minutes
        end as end_ts
    from seen
    join newest using (venue)
    cross join marks
    group by venue, symbol
),

stated as (
    unpivot (
        select venue, count(columns(* exclude (venue, symbol, base, ts)))
        from seen
        group by venue
    )
    on columns(* exclude (venue))
    into name metric value bar_count
),

asked as (
    select lives.*, stated.metric
    from lives
    join stated using (venue)
    where
        lives.start_ts < lives.end_ts
        and stated.bar_count > 0
        and is_among(stated.metric, $metrics)
),

grid as (
    select venue, symbol, unnest(marks)::timestamp_ms as ts
    from (
        select
            venue,
            symbol,
            generate_series(start_ts, end_ts - interval 5 minutes, interval 5 minutes) as marks
        from lives
        where start_ts < end_ts
    )
),

cells as (
    select * exclude (base)
    from grid
    left join seen using (venue, symbol, ts)
),

missing as (
    select venue, symbol, metric, ts
    from cells
    unpivot include nulls (
        value for metric in (
            columns(
                name -> name not in ('venue', 'symbol', 'ts')
                and list_contains($metrics::varchar[], name) is not false
            )
        )
    )
    semi join asked using (venue, metric)
    where value is null
),

-- Gaps and islands: start minus row number is constant over consecutive bars.
gaps as (
    select venue, symbol, metric, min(ts) as start_ts, max(ts) + interval 5 minutes as end_ts
    from (
        select
            *,
            ts - interval 5 minutes
            * row_number() over (partition by venue, symbol, metric order by ts) as place
        from missing
    )
    group by venue, symbol, metric, place
),

counted as (
    select venue, symbol, metric, count(*) as missing
    from missing
    group by venue, symbol, metric
)

select
    asked.venue,
    asked.symbol,
    asked.base,
    asked.metric,
    asked.start_ts::timestamp_ms as start_ts,
    asked.end_ts::timestamp_ms as end_ts,
    (epoch_ms(asked.end_ts) - epoch_ms(asked.start_ts)) // 300000 as expected,
    expected - coalesce(counted.missing, 0) as present,
    gaps.start_ts::timestamp_ms as gap_start_ts,
    gaps.end_ts::timestamp_ms as gap_end_ts
from asked
left join counted using (venue, symbol, metric)
left join gaps using (venue, symbol, metric)
order by asked.venue, asked.symbol, asked.metric, gap_start_ts
