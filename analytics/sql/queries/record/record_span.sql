-- What time is on record, around $near [UTC]: when the first and the last bar were over, and the
-- nearest bars that were over by then (before_ts) and after it (after_ts). One row, null without bars.
select
    bar_end(min(ts)) as first_ts,
    bar_end(max(ts)) as last_ts,
    bar_end(max(ts) filter (over_by(ts, $near))) as before_ts,
    bar_end(min(ts) filter (not over_by(ts, $near))) as after_ts
from bars
