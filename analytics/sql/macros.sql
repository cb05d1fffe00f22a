-- Expressions that several queries share. Times are TIMESTAMP in UTC; ts of a bar is its start.

-- Whether a bar had ended by *moment*: at that time no later bar was known.
create macro over_by(ts, moment) as
    ts <= (moment::timestamp - interval 5 minutes)::timestamp_ms;

-- Whether a bar ended after *since* and by *until*.
create macro ended_within(ts, since, until) as
    ts > (since::timestamp - interval 5 minutes)::timestamp_ms and over_by(ts, until);

create macro bar_end(ts) as (ts + interval 5 minutes)::timestamp_ms;

-- Whether *ts* is after *since* and not after *until*.
create macro within(ts, since, until) as
    ts > since::timestamp_ms and ts <= until::timestamp_ms;

create macro seconds_before(moment, seconds) as moment::timestamp - to_seconds(seconds::bigint);

-- Whether *name* is in *names*; a NULL list does not filter.
create macro is_among(name, names) as
    names::varchar[] is null or list_contains(names::varchar[], name);

-- The same for a column that files are sorted by: the range lets DuckDB skip whole files.
create macro is_among_sorted(name, names) as
    names::varchar[] is null or (
        name between list_min(names::varchar[]) and list_max(names::varchar[])
        and list_contains(names::varchar[], name)
    );

-- A rate per interval, rebased to 8 hours. [%]
create macro funding_8h_pct(rate, interval_h) as 100 * rate * 8 / nullif(interval_h, 0);

-- A percentage per 8 hours as one per year of 365 days.
create macro per_year(pct_per_8h) as 365 * 3 * pct_per_8h;

-- By how much the time of a metric's newest value is after *later_ms* [ms]; NULL if the row has no
-- *value* or is more than 2.5 minutes off.
create macro further_ms(value, newest_ts, later_ms) as
    if(
        value is not null and abs(epoch_ms(newest_ts) - later_ms) <= 150000,
        epoch_ms(newest_ts) - later_ms,
        null
    );

-- Sort key: smallest for the nearest row, and for the earlier of two equally near.
create macro nearness(further) as 2 * abs(further) - sign(further);

-- Coins in one quoted unit of an instrument, as listed; 1 if its symbol begins with its base. Else NULL.
create macro coins_in_unit(multiplier, symbol, base) as
    coalesce(multiplier, case when starts_with(symbol, base || '/') then 1 end);

-- What was liquidated of both sides; NULL where neither is known.
create macro liquidated_usd(long_usd, short_usd) as
    case
        when long_usd is not null or short_usd is not null
            then coalesce(long_usd, 0) + coalesce(short_usd, 0)
    end;

-- The last bar of the newest hour, of the bars *ts* of a venue: bars of venues are not written at the
-- same moment, so it is the newest of the 10 minutes before *moment*, or the one that ended then.
create macro hours_end(ts, moment) as
    coalesce(
        max(ts) filter (ts >= (moment::timestamp - interval 10 minutes)::timestamp_ms),
        (moment::timestamp - interval 5 minutes)::timestamp_ms
    );

-- The mean of *value* by *weight* over the rows that have both.
create macro mean_by(value, weight) as
    sum(value * weight) / nullif(sum(weight) filter (value is not null), 0);
