-- What changes whenever alert episodes do: how many events and actions there were at $now [UTC], and
-- how many silences had not run out then. One row, far cheaper than alert_episodes.
select
    (select count(*) from alert_events where ts <= $now::timestamp) as events,
    count(*) as actions,
    count(*) filter (kind = 'silence' and until_ts > $now::timestamp) as silences
from alert_actions
where ts <= $now::timestamp
