-- What several queries say in the same words. Times go in as TIMESTAMP, UTC; a bar's ts is its start.

-- Whether a bar was over at a moment: nothing that a later bar knows was known then.
create macro over_by(ts, moment) as
    ts <= (moment::timestamp - interval 5 minutes)::timestamp_ms;

-- Whether a bar ended after *since*, and by *until*.
create macro ended_within(ts, since, until) as
    ts > (since::timestamp - interval 5 minutes)::timestamp_ms and over_by(ts, until);

create macro bar_end(ts) as (ts + interval 5 minutes)::timestamp_ms;

-- Whether something happened after *since*, and by *until*.
create macro within(ts, since, until) as
    ts > since::timestamp_ms and ts <= until::timestamp_ms;

create macro seconds_before(moment, seconds) as moment::timestamp - to_seconds(seconds::bigint);

-- Whether *names* has *name*; a list that is NULL filters nothing.
create macro is_among(name, names) as
    names::varchar[] is null or list_contains(names::varchar[], name);

-- The same of a column that files are sorted by: the bounds let whole files be passed over.
create macro is_among_sorted(name, names) as
    names::varchar[] is null or (
        name between list_min(names::varchar[]) and list_max(names::varchar[])
        and list_contains(names::varchar[], name)
    );

-- What a rate per interval is per 8 hours. [%]
create macro funding_8h_pct(rate, interval_h) as 100 * rate * 8 / nullif(interval_h, 0);

-- How much later than *later_ms* [ms] the newest value of a metric was stated [ms]; NULL where the
-- row does not know the *value*, or lies more than 2.5 minutes off.
create macro further_ms(value, newest_ts, later_ms) as
    if(
        value is not null and abs(epoch_ms(newest_ts) - later_ms) <= 150000,
        epoch_ms(newest_ts) - later_ms,
        null
    );

-- Smallest for the nearest row; of two as near, for the earlier.
create macro nearness(further) as 2 * abs(further) - sign(further);
