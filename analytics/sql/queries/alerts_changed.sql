-- What changes whenever alert episodes do: how many events and actions are stored, and how many
-- silences have not run out at $now [UTC]. One row, far cheaper than alert_episodes.
select
    (select count(*) from alert_events) as events,
    count(*) as actions,
    count(*) filter (kind = 'silence' and until_ts > $now::timestamp) as silences
from alert_actions
