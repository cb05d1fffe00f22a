-- Time of the newest value of each metric, as known at $now [UTC].
-- One row per venue and metric found in a snapshot since $since or a bar since $earliest.
-- A snapshot's value is dated by received_ts, a bar's by the bar's end. Long/short ratios are dated by
-- ls_ts, as snapshots repeat them until the next one; bars have no ls_ts, so the bar's start is
-- used, and only if no snapshot has the ratio.
-- NULL $venues does not filter.
with recent as (
    select received_ts as ts, coalesce(ls_ts, received_ts) as published_ts, false as from_bar, *
    from snapshots
    where
        within(received_ts, $since, $now)
        and is_among(venue, $venues)
),

ended as (
    select
        bar_end(ts) as ts, ts as published_ts, true as from_bar,
        close as price, * exclude (ts)
    from known_bars
    where
        ts > $earliest::timestamp_ms
        and over_by(ts, $now)
        and is_among(venue, $venues)
),

-- Each value replaced by its time.
stated as (
    select
        venue,
        from_bar,
        if(columns([
            'price', 'mark', 'index', 'volume_usd', 'volume_24h_usd', 'oi_base', 'oi_usd',
            'funding_rate', 'funding_interval_h', 'book_imbalance', 'spread_bps',
            'taker_buy_usd', 'taker_sell_usd', 'liq_long_usd', 'liq_short_usd'
        ]) is null, null, ts),
        if(columns([
            'ls_accounts', 'ls_top_accounts', 'ls_top_positions'
        ]) is null, null, published_ts)
    from (
        select *, null as volume_usd from recent
        union all by name
        select * from ended
    )
),

newest as (
    unpivot (
        select venue, from_bar, max(columns(* exclude (venue, from_bar)))
        from stated
        group by venue, from_bar
    )
    on columns(* exclude (venue, from_bar))
    into name metric value newest_ts
)

select
    venue,
    metric,
    newest_ts,
    (epoch_ms($now::timestamp) - epoch_ms(newest_ts)) / 1000 as age_s,
    from_bar
from newest
qualify row_number() over (
    partition by venue, metric
    order by if(starts_with(metric, 'ls_'), from_bar, null), newest_ts desc, from_bar
) = 1
order by venue, metric
