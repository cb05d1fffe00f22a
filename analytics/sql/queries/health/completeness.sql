-- Stored values against those that the cycles between $since and $now [UTC] should have stored.
-- One row per venue and metric, by the snapshot's column; `snapshots` stands for whole rows.
-- expected = universe x cycles due, one every $interval_s [s]. The universe is the mean of `asked`
-- over those cycles, or that of the last cycle before if none ran. A venue is expected from its first
-- cycle since $earliest.
-- NULL $venues does not filter.
with known as (
    from cycles
    where
        started_ts > $earliest::timestamp_ms
        and finished_ts <= $now::timestamp_ms
        and is_among(venue, $venues)
),

due as (
    select
        venue,
        coalesce(
            avg(asked) filter (started_ts > $since::timestamp_ms and asked > 0),
            arg_max(asked, started_ts) filter (asked > 0),
            0
        ) as universe,
        (epoch_ms($now::timestamp) - epoch_ms(greatest(min(started_ts), $since::timestamp_ms)))
        / (1000 * $interval_s) as cycles_expected,
        count(*) filter (started_ts > $since::timestamp_ms) as cycles_stored
    from known
    group by venue
),

counted as (
    select venue, count(*) as snapshots, count(columns(* exclude (venue)))
    from (
        select
            * exclude (
                symbol, base, venue_ts, received_ts, next_funding_ts, ls_ts, flags,
                price_24h_ago, bid, ask, oi_raw, oi_venue_usd
            )
        from snapshots
        where within(received_ts, $since, $now)
    )
    group by venue
),

stored as (
    unpivot (
        select due.venue, coalesce(columns(counted.* exclude (venue)), 0)
        from due
        left join counted using (venue)
    )
    on columns(* exclude (venue))
    into name metric value stored
)

select
    due.venue,
    stored.metric,
    due.universe,
    due.cycles_expected,
    due.cycles_stored,
    due.universe * due.cycles_expected as expected,
    stored.stored,
    least(100 * stored.stored / nullif(due.universe * due.cycles_expected, 0), 100)
        as completeness_pct
from due
join stored using (venue)
order by due.venue, stored.metric
